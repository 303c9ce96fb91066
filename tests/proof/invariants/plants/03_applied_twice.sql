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
SELECT judge.plant('io.handrail.effects.recorded.v1');
-- plant: a record stored twice
INSERT INTO audit.record SELECT * FROM audit.record LIMIT 1;
