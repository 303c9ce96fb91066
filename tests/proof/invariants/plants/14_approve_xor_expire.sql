-- plant: a case that was resolved and expired
INSERT INTO judge.kafka SELECT topic, partition, "offset" + 1000000, at, readable, gen_random_uuid(),
       'io.handrail.case.expired.v1', tenant, campaign_id, sequence, epoch, causation_id, occurred_at, signature, key,
       sha256, leaf, body
  FROM judge.fact WHERE type = 'io.handrail.case.resolved.v1' LIMIT 1;
-- plant: a grant after the deadline
UPDATE judge.kafka SET body = jsonb_set(body, '{granted_at}', '"2100-01-01T00:00:00Z"')
 WHERE type = 'io.handrail.action.cleared.v1';
-- plant: two rulings on one decision
INSERT INTO judge.kafka SELECT topic, partition, "offset" + 1000000, at, readable, gen_random_uuid(), type, tenant,
       campaign_id, sequence, epoch, causation_id, occurred_at, signature, key, sha256, leaf, body
  FROM judge.fact WHERE type = 'io.handrail.action.cleared.v1' LIMIT 1;
