-- plant: a task done before it was due
UPDATE monitor.task SET due_at = done_at + interval '1 s' WHERE id = (SELECT id FROM monitor.task WHERE done_at IS NOT NULL LIMIT 1);
-- plant: a timer that never fired
UPDATE monitor.task SET done_at = NULL WHERE id = (SELECT id FROM monitor.task WHERE done_at IS NOT NULL LIMIT 1);
-- plant: a case that nobody closed
DELETE FROM judge.kafka WHERE type = 'io.handrail.case.resolved.v1';
-- plant: a window that closed before its time
UPDATE judge.kafka SET occurred_at = occurred_at - interval '1 hour'
 WHERE type IN ('io.handrail.outcome.verified.v1', 'io.handrail.outcome.rejected.v1');
-- plant: a promise settled twice
SELECT judge.plant('io.handrail.sla.met.v1');
