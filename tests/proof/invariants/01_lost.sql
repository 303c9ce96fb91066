-- Nothing is lost: what a service logged is on Kafka; every subscribed consumer met what is there, or keeps it; and what
-- a door said to be written is written. (What waits for its plan was met, and nothing waits when all is quiet.)
SELECT 'logged, not on Kafka' AS what, format('%s %s', e.service, e.event_id) AS which
  FROM judge.event_log AS e
 WHERE NOT EXISTS (SELECT 1 FROM judge.kafka AS k WHERE k.event_id = e.event_id)
UNION ALL
SELECT 'not met by a consumer', format('%s %s %s', s.consumer, k.topic, k.event_id)
  FROM judge.fact AS k
  JOIN judge.subscription AS s USING (topic)
  LEFT JOIN judge.inbox AS i ON (i.service, i.event_id) = (s.consumer, k.event_id)
  LEFT JOIN judge.dead_letter AS d
         ON (d.service, d.topic, d.partition, d.kafka_offset) = (s.consumer, k.topic, k.partition, k."offset")
 WHERE i.event_id IS NULL AND d.id IS NULL
   -- the tower shows nothing of what belongs to a tenant or to everybody alone, but kill switches
   AND NOT (s.consumer = 'tower' AND k.campaign_id::text IN (judge.known('tenant_row'), judge.known('everybodys_row'))
            AND k.type <> 'io.handrail.killswitch.changed.v1')
UNION ALL
SELECT 'unreadable, and not kept', format('%s %s/%s/%s', s.consumer, k.topic, k.partition, k."offset")
  FROM judge.kafka AS k
  JOIN judge.subscription AS s USING (topic)
  LEFT JOIN judge.dead_letter AS d
         ON (d.service, d.topic, d.partition, d.kafka_offset) = (s.consumer, k.topic, k.partition, k."offset")
 WHERE NOT k.readable AND (d.id IS NULL OR d.sha256 <> k.sha256)
UNION ALL
SELECT 'waits for ever', format('%s %s', service, campaign_id) FROM judge.waiting
UNION ALL
SELECT 'promised at a door, not written', format('%s %s', p.campaign_id, p.type)
  FROM (SELECT campaign_id, type, count(*) AS times FROM judge.promise GROUP BY campaign_id, type) AS p
 WHERE p.times > (SELECT count(*) FROM judge.fact AS k WHERE (k.campaign_id, k.type) = (p.campaign_id, p.type))
