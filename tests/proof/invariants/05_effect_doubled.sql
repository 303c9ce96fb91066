-- No effect outside happens twice: by the world's own words for what was reached, not by ours.
SELECT 'reached twice' AS what, format('%s: %s by %s, %s times', campaign_id, target, tool, count(*)) AS which
  FROM judge.ledger GROUP BY tool, tenant, campaign_id, target HAVING count(*) > 1
UNION ALL
SELECT 'one effect, twice outside', format('%s', effect_id)
  FROM judge.ledger WHERE effect_id IS NOT NULL GROUP BY tool, effect_id HAVING count(*) > 1
