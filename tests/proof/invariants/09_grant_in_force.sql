-- Nothing began to leave before its grant opened, after it ended, or after the executor knew that it was revoked.
-- `first_dispatched_at` is written by the guard under the campaign's lock; a second attempt of the same intent has no
-- time of its own, and rests on the guard and on what `10_stopped` sees arrive.
SELECT 'dispatched outside its grant' AS what,
       format('%s at %s, grant from %s to %s', i.effect_id, i.first_dispatched_at, g.opens_at,
              least(said.expires_at, g.revoked_at)) AS which
  FROM executor.effect_intent AS i
  JOIN executor.approval_grant AS g USING (tenant, grant_id)
  LEFT JOIN LATERAL (SELECT (k.body->>'granted_at')::timestamptz AS granted_at,
                            (k.body->>'expires_at')::timestamptz AS expires_at
                       FROM judge.fact AS k
                      WHERE k.type = 'io.handrail.action.cleared.v1' AND k.body->>'grant_id' = g.grant_id::text) AS said ON true
 WHERE i.first_dispatched_at IS NOT NULL
   AND (said.expires_at IS NULL OR i.first_dispatched_at < greatest(said.granted_at, g.opens_at)
        OR i.first_dispatched_at >= least(said.expires_at, g.revoked_at))
UNION ALL
SELECT 'left before its launch', format('%s %s', l.campaign_id, l.target)
  FROM judge.ledger AS l
  JOIN judge.fact AS k ON k.campaign_id = l.campaign_id AND k.type = 'io.handrail.plan.issued.v1'
 WHERE l.at < k.occurred_at + (k.body->'plan'->'brief'->'timing'->'launch'->>'by')::interval
UNION ALL
SELECT 'one grant, two sends', format('%s', grant_id)
  FROM executor.effect_intent GROUP BY grant_id HAVING count(DISTINCT decision_id) > 1
