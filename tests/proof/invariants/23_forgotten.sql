-- No campaign is forgotten: each is over, or halted for people, or waits for a case, a task or a timer.
SELECT 'nobody will move it' AS what, format('%s, stage %s', s.campaign_id, s.body->>'stage') AS which
  FROM executor.campaign_state AS s
 WHERE s.body->>'finished' IS NULL AND s.body->'halt' = 'null' AND s.campaign_id::text NOT IN (judge.known('tenant_row'), judge.known('everybodys_row'))
   AND NOT EXISTS (SELECT 1 FROM judge.task AS t
                    WHERE (t.tenant, t.campaign_id) = (s.tenant, s.campaign_id) AND t.done_at IS NULL
                      AND (t.service = 'executor' OR t.kind IN ('wave_deadline', 'window_closes')))
   AND NOT EXISTS (SELECT 1 FROM escalation.case_index AS c
                    WHERE (c.tenant, c.campaign_id) = (s.tenant, s.campaign_id) AND c.status = 'open')
UNION ALL
SELECT 'planned, and nobody began', format('%s', k.campaign_id)
  FROM judge.fact AS k
 WHERE k.type = 'io.handrail.plan.issued.v1'
   AND NOT EXISTS (SELECT 1 FROM executor.campaign_state AS s WHERE s.campaign_id = k.campaign_id)
