-- A case ends once: people decided, or its time was over, or it was no longer a question. One decision has one ruling.
SELECT 'ended twice' AS what, format('case %s: %s', body->>'case_id', string_agg(type, ', ')) AS which
  FROM judge.fact
 WHERE type IN ('io.handrail.case.resolved.v1', 'io.handrail.case.expired.v1', 'io.handrail.case.withdrawn.v1')
 GROUP BY body->>'case_id' HAVING count(*) > 1
UNION ALL
SELECT 'cleared after it had ended', format('case %s', c.body->>'case_id')
  FROM judge.fact AS c
  JOIN judge.fact AS e ON e.type IN ('io.handrail.case.expired.v1', 'io.handrail.case.withdrawn.v1')
                      AND e.body->>'case_id' = c.body->>'case_id'
 WHERE c.type = 'io.handrail.action.cleared.v1'
UNION ALL
SELECT 'cleared after the deadline', format('case %s', c.body->>'case_id')
  FROM judge.fact AS c
  JOIN judge.fact AS o ON o.type = 'io.handrail.case.opened.v1' AND o.body->>'case_id' = c.body->>'case_id'
 WHERE c.type = 'io.handrail.action.cleared.v1'
   AND (c.body->>'granted_at')::timestamptz >= (o.body->>'deadline')::timestamptz
UNION ALL
SELECT 'one decision, several rulings', format('%s', body->>'decision_id')
  FROM judge.fact
 WHERE type IN ('io.handrail.action.cleared.v1', 'io.handrail.action.denied.v1')
 GROUP BY body->>'decision_id' HAVING count(*) > 1
