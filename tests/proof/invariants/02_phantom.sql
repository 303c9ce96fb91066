-- Nothing is made up: what is on Kafka was logged by the topic's owner, byte for byte, and nobody met what never was.
SELECT 'on Kafka, never logged' AS what, format('%s %s', k.topic, k.event_id) AS which
  FROM judge.fact AS k
  LEFT JOIN judge.event_log AS e USING (event_id)
 WHERE e.event_id IS NULL AND k.event_id NOT IN (SELECT event_id FROM judge.outside)
UNION ALL
SELECT 'logged by somebody else', format('%s %s %s', e.service, k.topic, k.event_id)
  FROM judge.fact AS k
  JOIN judge.event_log AS e USING (event_id)
 WHERE e.service <> CASE WHEN k.topic LIKE 'inbound.%' THEN 'monitor' ELSE split_part(k.topic, '.', 1) END
UNION ALL
SELECT 'other bytes than were logged', format('%s %s', k.topic, k.event_id)
  FROM judge.kafka AS k
  JOIN judge.event_log AS e USING (event_id)
 WHERE k.leaf <> judge.leaf(e.topic, e.key, e.headers, e.value)
UNION ALL
SELECT 'one id, several records', format('%s', event_id)
  FROM judge.kafka WHERE readable GROUP BY event_id HAVING count(DISTINCT leaf) > 1
UNION ALL
SELECT 'met, never on Kafka', format('%s %s', i.service, i.event_id)
  FROM judge.inbox AS i
 WHERE NOT EXISTS (SELECT 1 FROM judge.kafka AS k WHERE k.event_id = i.event_id)
UNION ALL
SELECT 'unreadable, from us', format('%s/%s/%s', topic, partition, "offset")
  FROM judge.kafka WHERE NOT readable AND topic NOT LIKE 'inbound.%'
