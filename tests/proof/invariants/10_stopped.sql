-- After a kill, pause or cancel was answered, nothing of its scope begins to leave until somebody asks to go on; and of
-- what was on its way already no more arrives than the executor's open lines can hold.
WITH stop AS (
    SELECT row_number() OVER () AS nth, *, coalesce(lifted_at, 'infinity') AS until FROM judge.stop
)
SELECT 'dispatched after a stop' AS what,
       format('%s of %s at %s, stopped (%s) at %s', i.effect_id, i.campaign_id, i.first_dispatched_at, s.scope,
              s.answered_at) AS which
  FROM stop AS s
  JOIN executor.effect_intent AS i
    ON (s.campaign_id IS NULL OR i.campaign_id = s.campaign_id)
   AND i.first_dispatched_at > s.answered_at AND i.first_dispatched_at < s.until
UNION ALL
SELECT 'too much arrived after a stop', format('%s mails after %s at %s', count(*), s.scope, s.answered_at)
  FROM stop AS s
  JOIN judge.ledger AS l
    ON (s.campaign_id IS NULL OR l.campaign_id = s.campaign_id) AND l.at > s.answered_at AND l.at < s.until
 GROUP BY s.nth, s.scope, s.campaign_id, s.answered_at
HAVING count(*) > judge.known('in_flight')::int * CASE WHEN s.campaign_id IS NULL THEN judge.known('at_once')::int ELSE 1 END
