-- plant: a record that nobody logged
DELETE FROM escalation.event_log WHERE id = (SELECT min(id) FROM escalation.event_log);
-- plant: a record changed on its way
UPDATE judge.kafka SET leaf = sha256('other') WHERE event_id = (SELECT event_id FROM executor.event_log ORDER BY id LIMIT 1);
-- plant: a claim of something that never was
INSERT INTO monitor.inbox (xid, event_id, claimed_at) VALUES (1, gen_random_uuid(), now());
-- plant: an event on another owner's topic
UPDATE judge.kafka SET topic = 'escalation.rulings.v1'
 WHERE event_id = (SELECT event_id FROM executor.event_log ORDER BY id LIMIT 1);
