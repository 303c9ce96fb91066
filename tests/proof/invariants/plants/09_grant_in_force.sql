-- plant: a mail that began after the end of its grant
UPDATE executor.effect_intent SET first_dispatched_at = first_dispatched_at + interval '1 year'
 WHERE effect_id = (SELECT effect_id FROM executor.effect_intent WHERE state = 'succeeded' LIMIT 1);
-- plant: a mail that began after the revocation
UPDATE executor.approval_grant SET revoked_at = granted_at;
-- plant: a mail before the launch
UPDATE judge.ledger SET at = '2000-01-01' WHERE number = (SELECT min(number) FROM judge.ledger);
-- plant: a grant used for two decisions
UPDATE executor.effect_intent SET decision_id = gen_random_uuid()
 WHERE effect_id = (SELECT effect_id FROM executor.effect_intent WHERE state = 'succeeded' LIMIT 1);
