-- What arrived is what was approved, to the letter. The world made a digest of each mail as it was received; from these
-- (and from the stored digests of mails that did not leave) the judge makes the snapshot's hash and the content's hash
-- again, as the contract says, and the content's hash must be the one that escalation signed.
WITH used AS (
    SELECT DISTINCT g.tenant, g.campaign_id, g.plan_version, g.snapshot_hash, g.grant_id, g.policy_hash
      FROM executor.approval_grant AS g
      JOIN executor.effect_intent AS i USING (tenant, grant_id)
      JOIN judge.ledger AS l ON l.effect_id = i.effect_id
), mails AS (
    SELECT u.grant_id, u.campaign_id, u.plan_version, u.policy_hash,
           encode(sha256(string_agg(judge.framed(s.recipient_hash) || judge.framed(coalesce(l.digest, m.digest)), ''::bytea
                                    ORDER BY s.recipient_hash COLLATE "C")), 'hex') AS snapshot
      FROM used AS u
      JOIN executor.snapshot AS s USING (tenant, campaign_id, snapshot_hash)
      JOIN executor.mail AS m USING (tenant, campaign_id, plan_version, recipient_hash)
      LEFT JOIN judge.ledger AS l ON (l.campaign_id, l.recipient_hash) = (u.campaign_id, s.recipient_hash)
     GROUP BY u.grant_id, u.campaign_id, u.plan_version, u.policy_hash
), made AS (
    SELECT m.grant_id,
           judge.digest('handrail/content/v1', m.snapshot, judge.known('from_name'), judge.known('from_address'),
                        judge.known('reply_to'), p.body->'plan'->>'mail_tool', 'send_campaign', m.plan_version::text,
                        m.policy_hash) AS content_hash
      FROM mails AS m
      JOIN judge.fact AS p ON p.campaign_id = m.campaign_id AND p.type = 'io.handrail.plan.issued.v1'
                          AND (p.body->'plan'->>'version')::int = m.plan_version
)
SELECT 'other content than was signed' AS what, format('grant %s', u.grant_id) AS which
  FROM used AS u
  LEFT JOIN made USING (grant_id)
  LEFT JOIN judge.fact AS k
         ON k.type = 'io.handrail.action.cleared.v1' AND k.body->>'grant_id' = u.grant_id::text AND k.signature = 'valid'
 WHERE k.body->>'content_hash' IS DISTINCT FROM made.content_hash
UNION ALL
SELECT 'to somebody who was not in it', format('%s %s', l.campaign_id, l.target)
  FROM judge.ledger AS l
  JOIN executor.effect_intent AS i ON i.effect_id = l.effect_id
  JOIN executor.approval_grant AS g ON (g.tenant, g.grant_id) = (i.tenant, i.grant_id)
 WHERE i.state <> 'abandoned'
   AND NOT EXISTS (SELECT 1 FROM executor.snapshot AS s
                    WHERE (s.tenant, s.campaign_id, s.snapshot_hash, s.recipient_hash)
                        = (g.tenant, g.campaign_id, g.snapshot_hash, l.recipient_hash))
