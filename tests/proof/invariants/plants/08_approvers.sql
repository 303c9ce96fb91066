-- plant: an agent among the approvers
UPDATE judge.kafka SET body = jsonb_set(body, '{approvers,0,subject}', '"planner-bot"')
 WHERE type = 'io.handrail.action.cleared.v1';
-- plant: a rule instead of a person
UPDATE judge.kafka SET body = jsonb_set(body, '{approvers,0,kind}', '"rule"') WHERE type = 'io.handrail.action.cleared.v1';
-- plant: the author of the plan
UPDATE judge.kafka SET body = jsonb_set(body, '{approvers,0,subject}', '"maya"')
 WHERE type = 'io.handrail.action.cleared.v1';
-- plant: one person twice
UPDATE judge.kafka SET body = jsonb_set(body, '{approvers,1}', body->'approvers'->0)
 WHERE type = 'io.handrail.action.cleared.v1';
-- plant: a role that the person does not hold
UPDATE judge.person SET roles = '{viewer}' WHERE subject = 'ana';
-- plant: somebody who never voted
DELETE FROM judge.kafka WHERE type = 'io.handrail.approval.given.v1';
