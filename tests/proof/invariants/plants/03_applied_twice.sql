-- plant: a check counted twice
UPDATE monitor.campaign_state SET body = jsonb_set(body, '{checks}', to_jsonb((body->>'checks')::int + 1));
-- plant: a mail counted twice
UPDATE monitor.campaign_state SET body = jsonb_set(body, '{waves}', (
    SELECT jsonb_object_agg(name, jsonb_set(wave, '{sent}', to_jsonb((wave->>'sent')::int + 1)))
      FROM jsonb_each(body->'waves') AS w (name, wave)))
 WHERE body->'waves' <> '{}';
-- plant: an outcome counted twice by the fold that sends
UPDATE executor.campaign_state SET body = jsonb_set(body, '{sending,succeeded}',
                                                    to_jsonb((body->'sending'->>'succeeded')::int + 1))
 WHERE body->'sending' <> 'null';
-- plant: an effect reported in two events
INSERT INTO judge.kafka SELECT topic, partition, "offset" + 1000000, at, readable, gen_random_uuid(), type, tenant,
       campaign_id, sequence, epoch, causation_id, occurred_at, signature, key, sha256, leaf, body
  FROM judge.fact WHERE type = 'io.handrail.effects.recorded.v1' AND jsonb_array_length(body->'effects') > 0 LIMIT 1;
-- plant: a record stored twice
INSERT INTO audit.record SELECT * FROM audit.record LIMIT 1;
