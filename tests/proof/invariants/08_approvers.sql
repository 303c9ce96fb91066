-- Who cleared it were people: known as such, holding the role that was asked for, as many as were asked for and each
-- another, none the plan's author; and each of them said so of exactly this content. No rule clears a send here.
WITH cleared AS (
    SELECT k.campaign_id, k.body->>'grant_id' AS grant_id, k.body->>'decision_id' AS decision_id,
           k.body->>'content_hash' AS content_hash, k.body->>'case_id' AS case_id, k.body->'approvers' AS approvers,
           (k.body->>'plan_version')::int AS plan_version
      FROM judge.fact AS k
     WHERE k.type = 'io.handrail.action.cleared.v1' AND k.body->'action'->>'action_class' = 'publish'
), approver AS (
    SELECT c.*, a->>'kind' AS kind, a->>'subject' AS subject, a->>'role' AS role
      FROM cleared AS c, jsonb_array_elements(c.approvers) AS a
), issued AS (
    SELECT campaign_id, (body->'plan'->>'version')::int AS plan_version, body->'plan'->>'authored_by' AS author,
           (cell->>'needed')::int AS needed, jsonb_build_array(cell->>'role', cell->>'backup_role') AS roles
      FROM judge.fact, jsonb_array_elements(body->'plan'->'policy'->'matrix') AS cell
     WHERE type = 'io.handrail.plan.issued.v1' AND cell->>'action_class' = 'publish'
       AND cell->>'tool' = body->'plan'->>'mail_tool'
)
SELECT 'not a person' AS what, format('grant %s: %s', a.grant_id, a.subject) AS which
  FROM approver AS a LEFT JOIN judge.person AS p USING (subject)
 WHERE a.kind <> 'human' OR p.kind IS DISTINCT FROM 'human'
UNION ALL
SELECT 'without the role', format('grant %s: %s as %s', a.grant_id, a.subject, a.role)
  FROM approver AS a
  JOIN issued AS i USING (campaign_id, plan_version)
  LEFT JOIN judge.person AS p USING (subject)
 WHERE NOT coalesce(a.role = ANY (p.roles), false) OR NOT i.roles ? a.role
UNION ALL
SELECT 'the author', format('grant %s: %s', a.grant_id, a.subject)
  FROM approver AS a JOIN issued AS i USING (campaign_id, plan_version) WHERE a.subject = i.author
UNION ALL
SELECT 'too few', format('grant %s: %s of %s', a.grant_id, count(DISTINCT a.subject), i.needed)
  FROM approver AS a JOIN issued AS i USING (campaign_id, plan_version)
 GROUP BY a.grant_id, i.needed HAVING count(DISTINCT a.subject) < i.needed
UNION ALL
SELECT 'never said so', format('grant %s: %s', a.grant_id, a.subject)
  FROM approver AS a
 WHERE NOT EXISTS (SELECT 1 FROM judge.fact AS k
                    WHERE k.type = 'io.handrail.approval.given.v1'
                      AND (k.body->>'case_id', k.body->>'decision_id', k.body->>'content_hash',
                           k.body->'approver'->>'subject') = (a.case_id, a.decision_id, a.content_hash, a.subject))
UNION ALL
SELECT 'without a plan', format('grant %s', c.grant_id)
  FROM cleared AS c WHERE NOT EXISTS (SELECT 1 FROM issued AS i WHERE (i.campaign_id, i.plan_version)
                                                                  = (c.campaign_id, c.plan_version))
