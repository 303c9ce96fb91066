-- Each fact once, and quick to find.
CREATE INDEX ON judge.kafka (event_id);
UPDATE judge.kafka AS k
   SET first = readable AND NOT EXISTS (SELECT 1 FROM judge.kafka AS other
                                         WHERE other.event_id = k.event_id AND other.readable
                                           AND (other.partition, other."offset") < (k.partition, k."offset"));
CREATE VIEW judge.fact AS SELECT * FROM judge.kafka WHERE first;
CREATE INDEX ON judge.kafka (type, campaign_id) WHERE first;
CREATE INDEX ON judge.kafka (type, (body->>'case_id')) WHERE first;
CREATE INDEX ON judge.kafka (type, (body->>'decision_id')) WHERE first;
CREATE INDEX ON judge.kafka (type, (body->>'grant_id')) WHERE first;
CREATE INDEX ON judge.kafka (type, (body->>'subject_id')) WHERE first;
CREATE INDEX ON judge.ledger (effect_id);
CREATE INDEX ON judge.ledger (campaign_id, recipient_hash);
CREATE INDEX ON executor.effect_intent (effect_id);
CREATE INDEX ON executor.snapshot (campaign_id, snapshot_hash);
CREATE INDEX ON executor.mail (campaign_id, recipient_hash);
CREATE INDEX ON audit.record (event_id);

-- For self-tests: one fact of a type once more, under another id, as `said` if that is given.
CREATE FUNCTION judge.plant(known text, said text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
INSERT INTO judge.kafka
SELECT topic, partition, "offset" + 1000000, at, readable, first, gen_random_uuid(), coalesce(said, type), tenant,
       campaign_id, sequence, epoch, causation_id, occurred_at, signature, key, sha256, leaf, body
  FROM judge.fact WHERE type = known AND body->'effects' IS DISTINCT FROM '[]' LIMIT 1
$$;
