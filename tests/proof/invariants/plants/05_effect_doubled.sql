-- plant: the same mail again
INSERT INTO judge.ledger SELECT tool, -number, at, tenant, campaign_id, target, effect_id, recipient_hash, digest, authentic
  FROM judge.ledger LIMIT 1;
-- plant: the same person again, under another effect
INSERT INTO judge.ledger SELECT tool, -number, at, tenant, campaign_id, target, gen_random_uuid(), recipient_hash, digest,
       authentic FROM judge.ledger LIMIT 1;
