-- plant: a fact that the audit never stored
DELETE FROM audit.record WHERE seq = 3;
-- plant: a fact stored twice
INSERT INTO audit.record SELECT * FROM audit.record WHERE seq = 3;
-- plant: a record that never was
UPDATE audit.record SET event_id = gen_random_uuid() WHERE seq = 3;
-- plant: other bytes
UPDATE audit.record SET leaf = sha256('other') WHERE seq = 3;
