-- plant: a grant of another campaign
UPDATE executor.effect_intent SET grant_id = (SELECT max(grant_id::text)::uuid FROM executor.approval_grant)
 WHERE effect_id IN (SELECT effect_id FROM judge.ledger);
-- plant: a grant under another policy
UPDATE judge.kafka SET body = jsonb_set(body, '{policy_hash}', to_jsonb(repeat('0', 64)))
 WHERE type = 'io.handrail.action.cleared.v1';
-- plant: a grant for another tool
UPDATE judge.kafka SET body = jsonb_set(body, '{action,tool}', '"another"') WHERE type = 'io.handrail.action.cleared.v1';
-- plant: a decision that was cleared and denied
INSERT INTO judge.kafka SELECT topic, partition, "offset" + 1000000, at, readable, gen_random_uuid(),
       'io.handrail.action.denied.v1', tenant, campaign_id, sequence, epoch, causation_id, occurred_at, signature, key,
       sha256, leaf, body
  FROM judge.fact WHERE type = 'io.handrail.action.cleared.v1' LIMIT 1;
