-- No effect outside happens twice: by the world's own words for what was reached, not by ours.
SELECT 'reached twice' AS what,
       format('%s: %s by %s', campaign_id, target, string_agg(tool, ' and ')) AS which
  FROM judge.ledger GROUP BY tenant, campaign_id, target HAVING count(*) > 1
UNION ALL
SELECT 'one effect, twice outside', format('%s', effect_id)
  FROM judge.ledger WHERE effect_id IS NOT NULL GROUP BY effect_id HAVING count(*) > 1
