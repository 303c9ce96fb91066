-- plant: a record that never reached Kafka
DELETE FROM judge.kafka WHERE event_id = (SELECT event_id FROM executor.event_log ORDER BY id LIMIT 1);
-- plant: a consumer that skipped a record
DELETE FROM executor.inbox WHERE event_id = (SELECT event_id FROM judge.fact WHERE topic = 'briefing.plans.v1' LIMIT 1);
-- plant: a message that still waits for its plan
INSERT INTO monitor.waiting (tenant, campaign_id, plan_version, topic)
SELECT tenant, campaign_id, 2, topic FROM judge.fact LIMIT 1;
-- plant: an unreadable record that nobody kept
UPDATE judge.kafka SET readable = false, event_id = NULL WHERE event_id = (SELECT event_id FROM judge.fact LIMIT 1);
-- plant: a door's word without an event
INSERT INTO judge.promise SELECT campaign_id, 'io.handrail.campaign.halted.v1' FROM judge.fact
 WHERE campaign_id NOT IN (SELECT campaign_id FROM judge.fact WHERE type = 'io.handrail.campaign.halted.v1') LIMIT 1;
