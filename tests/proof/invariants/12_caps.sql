-- No cap was passed: each campaign's budget by the mails that arrived, and each person's mails of a day and of a week
-- over all campaigns. And the sums that the guard keeps are what the intents come to.
WITH issued AS (
    SELECT campaign_id, (body->'plan'->'brief'->'budget'->'total'->>'micros')::bigint AS total,
           (body->'plan'->'brief'->'budget'->'per_mail'->>'micros')::bigint AS per_mail,
           (body->'plan'->'policy'->'frequency'->>'per_day')::int AS per_day,
           (body->'plan'->'policy'->'frequency'->>'per_week')::int AS per_week
      FROM judge.fact WHERE type = 'io.handrail.plan.issued.v1'
), arrived AS (
    SELECT l.tenant, l.campaign_id, l.recipient_hash, i.touched_on AS day
      FROM judge.ledger AS l
      JOIN executor.effect_intent AS i ON (i.effect_id, i.recipient_hash) = (l.effect_id, l.recipient_hash)
     WHERE i.state <> 'abandoned'
), counted AS (
    SELECT tenant, campaign_id, recipient_hash, touched_on, cost
      FROM executor.effect_intent
     WHERE state IN ('dispatched', 'succeeded', 'unknown') OR (state = 'failed_definite' AND because <> 'superseded')
        OR (state = 'planned' AND lost_at IS NOT NULL)
)
SELECT 'budget passed' AS what, format('%s: %s mails', l.campaign_id, count(*)) AS which
  FROM judge.ledger AS l JOIN issued AS i USING (campaign_id)
 GROUP BY l.campaign_id, i.total, i.per_mail HAVING count(*) * i.per_mail > i.total
UNION ALL
SELECT 'too often in a day', format('%s on %s: %s', a.recipient_hash, a.day, count(*))
  FROM arrived AS a JOIN issued AS i USING (campaign_id)
 GROUP BY a.tenant, a.recipient_hash, a.day HAVING count(*) > max(i.per_day)
UNION ALL
SELECT 'too often in a week', format('%s before %s: %s', a.recipient_hash, b.day, count(*))
  FROM (SELECT DISTINCT tenant, recipient_hash, day FROM arrived) AS b
  JOIN arrived AS a ON (a.tenant, a.recipient_hash) = (b.tenant, b.recipient_hash) AND a.day BETWEEN b.day - 6 AND b.day
  JOIN issued AS i ON i.campaign_id = a.campaign_id
 GROUP BY a.tenant, a.recipient_hash, b.day HAVING count(*) > max(i.per_week)
UNION ALL
SELECT 'touches counted otherwise', format('%s: %s of %s', t.recipient_hash, cardinality(t.days), coalesce(c.count, 0))
  FROM executor.touch AS t
  LEFT JOIN (SELECT tenant, recipient_hash, count(*) AS count FROM counted GROUP BY 1, 2) AS c USING (tenant, recipient_hash)
 WHERE cardinality(t.days) <> coalesce(c.count, 0)
UNION ALL
SELECT 'money counted otherwise', format('%s: %s of %s', g.campaign_id, g.spent, coalesce(c.cost, 0))
  FROM executor.campaign_guard AS g
  LEFT JOIN (SELECT tenant, campaign_id, sum(cost) AS cost FROM counted GROUP BY 1, 2) AS c USING (tenant, campaign_id)
 WHERE g.spent <> coalesce(c.cost, 0)
