-- plant: one byte changed
UPDATE audit.record SET value = set_byte(value, 0, 0) WHERE seq = 3;
-- plant: a record cut out
DELETE FROM audit.record WHERE seq = 3;
-- plant: the end cut off
DELETE FROM audit.record WHERE seq = (SELECT max(seq) FROM audit.record);
-- plant: a checkpoint over another past
UPDATE judge.kafka SET body = jsonb_set(body, '{head}', to_jsonb(repeat('0', 64)))
 WHERE type = 'io.handrail.checkpoint.signed.v1';
