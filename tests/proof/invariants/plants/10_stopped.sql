-- plant: a dispatch after a kill
INSERT INTO judge.stop SELECT 'kill', campaign_id, first_dispatched_at - interval '1 s',
       first_dispatched_at - interval '1 ms', NULL
  FROM executor.effect_intent WHERE state = 'succeeded' LIMIT 1;
-- plant: a tenant's switch that stopped nothing
INSERT INTO judge.stop SELECT 'tenant', NULL, min(at) - interval '1 s', min(at) - interval '1 s', NULL FROM judge.ledger;
