-- plant: a budget of one mail
UPDATE judge.kafka SET body = jsonb_set(body, '{plan,brief,budget,total,micros}', '50000')
 WHERE type = 'io.handrail.plan.issued.v1';
-- plant: a person who gets a fourth mail
INSERT INTO judge.ledger
SELECT l.tool, -nth, l.at, l.tenant, l.campaign_id, l.target, l.effect_id, l.recipient_hash, l.digest, l.authentic
  FROM (SELECT * FROM judge.ledger WHERE effect_id IS NOT NULL LIMIT 1) AS l, generate_series(1, 3) AS nth;
-- plant: a touch too few
UPDATE executor.touch SET days = days[2:] WHERE cardinality(days) > 0;
-- plant: money that nobody spent
UPDATE executor.campaign_guard SET spent = spent + 1;
