-- Per consumer and partition, what went in came out: read to the end, each record a distinct fact, a repetition of one,
-- or a dead letter; no offset was jumped over, and nobody reads what the design does not say.
WITH held AS (
    SELECT topic, partition, count(*) AS records, max("offset") + 1 AS ends, count(DISTINCT event_id) AS facts
      FROM judge.kafka GROUP BY topic, partition
)
SELECT 'not read to the end' AS what, format('%s %s/%s: %s of %s', consumer, topic, partition, committed, ends) AS which
  FROM judge.progress WHERE committed < ends
UNION ALL
SELECT 'the witness saw otherwise', format('%s/%s: %s of %s', p.topic, p.partition, coalesce(h.records, 0), p.ends)
  FROM (SELECT DISTINCT topic, partition, ends FROM judge.progress) AS p
  LEFT JOIN held AS h USING (topic, partition)
 WHERE p.ends <> coalesce(h.records, 0) OR p.ends <> coalesce(h.ends, 0)
UNION ALL
SELECT 'a topic that nobody planned to read', format('%s %s', consumer, topic)
  FROM judge.progress AS p
 WHERE NOT EXISTS (SELECT 1 FROM judge.subscription AS s WHERE (s.consumer, s.topic) = (p.consumer, p.topic))
UNION ALL
SELECT 'records do not add up', format('%s: %s facts, %s met, %s kept', f.consumer, f.facts, i.met, d.kept)
  FROM (SELECT s.consumer, count(DISTINCT k.event_id) AS facts
          FROM judge.subscription AS s JOIN judge.fact AS k USING (topic)
         WHERE NOT (s.consumer = 'tower' AND k.campaign_id::text IN (judge.known('tenant_row'), judge.known('everybodys_row'))
                    AND k.type <> 'io.handrail.killswitch.changed.v1')
         GROUP BY s.consumer) AS f
 CROSS JOIN LATERAL (SELECT count(*) AS met FROM judge.inbox AS b WHERE b.service = f.consumer) AS i
 CROSS JOIN LATERAL (SELECT count(*) AS kept FROM judge.dead_letter AS l
                       JOIN judge.kafka AS k ON (k.topic, k.partition, k."offset") = (l.topic, l.partition, l.kafka_offset)
                      WHERE l.service = f.consumer AND k.readable) AS d
 WHERE f.facts <> i.met + d.kept
