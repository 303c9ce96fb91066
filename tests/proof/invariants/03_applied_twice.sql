-- Applied once: every count that a service keeps is the count of the distinct facts it was made from. A fact that was
-- folded twice, or not at all, shows in a sum; a claim alone would show neither.
WITH monitored AS (
    SELECT campaign_id, (body->>'decisions')::int AS decisions, (body->>'interventions')::int AS interventions,
           (body->>'checks')::int AS checks,
           (SELECT coalesce(sum((wave->>'sent')::int), 0) FROM jsonb_each(body->'waves') AS w (name, wave)) AS sent
      FROM monitor.campaign_state
     WHERE campaign_id::text NOT IN (judge.known('tenant_row'), judge.known('everybodys_row'))
), effect AS (
    SELECT k.campaign_id, (k.body->>'decision_id')::uuid AS decision_id, (e->>'effect_id')::uuid AS effect_id,
           e->>'recipient_hash' AS recipient_hash, e->>'outcome' AS outcome
      FROM judge.fact AS k, jsonb_array_elements(k.body->'effects') AS e
     WHERE k.type = 'io.handrail.effects.recorded.v1'
), counted AS (
    SELECT campaign_id,
           -- the options of one trigger are one decision
           count(*) FILTER (WHERE type = 'io.handrail.action.proposed.v1' AND body->'action'->>'answers' IS NULL)
           + count(DISTINCT body->'action'->>'answers') FILTER (WHERE type = 'io.handrail.action.proposed.v1')
               AS decisions,
           count(*) FILTER (WHERE type IN ('io.handrail.override.recorded.v1', 'io.handrail.checklist.waived.v1')
                               OR (type = 'io.handrail.campaign.halted.v1' AND body->>'actor' IS NOT NULL))
               AS interventions,
           coalesce(sum((SELECT count(*) FROM jsonb_array_elements(body->'results') AS r WHERE r->>'verdict' <> 'skipped'))
                    FILTER (WHERE type = 'io.handrail.artefact.checked.v1'), 0) AS checks
      FROM judge.fact GROUP BY campaign_id
)
SELECT 'the monitor counted otherwise' AS what,
       format('%s: %s decisions of %s, %s interventions of %s, %s checks of %s', m.campaign_id, m.decisions, c.decisions,
              m.interventions, c.interventions, m.checks, c.checks) AS which
  FROM monitored AS m
  JOIN counted AS c USING (campaign_id)
 WHERE (m.decisions, m.interventions, m.checks) <> (c.decisions, c.interventions, c.checks)
UNION ALL
SELECT 'the monitor counted other mails', format('%s: %s of %s', m.campaign_id, m.sent, e.sent)
  FROM monitored AS m
  JOIN (SELECT campaign_id, count(DISTINCT recipient_hash) AS sent FROM effect
         WHERE outcome IN ('succeeded', 'unknown') GROUP BY campaign_id) AS e USING (campaign_id)
 WHERE m.sent <> e.sent
UNION ALL
SELECT 'an effect reported twice', format('%s %s', campaign_id, effect_id)
  FROM effect GROUP BY campaign_id, effect_id HAVING count(*) > 1
UNION ALL
SELECT 'the executor counted otherwise', format('%s: %s of %s', s.campaign_id, s.settled, e.settled)
  FROM (SELECT campaign_id, (body->'sending'->>'decision_id')::uuid AS decision_id,
               (body->'sending'->>'succeeded')::int + (body->'sending'->>'failed')::int
               + (body->'sending'->>'unknown')::int + (body->'sending'->>'skipped')::int AS settled
          FROM executor.campaign_state WHERE body->'sending' <> 'null') AS s
  LEFT JOIN (SELECT decision_id, count(*) AS settled FROM effect GROUP BY decision_id) AS e USING (decision_id)
 WHERE s.settled <> coalesce(e.settled, 0)
UNION ALL
SELECT 'stored twice by the audit', format('%s', event_id) FROM audit.record GROUP BY event_id HAVING count(*) > 1
UNION ALL
SELECT 'told twice by the tower', format('%s', event_id) FROM tower.happening GROUP BY event_id HAVING count(*) > 1
UNION ALL
SELECT 'claimed twice', format('%s %s', service, event_id) FROM judge.inbox GROUP BY service, event_id HAVING count(*) > 1
