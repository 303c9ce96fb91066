-- Whatever we say of an effect, there is the intent that it was planned by.
SELECT 'recorded, without an intent' AS what, format('%s: %s', e->>'effect_id', e->>'outcome') AS which
  FROM judge.fact AS k, jsonb_array_elements(k.body->'effects') AS e
 WHERE k.type = 'io.handrail.effects.recorded.v1'
   AND NOT EXISTS (SELECT 1 FROM executor.effect_intent AS i WHERE i.effect_id = (e->>'effect_id')::uuid)
