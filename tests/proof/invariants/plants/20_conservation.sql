-- plant: a consumer that stopped short
UPDATE judge.progress SET committed = committed - 1 WHERE committed > 0;
-- plant: an offset that holds nothing
DELETE FROM judge.kafka WHERE "offset" = 0;
-- plant: a claim lost
DELETE FROM tower.inbox WHERE event_id = (SELECT event_id FROM tower.inbox LIMIT 1);
-- plant: a reader of another topic
INSERT INTO judge.progress VALUES ('briefing', 'executor.work.v1', 0, 0, 0);
