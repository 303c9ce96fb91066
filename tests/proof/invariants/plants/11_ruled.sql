-- plant: a grant of another campaign
UPDATE executor.effect_intent SET grant_id = (SELECT max(grant_id::text)::uuid FROM executor.approval_grant)
 WHERE effect_id IN (SELECT effect_id FROM judge.ledger);
-- plant: a grant under another policy
UPDATE judge.kafka SET body = jsonb_set(body, '{policy_hash}', to_jsonb(repeat('0', 64)))
 WHERE type = 'io.handrail.action.cleared.v1';
-- plant: a grant for another tool
UPDATE judge.kafka SET body = jsonb_set(body, '{action,tool}', '"another"') WHERE type = 'io.handrail.action.cleared.v1';
-- plant: a decision that was cleared and denied
SELECT judge.plant('io.handrail.action.cleared.v1', 'io.handrail.action.denied.v1');
