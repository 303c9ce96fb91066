-- plant: a campaign that is neither over nor waits for anything
UPDATE executor.campaign_state SET body = body || '{"finished": null, "halt": null}'
 WHERE campaign_id = (SELECT campaign_id FROM executor.campaign_state WHERE body->>'finished' = 'completed' LIMIT 1);
-- plant: a plan that the executor never saw
DELETE FROM executor.campaign_state WHERE campaign_id = (SELECT campaign_id FROM executor.campaign_state
    WHERE body->>'finished' = 'completed' LIMIT 1);
