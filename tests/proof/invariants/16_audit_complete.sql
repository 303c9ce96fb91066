-- The audit holds every fact of every topic exactly once, as it was on Kafka, and nothing else.
SELECT 'without a leaf' AS what, format('%s %s', k.topic, k.event_id) AS which
  FROM judge.fact AS k
 WHERE NOT EXISTS (SELECT 1 FROM audit.record AS r WHERE (r.tenant, r.event_id) = (k.tenant, k.event_id))
UNION ALL
SELECT 'more than one leaf', format('%s', event_id) FROM audit.record GROUP BY tenant, event_id HAVING count(*) > 1
UNION ALL
SELECT 'another leaf', format('%s %s', r.topic, r.event_id)
  FROM audit.record AS r JOIN judge.fact AS k USING (tenant, event_id)
 WHERE r.leaf <> k.leaf
UNION ALL
SELECT 'a leaf of nothing', format('%s', r.event_id)
  FROM audit.record AS r WHERE NOT EXISTS (SELECT 1 FROM judge.kafka AS k WHERE k.event_id = r.event_id)
