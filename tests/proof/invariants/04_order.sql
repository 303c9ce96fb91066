-- In order and without a gap, per tenant, topic, campaign and epoch: as logged, as on Kafka, as consumed.
-- Topics have no order among each other. Within one batch a consumer's order is not in its tables (claims are inserted
-- together); between batches it is, and the audit's chain holds it record by record.
SELECT 'a gap in the log' AS what, format('%s %s %s', e.topic, e.campaign_id, e.sequence) AS which
  FROM (SELECT *, row_number() OVER (PARTITION BY tenant, topic, campaign_id, epoch ORDER BY sequence) AS nth
          FROM judge.event_log WHERE sequence IS NOT NULL) AS e
 WHERE e.sequence <> e.nth
UNION ALL
SELECT 'the stream counts otherwise', format('%s %s: %s of %s', s.topic, s.campaign_id, s.last, max(e.sequence))
  FROM judge.stream AS s
  LEFT JOIN judge.event_log AS e USING (service, tenant, topic, campaign_id, epoch)
 GROUP BY s.topic, s.campaign_id, s.epoch, s.last
HAVING s.last IS DISTINCT FROM max(e.sequence)
UNION ALL
SELECT 'overtaken on Kafka', format('%s %s: %s after %s', k.topic, k.campaign_id, k.sequence, k.before)
  FROM (SELECT *, coalesce(lag(sequence) OVER (PARTITION BY tenant, topic, campaign_id, epoch ORDER BY "offset"), 0)
                  AS before
          FROM judge.fact WHERE sequence IS NOT NULL) AS k
 WHERE k.sequence <> k.before + 1
UNION ALL
SELECT 'one stream in several partitions', format('%s %s', topic, campaign_id)
  FROM judge.kafka WHERE sequence IS NOT NULL GROUP BY topic, campaign_id HAVING count(DISTINCT partition) > 1
UNION ALL
SELECT 'overtaken when consumed', format('%s: %s %s, %s before %s', x.service, x.topic, x.campaign_id, x.sequence, x.before)
  FROM (SELECT i.service, k.topic, k.campaign_id, k.sequence, i.claimed_at, i.xid,
               lag(k.sequence) OVER w AS before, lag(i.claimed_at) OVER w AS claimed_before, lag(i.xid) OVER w AS xid_before
          FROM judge.inbox AS i
          JOIN judge.fact AS k USING (event_id)
         WHERE k.sequence IS NOT NULL
        WINDOW w AS (PARTITION BY i.service, k.tenant, k.topic, k.campaign_id, k.epoch ORDER BY k.sequence)) AS x
 WHERE x.xid <> x.xid_before AND x.claimed_at < x.claimed_before
UNION ALL
SELECT 'overtaken in the chain', format('%s %s: %s after %s', x.topic, x.campaign_id, x.sequence, x.before)
  FROM (SELECT k.topic, k.campaign_id, k.sequence,
               coalesce(lag(k.sequence) OVER (PARTITION BY k.tenant, k.topic, k.campaign_id, k.epoch ORDER BY r.seq), 0)
               AS before
          FROM audit.record AS r
          JOIN judge.fact AS k USING (event_id)
         WHERE k.sequence IS NOT NULL) AS x
 WHERE x.sequence <> x.before + 1
