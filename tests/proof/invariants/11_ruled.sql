-- Every effect outside rests on a ruling: a grant that escalation signed, for this campaign, this plan under its frozen
-- policy, this tool and verb; and no decision was both cleared and denied.
SELECT 'without a signed ruling' AS what, format('%s %s', l.campaign_id, l.target) AS which
  FROM judge.ledger AS l
  JOIN executor.effect_intent AS i ON (i.effect_id, i.recipient_hash) = (l.effect_id, l.recipient_hash)
 WHERE i.state <> 'abandoned'
   AND NOT EXISTS (
       SELECT 1
         FROM judge.fact AS k
         JOIN judge.fact AS p ON p.campaign_id = k.campaign_id AND p.type = 'io.handrail.plan.issued.v1'
        WHERE k.type = 'io.handrail.action.cleared.v1' AND k.signature = 'valid' AND k.campaign_id = l.campaign_id
          AND k.body->>'grant_id' = i.grant_id::text AND k.body->>'decision_id' = i.decision_id::text
          AND (k.body->>'plan_version')::int = i.plan_version
          AND (p.body->'plan'->>'version', p.body->>'plan_hash', p.body->'plan'->>'policy_hash')
            = (k.body->>'plan_version', k.body->>'plan_hash', k.body->>'policy_hash')
          AND k.body->'action'->>'tool' = l.tool AND k.body->'action'->>'action_class' = 'publish')
UNION ALL
SELECT 'cleared and denied', format('%s', c.body->>'decision_id')
  FROM judge.fact AS c
  JOIN judge.fact AS d ON d.type = 'io.handrail.action.denied.v1' AND d.body->>'decision_id' = c.body->>'decision_id'
 WHERE c.type = 'io.handrail.action.cleared.v1'
