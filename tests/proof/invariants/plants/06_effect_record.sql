-- plant: a mail that nobody planned
UPDATE judge.ledger SET effect_id = gen_random_uuid() WHERE number = (SELECT min(number) FROM judge.ledger);
-- plant: a mail that never arrived
DELETE FROM judge.ledger WHERE effect_id = (SELECT effect_id FROM executor.effect_intent WHERE state = 'succeeded' LIMIT 1);
-- plant: a mail that left although we say that it did not
UPDATE executor.effect_intent SET state = 'failed_definite'
 WHERE effect_id = (SELECT effect_id FROM judge.ledger LIMIT 1) AND state <> 'abandoned';
-- plant: an intent that stays in flight
UPDATE executor.effect_intent SET state = 'dispatched'
 WHERE effect_id = (SELECT effect_id FROM executor.effect_intent WHERE state = 'succeeded' LIMIT 1);
-- plant: an unknown effect without a case
UPDATE executor.effect_intent SET state = 'unknown'
 WHERE effect_id = (SELECT effect_id FROM executor.effect_intent WHERE state = 'succeeded' LIMIT 1);
-- plant: an outcome that no event tells
UPDATE judge.kafka SET body = jsonb_set(body, '{effects}', '[]')
 WHERE type = 'io.handrail.effects.recorded.v1';
