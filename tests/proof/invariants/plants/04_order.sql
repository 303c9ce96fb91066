-- plant: a sequence nobody used
UPDATE executor.event_log SET sequence = sequence + 1
 WHERE (campaign_id, sequence) = (SELECT campaign_id, max(sequence) FROM executor.event_log
                                   WHERE topic = 'executor.work.v1' GROUP BY campaign_id ORDER BY max(sequence) DESC LIMIT 1)
   AND topic = 'executor.work.v1';
-- plant: two records that changed places on Kafka
WITH two AS (SELECT topic, campaign_id FROM judge.fact WHERE topic = 'executor.work.v1' AND sequence = 2 LIMIT 1)
UPDATE judge.kafka AS k SET sequence = CASE k.sequence WHEN 1 THEN 2 ELSE 1 END
  FROM two WHERE (k.topic, k.campaign_id) = (two.topic, two.campaign_id) AND k.sequence IN (1, 2);
-- plant: a batch that was consumed before an earlier one
UPDATE monitor.inbox SET xid = 0, claimed_at = '2000-01-01'
 WHERE event_id = (SELECT event_id FROM judge.fact WHERE topic = 'executor.work.v1' AND sequence = 2 LIMIT 1);
-- plant: two records that changed places in the chain
WITH two AS (SELECT campaign_id FROM judge.fact WHERE topic = 'executor.work.v1' AND sequence = 2 LIMIT 1)
UPDATE audit.record AS r SET seq = -r.seq
  FROM two WHERE r.campaign_id = two.campaign_id AND r.topic = 'executor.work.v1';
