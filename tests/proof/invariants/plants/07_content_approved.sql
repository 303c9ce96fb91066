-- plant: one letter changed in one mail
UPDATE judge.ledger SET digest = encode(sha256('another'), 'hex') WHERE number = (SELECT min(number) FROM judge.ledger);
-- plant: one recipient more than was approved
DELETE FROM executor.snapshot AS s USING judge.ledger AS l
 WHERE (s.campaign_id, s.recipient_hash) = (l.campaign_id, l.recipient_hash)
   AND l.number = (SELECT min(number) FROM judge.ledger);
-- plant: a grant over other content
UPDATE judge.kafka SET body = jsonb_set(body, '{content_hash}', to_jsonb(repeat('0', 64)))
 WHERE type = 'io.handrail.action.cleared.v1';
-- plant: a grant that nobody signed
UPDATE judge.kafka SET signature = 'missing' WHERE type = 'io.handrail.action.cleared.v1';
