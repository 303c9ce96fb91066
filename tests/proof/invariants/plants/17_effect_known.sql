-- plant: an intent that is gone
DELETE FROM executor.effect_intent
 WHERE effect_id = (SELECT effect_id FROM executor.effect_intent WHERE state = 'succeeded' LIMIT 1);
