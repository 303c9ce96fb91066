"""The doors and the stream, on real PostgreSQL: what is answered, what is stored, what is published."""

import json
from uuid import UUID, uuid4

import pytest

from briefing.domain.planning import PARTS
from contracts.brief import BriefDraft
from contracts.briefing import BriefAccepted, BriefRefused, PlanIssued
from contracts.event import Event, Fact, Tenant, campaign_of
from contracts.inbound import BriefSubmitted
from tests.briefing.builders import draft
from tests.briefing.conftest import Briefings, canonical
from tests.builders import CAMPAIGN, fact, record

DEMO = Tenant("demo")
VAGUE = draft(goal="improve engagement")
PROBLEM = "application/problem+json"


def outside(body: BriefDraft, nth: int = 0) -> Fact[Event]:
    return fact(BriefSubmitted(brief=body), source="/crm", source_id=f"crm-{nth}", sequence=None, epoch=None)


async def test_a_brief_is_answered_with_the_whole_plan_and_both_events_are_published(briefing: Briefings) -> None:
    answer = await briefing.submit(draft())
    assert answer.status_code == 200
    said = answer.json()
    assert said["campaign_id"] == str(campaign_of(DEMO, "/people/maya", "key-1"))
    assert said["status"] == "accepted"
    assert said["warnings"] == []
    assert [part["part"] for part in said["plan"]["operating_sheet"]] == list(PARTS)
    accepted, issued = await briefing.events()
    assert isinstance(accepted, BriefAccepted)
    assert isinstance(issued, PlanIssued)
    assert (said["plan"]["version"], said["plan"]["hash"]) == (1, issued.plan_hash)
    assert said["plan"]["policy_hash"] == issued.plan.policy_hash == issued.plan.policy.hash
    assert said["plan"]["framework"] == "webinar_follow_up.1"
    assert said["plan"]["costs"]["human_gate"] is True


async def test_the_plan_can_be_read_back_with_the_hash_it_was_issued_under(briefing: Briefings) -> None:
    said = (await briefing.submit(draft())).json()
    read = await briefing.plan(said["campaign_id"], briefing.token("ana", "campaign_approver"))
    assert read.status_code == 200
    assert read.json() == said


async def test_a_vague_brief_is_refused_by_field_and_recorded(briefing: Briefings) -> None:
    answer = await briefing.submit(VAGUE)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    said = answer.json()
    assert said["campaign_id"] == str(campaign_of(DEMO, "/people/maya", "key-1"))
    assert [(error["field"], bool(error["problem"]), bool(error["fix"])) for error in said["errors"]] == [
        ("goal", True, True)
    ]
    [refused] = await briefing.events()
    assert isinstance(refused, BriefRefused)
    assert refused.submitted_by == "maya"


async def test_the_same_submission_gets_the_same_answer_and_counts_once(briefing: Briefings) -> None:
    first, again = await briefing.submit(draft()), await briefing.submit(draft())
    assert (again.status_code, canonical(again)) == (first.status_code, canonical(first))
    refused, once_more = await briefing.submit(VAGUE, "key-2"), await briefing.submit(VAGUE, "key-2")
    assert (once_more.status_code, canonical(once_more)) == (422, canonical(refused))
    assert await briefing.published() == ["BriefAccepted", "PlanIssued", "BriefRefused"]


async def test_a_key_used_for_another_brief_is_refused_and_changes_nothing(briefing: Briefings) -> None:
    await briefing.submit(draft())
    before = await briefing.rows()
    answer = await briefing.submit(draft(offer="Another offer"))
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["title"]
    assert await briefing.rows() == before


async def test_two_people_may_use_the_same_key(briefing: Briefings) -> None:
    first = await briefing.submit(draft())
    second = await briefing.submit(draft(), token=briefing.token("leo"))
    assert second.status_code == 200
    assert first.json()["campaign_id"] != second.json()["campaign_id"]
    assert first.json()["plan"]["hash"] != second.json()["plan"]["hash"]  # another person vouches


