-- The audit's chain of each tenant counts from one without a gap, each record holds all before it, the head is the last,
-- and every signed checkpoint is on it.
SELECT 'a broken link' AS what, format('%s %s', x.tenant, x.seq) AS which
  FROM (SELECT *, judge.leaf(topic, key, headers, value) AS made_leaf,
               sha256('\x00'::bytea || int8send(seq) || prev || judge.body(topic, key, headers, value)) AS made_hash,
               lag(seq, 1, 0::bigint) OVER w AS before,
               coalesce(lag(hash) OVER w, decode(repeat('00', 32), 'hex')) AS hash_before
          FROM audit.record WINDOW w AS (PARTITION BY tenant ORDER BY seq)) AS x
 WHERE x.seq <> x.before + 1 OR x.prev <> x.hash_before OR x.hash <> x.made_hash OR x.leaf <> x.made_leaf
UNION ALL
SELECT 'a head elsewhere', format('%s', h.tenant)
  FROM audit.head AS h
  LEFT JOIN audit.record AS r ON (r.tenant, r.seq, r.hash) = (h.tenant, h.seq, h.hash)
 WHERE r.seq IS NULL OR h.seq <> (SELECT max(seq) FROM audit.record AS last WHERE last.tenant = h.tenant)
UNION ALL
SELECT 'a checkpoint beside the chain', format('%s %s', k.tenant, k.body->>'size')
  FROM judge.fact AS k
  LEFT JOIN audit.record AS r ON r.tenant = k.tenant AND r.seq = (k.body->>'size')::bigint
                             AND encode(r.hash, 'hex') = k.body->>'head'
 WHERE k.type = 'io.handrail.checkpoint.signed.v1' AND (r.seq IS NULL OR k.signature <> 'valid')
