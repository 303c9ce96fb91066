"""The service on a real database, through its fold, its worker and its doors."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from chassis.event_log import headers_of
from contracts.codec import decode
from contracts.escalation import ActionCleared
from contracts.event import CampaignId, Event, Fact, Signature, Tenant, tenant_row
from contracts.executor import KillScope, KillSwitchChanged
from contracts.plan import Authority, HoldEnd, TimedHold
from escalation.card import Card, Option, card
from escalation.metrics import OPEN
from tests.builders import CAMPAIGN, TENANT, fact, plan_issued, policy, proposed
from tests.conftest import VERIFIER
from tests.escalation.builders import asked
from tests.escalation.desk import Desk

WHY = {"what": "not now", "when": "until the price is right", "until": "January", "why": "the price is wrong"}


async def test_the_card_has_every_part_that_a_person_needs(desk: Desk) -> None:
    shown = await desk.asked()
    [option] = shown["options"]
    assert {"asked", "needs", "deadline", "if_ignored", "votes"} <= shown.keys()
    assert {
        "preview", "predicted", "confidence", "reversibility", "blast_radius", "cost_of_waiting", "cost_of_error",
        "sources", "if_ignored", "content_hash", "stages",
    } <= option.keys()  # fmt: skip
    assert {"low", "mid", "high"} <= option["predicted"].keys()
    assert "undo_window" in option["reversibility"]


@pytest.mark.parametrize("part", [name for name, field in Option.model_fields.items() if field.is_required()])
def test_a_card_whose_option_lacks_a_part_cannot_be_built(part: str) -> None:
    story, _ = asked()
    assert story.state is not None
    whole = card(CAMPAIGN, story.state, story.case).model_dump(mode="json")
    Card.model_validate(whole)
    del whole["options"][0][part]
    with pytest.raises(ValidationError, match=part):
        Card.model_validate(whole)


async def test_an_approval_is_a_signed_grant(desk: Desk) -> None:
    shown = await desk.asked()
    assert (await desk.vote(shown)).status_code == 200
    row = await desk.parts.db.pool.fetchrow("SELECT headers, value FROM event_log WHERE value LIKE '%grant_id%'::bytea")
    assert row is not None
    headers = headers_of(row["headers"])
    signed = decode(ActionCleared.topic, headers, row["value"], verify=VERIFIER)
    assert signed.meta.signature is Signature.VALID
    assert isinstance(signed.event, ActionCleared)
    changed = row["value"].replace(b'"send_campaign"', b'"send_campaigm"')
    assert decode(ActionCleared.topic, headers, changed, verify=VERIFIER).meta.signature is Signature.INVALID


async def test_two_people_at_two_replicas_at_once_clear_once(desk: Desk) -> None:
    shown = await desk.asked()
    both = await asyncio.gather(
        desk.vote(shown, door=0), desk.vote(shown, by=desk.token("leo", "marketing_lead"), door=1)
    )
    assert sorted(answer.status_code for answer in both) == [200, 409]
    assert (await desk.said()).count("ActionCleared") == 1


async def test_a_repeated_key_gets_the_same_answer_and_changes_nothing(desk: Desk) -> None:
    shown = await desk.asked()
    first, again = await desk.vote(shown, key="k1"), await desk.vote(shown, key="k1", door=1)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert (await desk.said()).count("ActionCleared") == 1
    other = await desk.vote(shown, key="k1", choice="refuse", reason=WHY)
    assert other.status_code == 422


async def test_a_proposal_read_again_opens_no_second_case(desk: Desk) -> None:
    issued = plan_issued()
    sent = fact(proposed(issued))
    await desk.read(issued, sent)
    await desk.read(sent)
    assert (await desk.said()).count("CaseOpened") == 1


async def test_a_proposal_that_comes_before_its_plan_waits_for_it(desk: Desk) -> None:
    issued = plan_issued()
    await desk.read(proposed(issued))
    assert await desk.said() == []
    await desk.read(issued)
    assert await desk.said() == ["CaseOpened"]


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"approved_by": "ana"}, 400, "approved_by"),
        ({"content_hash": "short"}, 400, "content_hash"),
        ({"choice": "maybe"}, 400, "choice"),
        ({"content_hash": "cd" * 32}, 409, None),
        ({"decision_id": str(UUID(int=1))}, 404, None),
        ({"choice": "refuse"}, 422, None),
    ],
)
async def test_a_vote_that_is_refused_changes_nothing(
    desk: Desk, changes: dict[str, Any], status: int, field: str | None
) -> None:
    shown = await desk.asked()
    answer = await desk.vote(shown, **changes)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["fix"]
    assert field is None or answer.json()["field"] == field
    assert await desk.said() == ["CaseOpened", *(["VoteRefused"] if field is None else [])]


async def test_only_a_present_human_of_the_role_and_tenant_decides(desk: Desk) -> None:
    shown = await desk.asked()
    for by, status in [
        (desk.token("planner-bot", kind="agent"), 403),
        (desk.token("sam", "operator"), 403),
        (desk.token("maya", "campaign_approver"), 403),
        (desk.token("eve", "stranger"), 403),
        (desk.token("ana", ttl=timedelta(seconds=-60)), 401),
        (desk.token("ana", tenant="another"), 404),
        ({"authorization": "Bearer forged"}, 401),
    ]:
        assert (await desk.vote(shown, by=by)).status_code == status
    assert await desk.said() == ["CaseOpened", *["VoteRefused"] * 4]


async def test_without_an_idempotency_key_nothing_is_decided(desk: Desk) -> None:
    shown = await desk.asked()
    path = f"/v1/cases/{shown['case_id']}/acknowledge"
    assert (await desk.doors[0].post(path, headers=desk.token("ana"))).status_code == 400


async def test_people_are_told_once_the_task_has_run(desk: Desk) -> None:
    await desk.asked()
    await desk.work()
    told = await desk.parts.db.pool.fetch("SELECT subject FROM notification")
    assert [row["subject"] for row in told] == ["ana"]
    assert await desk.said() == ["CaseOpened", "CaseNotified"]


async def test_a_decision_can_be_read_back(desk: Desk) -> None:
    shown = await desk.asked()
    await desk.vote(shown, choice="refuse", reason=WHY)
    found = (await desk.get(f"/v1/decisions/{shown['options'][0]['decision_id']}")).json()
    [vote] = found["votes"]
    assert (vote["subject"], vote["approve"], vote["reason"]) == ("ana", False, WHY)
    assert found["stages"][0]["stage"] == "binding"


async def test_a_grant_is_revoked_by_a_holder_of_the_role(desk: Desk) -> None:
    shown = await desk.asked()
    path = f"/v1/decisions/{shown['options'][0]['decision_id']}/revoke"
    assert (await desk.post(path, {"because": "a typo"})).status_code == 409
    await desk.vote(shown)
    assert (await desk.post(path, {"because": "a typo"}, desk.token("sam", "operator"))).status_code == 403
    assert (await desk.post(path, {"because": "a typo"}, desk.token("bot", kind="agent"))).status_code == 403
    assert (await desk.post(path, {"because": "a typo"})).status_code == 200
    assert (await desk.said())[-1] == "ClearanceRevoked"


async def test_a_framework_approved_in_one_campaign_is_known_in_the_next(desk: Desk) -> None:
    await desk.vote(await desk.asked())
    rows = await desk.parts.db.pool.fetch("SELECT tenant, framework FROM framework_approval")
    assert [tuple(row) for row in rows] == [("demo", "webinar_follow_up.1")]


async def test_another_tenant_sees_no_case(desk: Desk) -> None:
    shown = await desk.asked()
    other = desk.token("ana", tenant="another")
    assert (await desk.get("/v1/cases", other)).json() == {"cases": []}
    assert (await desk.get(f"/v1/cases/{shown['case_id']}", other)).status_code == 404


async def test_open_cases_are_measured_by_severity(desk: Desk) -> None:
    await desk.asked()
    [measure] = desk.parts.measures
    await measure()
    assert sum(sample.value for metric in OPEN.collect() for sample in metric.samples) == 1


async def test_two_campaigns_of_one_batch_get_a_case_each(desk: Desk) -> None:
    issued, other = plan_issued(), CampaignId(UUID(int=7))
    await desk.read(issued, fact(issued, other), proposed(issued), fact(proposed(issued), other))
    listed = (await desk.get("/v1/cases")).json()["cases"]
    assert {one["campaign_id"] for one in listed} == {str(CAMPAIGN), str(other)}


async def test_a_later_plan_version_can_be_missing_too(desk: Desk) -> None:
    await desk.read(plan_issued())
    await desk.read(proposed(plan_issued(2)))
    await desk.parts.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE kind = 'plan_missing'")
    await desk.work()
    assert await desk.said() == ["HoldPlaced"]


async def test_a_stale_vote_names_both_hashes(desk: Desk) -> None:
    shown = await desk.asked()
    text = json.dumps((await desk.vote(shown, content_hash="cd" * 32)).json())
    assert "cd" * 32 in text
    assert shown["options"][0]["content_hash"] in text


async def test_a_decision_read_back_names_its_versions(desk: Desk) -> None:
    shown = await desk.asked()
    found = (await desk.get(f"/v1/decisions/{shown['options'][0]['decision_id']}")).json()
    assert {"plan_version", "policy_hash", "content_hash", "action"} <= found.keys()


async def test_a_tenants_kill_switch_stops_its_campaigns_and_no_others(desk: Desk) -> None:
    def switch(engaged: bool) -> Fact[Event]:
        changed = KillSwitchChanged(scope=KillScope.TENANT, engaged=engaged, actor="sam", reason="an incident")
        return fact(changed, tenant_row(TENANT))

    shown = await desk.asked()
    await desk.read(switch(True))
    refused = await desk.vote(shown)
    assert (refused.status_code, refused.json()["title"]) == (409, "held")
    issued, other = plan_issued(), Tenant("another")
    await desk.read(fact(issued, tenant=other), fact(proposed(issued), tenant=other), proposed(issued))
    assert await desk.said() == ["CaseOpened", "VoteRefused", "CaseOpened", "HoldPlaced"]
    await desk.read(switch(False))
    assert (await desk.vote(shown)).status_code == 200
    await desk.parts.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE kind = 'rule_again'")
    await desk.work()
    assert (await desk.said()).count("HoldReleased") == 1


async def test_the_directory_shows_people_roles_and_channels_but_no_address(desk: Desk) -> None:
    await desk.asked()
    answer = await desk.get("/v1/directory", desk.token("maya", "viewer"))
    assert answer.json() == {
        "people": [
            {"subject": "ana", "roles": ["campaign_approver"], "channels": ["inbox", "mail"], "on_call": False,
             "absent": False, "back_at": None, "requests_this_hour": 1},
            {"subject": "leo", "roles": ["marketing_lead"], "channels": ["inbox"], "on_call": False, "absent": False,
             "back_at": None, "requests_this_hour": 0},
        ],
        "roles": [
            {"role": "campaign_approver", "holders": ["ana"], "absent": []},
            {"role": "marketing_lead", "holders": ["leo"], "absent": []},
        ],
    }  # fmt: skip
    assert "acme.example" not in answer.text
    assert (await desk.get("/v1/directory", desk.token("eve", "stranger"))).status_code == 403
    assert (await desk.get("/v1/directory", desk.token("ana", tenant="another"))).status_code == 200


async def test_who_can_answer_a_case_is_told_along_the_chain(desk: Desk) -> None:
    shown = await desk.asked()
    found = (await desk.get(f"/v1/cases/{shown['case_id']}/people")).json()
    assert (found["role"], found["backup_role"], found["count"]) == ("campaign_approver", "marketing_lead", 1)
    assert [(one["subject"], one["standing"]) for one in found["candidates"]] == [
        ("ana", "told"), ("leo", "next"),
    ]  # fmt: skip


async def test_questions_are_counted_by_person_and_hour_over_all_campaigns(desk: Desk) -> None:
    issued, other = plan_issued(), CampaignId(UUID(int=7))
    await desk.read(issued, fact(issued, other), proposed(issued), fact(proposed(issued), other))
    await desk.read(proposed(issued))
    rows = await desk.parts.db.pool.fetch("SELECT tenant, subject, requests FROM request_count")
    assert [tuple(row) for row in rows] == [("demo", "ana", 3)]


async def test_past_who_was_asked_enough_in_other_campaigns_the_backup_is_asked(desk: Desk) -> None:
    await desk.parts.db.pool.execute(
        "INSERT INTO request_count VALUES ('demo', 'ana', date_trunc('hour', clock_timestamp(), 'UTC'), 12)"
    )
    shown = await desk.asked()
    assert shown["told"] == ["leo"]
    stage = shown["options"][0]["stages"][-1]
    assert (stage["stage"], stage["verdict"]) == ("approver_load", "passed_on")


async def test_a_timed_hold_ends_by_its_task_and_the_grant_is_the_rules(desk: Desk) -> None:
    await desk.vote(await desk.asked())
    row = policy().matrix[0].model_copy(update={"authority": Authority.INDEPENDENT})
    hold = TimedHold(
        id="last-word", tool="smtp", verb="send_campaign", decision_type="send_email", length=timedelta(minutes=30),
        then=HoldEnd.PROCEED,
    )  # fmt: skip
    issued = plan_issued(policy_=policy(autonomy_rung=3, matrix=(row,), holds=(hold,)))
    other = CampaignId(UUID(int=7))
    await desk.read(fact(issued, other), fact(proposed(issued), other))
    before = await desk.said()
    await desk.parts.db.pool.execute(
        "UPDATE task SET due_at = clock_timestamp() WHERE kind = 'case_deadline' AND campaign_id = $1", other
    )
    await desk.work()
    said = (await desk.said())[len(before) :]
    assert [name for name in said if name != "CaseNotified"] == ["CaseExpired", "HoldReleased", "ActionCleared"]


async def test_when_nobody_looks_the_worker_tells_the_backup(desk: Desk) -> None:
    await desk.asked()
    await desk.parts.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE kind = 'look_due'")
    await desk.work()
    told = await desk.parts.db.pool.fetch("SELECT subject FROM notification ORDER BY told_at")
    assert [row["subject"] for row in told] == ["ana", "leo"]


async def test_the_card_says_what_would_change_since_the_last_approval_of_another_campaign(desk: Desk) -> None:
    first = await desk.asked()
    assert first["options"][0]["diff"] is None
    await desk.vote(first)
    issued, other = plan_issued(), CampaignId(UUID(int=7))
    await desk.read(fact(issued, other), fact(proposed(issued, recipients=600), other))
    [shown] = (await desk.get("/v1/cases")).json()["cases"]
    diff = shown["options"][0]["diff"]
    assert (diff["campaign_id"], diff["decision_id"]) == (str(CAMPAIGN), first["options"][0]["decision_id"])
    assert (diff["recipients_before"], diff["recipients_after"], diff["more"], diff["fewer"]) == (588, 600, 12, 0)
    assert diff["facts"] == diff["parts"] == diff["policy"] == []