def spoiled(**changes: object) -> bytes:
    return json.dumps(draft().model_dump(mode="json", exclude_none=True) | changes).encode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b'{"name": "a", "name": "b"}', "body"),
        (b'{"name": "\\u0000"}', "body"),
        (b'{"goal": NaN}', "body"),
        (b"\xff", "body"),
        (b"[]", "body"),
        (b"[" * 40 + b"]" * 40, "body"),
        (spoiled(approved_by="maya"), "approved_by"),
        (spoiled(gaol="20 demos by June"), "gaol"),
        (spoiled(mode="reckless"), "mode"),
        (spoiled(message_hierarchy="one line"), "message_hierarchy"),
        (spoiled(owner="Maya Example"), "owner"),
        (spoiled(frequency={"per_week": 5, "per_day": 0, "confirmed": True}), "frequency.per_day"),
        (spoiled(quiet_hours={"starts": "late", "ends": "00:00", "confirmed": True}), "quiet_hours.starts"),
        (spoiled(timing={"launch": {}, "deadline": {}, "send_window": "PT2H"}), "timing.launch"),
    ],
)
async def test_what_is_malformed_is_named_and_leaves_nothing(briefing: Briefings, body: bytes, field: str) -> None:
    answer = await briefing.submit(body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    said = answer.json()
    assert said["field"] == field
    assert said["fix"]
    assert await briefing.rows() == {}


async def test_an_oversized_brief_is_refused_and_leaves_nothing(briefing: Briefings) -> None:
    answer = await briefing.submit(b'{"name": "' + b"x" * (256 * 1024) + b'"}')
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
    assert await briefing.rows() == {}


async def test_a_brief_without_a_key_is_refused_and_leaves_nothing(briefing: Briefings) -> None:
    answer = await briefing.submit(draft(), key="")
    assert (answer.status_code, answer.json()["field"]) == (400, "idempotency-key")
    assert await briefing.rows() == {}


async def test_only_a_token_that_holds_is_believed(briefing: Briefings) -> None:
    good = briefing.token()["authorization"]
    tokens = [
        {},
        {"authorization": "Basic bWF5YTptYXlh"},
        {"authorization": good[:-4] + "AAAA"},
        briefing.token(hours=-1),
    ]
    for token in tokens:
        answer = await briefing.submit(draft(), token=token)
        assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert await briefing.rows() == {}


async def test_without_the_role_nothing_is_handed_in_vouched_for_or_read(briefing: Briefings) -> None:
    said = (await briefing.submit(draft())).json()
    before = await briefing.rows()
    stranger = briefing.token("sam", "visitor")
    answers = [
        await briefing.submit(draft(), "key-2", stranger),
        await briefing.confirm(said["campaign_id"], token=stranger),
        await briefing.plan(said["campaign_id"], stranger),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert await briefing.rows() == before


async def test_another_tenant_neither_sees_nor_vouches(briefing: Briefings) -> None:
    await briefing.apply([record(outside(draft()))])
    other = briefing.token("maya", tenant="other")
    assert (await briefing.plan(CAMPAIGN, other)).status_code == 404
    assert (await briefing.confirm(CAMPAIGN, token=other)).status_code == 409
    assert await briefing.published() == ["ClarificationAsked"]


async def test_an_agents_brief_waits_until_a_person_vouches(briefing: Briefings) -> None:
    bot = briefing.token("planner-bot", person=False)
    answer = await briefing.submit(draft(), token=bot)
    assert answer.status_code == 202
    said = answer.json()
    assert said["status"] == "waiting"
    assert "plan" not in said
    assert "offer" in {question["field"] for question in said["questions"]}
    refused = await briefing.confirm(said["campaign_id"], token=bot)
    assert refused.status_code == 403
    assert await briefing.published() == ["ClarificationAsked"]

    vouched = await briefing.confirm(said["campaign_id"])
    assert vouched.status_code == 200
    assert await briefing.published() == ["ClarificationAsked", "BriefAccepted", "PlanIssued"]
    accepted, issued = (await briefing.events())[1:]
    assert isinstance(accepted, BriefAccepted)
    assert isinstance(issued, PlanIssued)
    assert (accepted.submitted_by, issued.plan.authored_by) == ("planner-bot", "maya")
    assert vouched.json()["plan"]["hash"] == issued.plan_hash


async def test_a_person_vouches_once(briefing: Briefings) -> None:
    await briefing.apply([record(outside(draft()))])
    first, again = await briefing.confirm(CAMPAIGN), await briefing.confirm(CAMPAIGN)
    assert (first.status_code, canonical(again)) == (200, canonical(first))
    assert (await briefing.confirm(CAMPAIGN, "vouch-2")).status_code == 409
    assert await briefing.published() == ["ClarificationAsked", "BriefAccepted", "PlanIssued"]


async def test_nobody_vouches_for_what_was_never_handed_in(briefing: Briefings) -> None:
    assert (await briefing.confirm(uuid4())).status_code == 409
    assert await briefing.published() == []


async def test_no_plan_is_shown_for_a_campaign_that_nobody_knows(briefing: Briefings) -> None:
    answer = await briefing.plan(uuid4())
    assert (answer.status_code, answer.json()["field"]) == (404, "campaign_id")


async def test_a_brief_by_kafka_that_comes_twice_counts_once(briefing: Briefings) -> None:
    sent = record(outside(draft()))
    await briefing.apply([sent, sent])
    await briefing.apply([sent])
    assert await briefing.published() == ["ClarificationAsked"]


async def test_a_bad_record_stops_nothing_and_parks_nobody(briefing: Briefings) -> None:
    bad = record(b'{"brief": {"name": 1}}', topic="inbound.briefs.v1")
    await briefing.apply([bad, record(outside(draft()), 1)])
    assert await briefing.published() == ["ClarificationAsked"]
    assert (await briefing.rows())["dead_letter"] == 1
    assert (await briefing.confirm(CAMPAIGN)).status_code == 200


async def test_a_second_brief_for_the_same_campaign_changes_nothing(briefing: Briefings) -> None:
    first, second = outside(draft()), outside(draft(offer="Another offer"), 1)
    await briefing.apply([record(first), record(second, 1)])
    await briefing.confirm(CAMPAIGN)
    issued = (await briefing.events())[-1]
    assert isinstance(issued, PlanIssued)
    assert issued.plan.brief.offer == draft().offer


async def test_what_is_published_carries_its_cause_and_its_place(briefing: Briefings) -> None:
    answer = await briefing.submit(draft())
    rows = await briefing.parts.db.pool.fetch("SELECT campaign_id, topic, sequence, epoch FROM event_log ORDER BY id")
    campaign = UUID(answer.json()["campaign_id"])
    assert [(row["campaign_id"], row["topic"], row["sequence"]) for row in rows] == [
        (campaign, "briefing.plans.v1", 1),
        (campaign, "briefing.plans.v1", 2),
    ]
