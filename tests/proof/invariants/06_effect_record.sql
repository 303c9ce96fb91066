-- What we say of effects is so: none unrecorded, none falsely claimed, none undecided; an unknown one was asked about.
WITH said AS (
    SELECT (e->>'effect_id')::uuid AS effect_id, e->>'outcome' AS outcome
      FROM judge.fact AS k, jsonb_array_elements(k.body->'effects') AS e
     WHERE k.type = 'io.handrail.effects.recorded.v1'
), settled AS (
    SELECT (body->>'effect_id')::uuid AS effect_id, body->>'settled' AS settled
      FROM judge.fact WHERE type = 'io.handrail.action.reconciled.v1'
)
SELECT 'outside, without an intent' AS what, format('%s %s', l.campaign_id, l.target) AS which
  FROM judge.ledger AS l
 WHERE NOT EXISTS (SELECT 1 FROM executor.effect_intent AS i
                    WHERE (i.tenant, i.campaign_id, i.effect_id, i.recipient_hash)
                        = (l.tenant, l.campaign_id, l.effect_id, l.recipient_hash))
UNION ALL
SELECT 'claimed, and not outside', format('%s %s', i.campaign_id, i.effect_id)
  FROM executor.effect_intent AS i
 WHERE i.state = 'succeeded' AND NOT EXISTS (SELECT 1 FROM judge.ledger AS l WHERE l.effect_id = i.effect_id)
UNION ALL
SELECT 'denied, and outside', format('%s %s: %s, %s', i.campaign_id, i.effect_id, i.state, i.because)
  FROM executor.effect_intent AS i
  JOIN judge.ledger AS l USING (effect_id)
 WHERE i.state IN ('planned', 'failed_definite', 'skipped')
    -- one abandoned under an earlier decision may have left under a later one
    OR (i.state = 'abandoned' AND NOT EXISTS (SELECT 1 FROM executor.effect_intent AS other
                                               WHERE other.effect_id = i.effect_id AND other.state <> 'abandoned'))
UNION ALL
SELECT 'undecided', format('%s %s: %s', i.campaign_id, i.effect_id, i.state)
  FROM executor.effect_intent AS i
  JOIN executor.campaign_guard AS g USING (tenant, campaign_id)
 WHERE i.state = 'dispatched' OR (i.state = 'planned' AND i.lost_at IS NOT NULL)
    OR (i.state = 'planned' AND NOT g.halted
        AND NOT EXISTS (SELECT 1 FROM executor.kill_switch AS s
                         WHERE s.engaged AND s.scope IN ('global', 'tenant:' || i.tenant,
                                                         format('campaign:%s:%s', i.tenant, i.campaign_id))))
UNION ALL
SELECT 'unknown, and nobody was asked', format('%s %s', i.campaign_id, i.effect_id)
  FROM executor.effect_intent AS i
 WHERE i.state = 'unknown'
   AND NOT EXISTS (SELECT 1 FROM judge.fact AS k
                    WHERE k.type = 'io.handrail.case.opened.v1' AND k.body->>'subject_id' = i.effect_id::text)
UNION ALL
SELECT 'settled, and not recorded', format('%s %s: %s, %s', i.campaign_id, i.effect_id, i.state, i.because)
  FROM executor.effect_intent AS i
 WHERE i.state IN ('succeeded', 'failed_definite', 'unknown', 'skipped')
   AND NOT EXISTS (SELECT 1 FROM said WHERE said.effect_id = i.effect_id)
UNION ALL
SELECT 'recorded otherwise', format('%s %s: %s, recorded %s', i.campaign_id, i.effect_id, i.state, said.outcome)
  FROM executor.effect_intent AS i
  JOIN said USING (effect_id)
 WHERE i.state NOT IN ('abandoned', said.outcome)
   AND NOT (said.outcome = 'unknown' AND EXISTS (
           SELECT 1 FROM settled
            WHERE settled.effect_id = i.effect_id
              AND i.state = CASE settled.settled WHEN 'applied' THEN 'succeeded' ELSE 'failed_definite' END))
UNION ALL
SELECT 'not authentic', format('%s %s', campaign_id, target) FROM judge.ledger WHERE NOT authentic
