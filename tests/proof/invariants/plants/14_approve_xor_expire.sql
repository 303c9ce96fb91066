-- plant: a case that was resolved and expired
SELECT judge.plant('io.handrail.case.resolved.v1', 'io.handrail.case.expired.v1');
-- plant: a grant after the deadline
UPDATE judge.kafka SET body = jsonb_set(body, '{granted_at}', '"2100-01-01T00:00:00Z"')
 WHERE type = 'io.handrail.action.cleared.v1';
-- plant: two rulings on one decision
SELECT judge.plant('io.handrail.action.cleared.v1');
