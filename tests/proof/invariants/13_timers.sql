-- Timers fire once, never early, and all that were due ten seconds before the tables were read have fired. Lateness is
-- measured elsewhere, not judged here.
WITH closed AS (
    SELECT body->>'case_id' AS case_id FROM judge.fact
     WHERE type IN ('io.handrail.case.resolved.v1', 'io.handrail.case.expired.v1', 'io.handrail.case.withdrawn.v1')
)
SELECT 'early' AS what, format('%s %s %s', service, kind, id) AS which FROM judge.task WHERE done_at < due_at
UNION ALL
SELECT 'due and not done', format('%s %s %s', t.service, t.kind, t.id)
  FROM judge.task AS t
 WHERE t.done_at IS NULL AND t.due_at < judge.known('looked_at')::timestamptz - interval '10 s'
   AND NOT EXISTS (SELECT 1 FROM judge.dead_letter AS d
                    WHERE (d.service, d.tenant, d.campaign_id) = (t.service, t.tenant, t.campaign_id))
UNION ALL
SELECT 'a case that expired early', format('%s', e.body->>'case_id')
  FROM judge.fact AS e
  JOIN judge.fact AS o ON o.type = 'io.handrail.case.opened.v1' AND o.body->>'case_id' = e.body->>'case_id'
 WHERE e.type = 'io.handrail.case.expired.v1' AND e.occurred_at < (o.body->>'deadline')::timestamptz
UNION ALL
SELECT 'a case open past its deadline', format('%s', o.body->>'case_id')
  FROM judge.fact AS o
 WHERE o.type = 'io.handrail.case.opened.v1' AND (o.body->>'deadline')::timestamptz < judge.known('looked_at')::timestamptz - interval '10 s'
   AND o.body->>'case_id' NOT IN (SELECT case_id FROM closed)
UNION ALL
SELECT 'a window that closed early', format('%s', campaign_id)
  FROM judge.fact
 WHERE type IN ('io.handrail.outcome.verified.v1', 'io.handrail.outcome.rejected.v1')
   AND occurred_at < (body->>'window_closed_at')::timestamptz
UNION ALL
SELECT 'a promise breached early', format('%s %s', b.campaign_id, b.body->>'sla')
  FROM judge.fact AS b
  JOIN judge.fact AS s ON s.type = 'io.handrail.sla.started.v1' AND s.campaign_id = b.campaign_id
                      AND s.body->>'sla' = b.body->>'sla'
 WHERE b.type = 'io.handrail.sla.breached.v1' AND b.body->>'because' = 'the deadline passed'
   AND b.occurred_at < (s.body->>'due_at')::timestamptz
UNION ALL
SELECT 'fired twice', format('%s %s', campaign_id, fired)
  FROM (SELECT campaign_id,
               CASE WHEN type LIKE 'io.handrail.sla.%' THEN 'sla ' || (body->>'sla')
                    WHEN type LIKE 'io.handrail.outcome.%' THEN 'outcome'
                    WHEN type = 'io.handrail.case.expired.v1' THEN 'case ' || (body->>'case_id')
                    ELSE concat_ws(' ', 'trigger', body->>'rule', body->>'decision_id', body->>'wave') END AS fired
          FROM judge.fact
         WHERE type IN ('io.handrail.sla.met.v1', 'io.handrail.sla.breached.v1', 'io.handrail.outcome.verified.v1',
                        'io.handrail.outcome.rejected.v1', 'io.handrail.case.expired.v1',
                        'io.handrail.trigger.fired.v1')) AS x
 GROUP BY campaign_id, fired HAVING count(*) > 1
