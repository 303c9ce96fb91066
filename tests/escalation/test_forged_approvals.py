"""No approval but a person's own, of exactly what was displayed, counts; and what is refused leaves a trace."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from chassis.signatures import Signer
from contracts.codec import encode
from contracts.decision import Approver, ApproverKind, ReasonGiven, Stage
from contracts.escalation import (
    ActionCleared,
    ApprovalGiven,
    ApprovalRefused,
    CaseExpired,
    CaseResolved,
    CaseWithdrawn,
    ClearanceRevoked,
    HoldReleased,
    OverrideRecorded,
)
from contracts.event import CampaignId, Event
from contracts.executor import CampaignFinished, CampaignOutcome, KillScope, KillSwitchChanged
from handrail.keys import Keys
from tests.builders import T0, at, fact, plan_issued, proposed
from tests.escalation import forgeries
from tests.escalation.desk import Desk
from tests.escalation.forgeries import Call, Forgery, Issuer

REASON = ReasonGiven(what="this", when="now", until="today", why="it is fine")


async def send(desk: Desk, call: Call) -> tuple[int, bool]:
    """The status, and whether the refusal was recorded: as an event, as a line of the log, or as a request counted."""
    events, requests = len(await desk.said()), _refused()
    with capture_logs() as lines:
        answer = await desk.doors[0].request(call.method, call.path, headers=dict(call.headers), content=call.content)
    said = (await desk.said())[events:]
    assert set(said) <= {"VoteRefused"}, said
    logged = any(line["event"] == "refused at the door" for line in lines)
    return answer.status_code, bool(said) or logged or _refused() == requests + 1


def _refused() -> float:
    return REGISTRY.get_sample_value("handrail_ingress_requests_total", {"code": "4xx"}) or 0.0


@pytest.fixture
def issuer(keys: Keys) -> Issuer:
    return Issuer(keys)


@pytest.mark.parametrize("group", ["tokens", "people", "contents", "bodies", "calls"])
async def test_nothing_forged_is_accepted_and_the_genuine_vote_still_is(desk: Desk, issuer: Issuer, group: str) -> None:
    shown = await desk.asked()
    makers: dict[str, Callable[[], Iterator[Forgery]]] = {
        "tokens": lambda: forgeries.tokens(issuer), "people": lambda: forgeries.people(issuer),
        "contents": lambda: forgeries.contents(shown), "bodies": lambda: forgeries.bodies(shown),
        "calls": lambda: forgeries.calls(shown),
    }  # fmt: skip
    wrong: list[str] = []
    for forgery in makers[group]():
        status, recorded = await send(desk, forgery.change(forgeries.genuine(shown, issuer)))
        if status != forgery.status or not recorded:
            wrong.append(f"{forgery.name}: {status} instead of {forgery.status}, recorded: {recorded}")
    assert wrong == []
    assert "ActionCleared" not in await desk.said()
    assert (await send_genuine(desk, shown, issuer)) == 200
    assert (await desk.said()).count("ActionCleared") == 1


async def send_genuine(desk: Desk, shown: dict[str, object], issuer: Issuer) -> int:
    call = forgeries.genuine(shown, issuer)
    answer = await desk.doors[0].request(call.method, call.path, headers=dict(call.headers), content=call.content)
    return answer.status_code


async def test_there_are_more_than_two_hundred_kinds_and_no_two_are_the_same(desk: Desk, issuer: Issuer) -> None:
    shown = await desk.asked()
    names = [forgery.name for forgery in forgeries.every(shown, issuer)]
    assert len(names) == len(set(names))
    assert len([name for name in names if not name.startswith("content: character")]) >= 200


async def test_a_person_without_the_role_an_agent_and_the_author_leave_a_trace_with_their_name(
    desk: Desk, issuer: Issuer
) -> None:
    shown = await desk.asked()
    for claims in ({"kind": "agent", "sub": "bot"}, {"sub": "maya"}, {"sub": "eve", "roles": []}):
        await send(desk, forgeries.genuine(shown, issuer).with_token(issuer.token(**claims)))
    rows = await desk.parts.db.pool.fetch("SELECT value FROM event_log ORDER BY id")
    said = [(one["by"], one["because"]) for one in (json.loads(row["value"]) for row in rows) if "human" in one]
    assert said == [("bot", "not_a_person"), ("maya", "own_work"), ("eve", "role_missing")]


def told(shown: dict[str, Any]) -> dict[str, Event]:
    """What somebody who can write to Kafka might say instead of voting."""
    option = shown["options"][0]
    case_id, decision = UUID(shown["case_id"]), UUID(option["decision_id"])
    by = Approver(kind=ApproverKind.HUMAN, subject="ana", role="campaign_approver", at=T0)
    about: dict[str, Any] = {"case_id": case_id, "decision_id": decision}
    asked_for = proposed(decision_id=decision)
    return {
        "an approval": ApprovalGiven(**about, content_hash=option["content_hash"], approver=by, reason=None),
        "a refusal of the others": ApprovalRefused(**about, content_hash="cd" * 32, approver=by, reason=REASON),
        "a resolution": CaseResolved(case_id=case_id, chosen=decision, by=(by,)),
        "an expiry": CaseExpired(case_id=case_id, if_ignored="it goes"),
        "a withdrawal": CaseWithdrawn(case_id=case_id, because="no_question"),
        "a release": HoldReleased(because="kill_switch", decision_id=decision),
        "an override": OverrideRecorded(**about, plan_version=1, instead_of="waiting", by=by, reason=REASON),
        "a revocation": ClearanceRevoked(
            grant_id=uuid4(), decision_id=decision, plan_version=1, by=by, because="a better one comes"
        ),
        "a grant": ActionCleared(
            grant_id=uuid4(), decision_id=decision, plan_version=1, plan_hash=asked_for.plan_hash,
            policy_hash=asked_for.policy_hash, content_hash=option["content_hash"], action=asked_for.action,
            approvers=(by,), case_id=case_id, granted_at=T0, expires_at=at(3600),
            stages=(Stage(stage="people", verdict="cleared", inputs=("ana",)),),
        ),
        "the same proposal as done by a rule": asked_for.model_copy(update={"confidence": 1.0, "autonomy_rung": 4}),
        "a release of a switch": KillSwitchChanged(scope=KillScope.CAMPAIGN, engaged=False, actor="ana", reason="x"),
    }  # fmt: skip


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed by a stranger"])
async def test_nothing_on_kafka_is_an_approval(desk: Desk, issuer: Issuer, signed: bool) -> None:
    shown = await desk.asked()
    stranger = Signer("escalation-9", Ed25519PrivateKey.generate())
    for name, event in told(shown).items():
        headers, value = encode(fact(event))
        await desk.hear(fact(event), stranger.sign(headers, value) if signed else headers)
        assert await desk.said() == ["CaseOpened"], name
    assert (await desk.get(f"/v1/cases/{shown['case_id']}")).json()["status"] == "open"
    assert await send_genuine(desk, shown, issuer) == 200


@pytest.mark.parametrize("name", ["io.handrail.case.decided.v1", "escalation.commands.DecideCase", "DecideCase"])
async def test_a_command_on_kafka_is_a_dead_letter(desk: Desk, name: str) -> None:
    shown = await desk.asked()
    headers, _ = encode(fact(told(shown)["a resolution"]))
    forged = [(key, name.encode() if key == "ce_type" else text) for key, text in headers]
    await desk.hear(json.dumps({"case_id": shown["case_id"], "choice": "approve"}).encode(), forged)
    assert await desk.said() == ["CaseOpened"]
    assert await desk.parts.db.pool.fetchval("SELECT count(*) FROM dead_letter") == 1


def _kill() -> Event:
    return KillSwitchChanged(scope=KillScope.CAMPAIGN, engaged=True, actor="sam", reason="an incident")


async def _expired(desk: Desk) -> None:
    await desk.parts.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE kind = 'case_deadline'")
    await desk.work()


@pytest.mark.parametrize(
    ("happens", "status"),
    [
        (lambda desk, shown: desk.vote(shown, by=desk.token("leo", "marketing_lead")), 409),
        (lambda desk, shown: _expired(desk), 409),
        (lambda desk, shown: desk.read(_kill()), 409),
        (lambda desk, shown: desk.read(plan_issued(2)), 409),
        (
            lambda desk, shown: desk.read(
                CampaignFinished(plan_version=1, outcome=CampaignOutcome.CANCELLED, because="cancelled_by_person")
            ),
            409,
        ),
    ],
    ids=["decided by another", "expired", "killed", "a newer plan", "the campaign is over"],
)
async def test_an_approval_that_comes_too_late_is_refused_and_recorded(
    desk: Desk, issuer: Issuer, happens: Callable[[Desk, dict[str, object]], object], status: int
) -> None:
    shown = await desk.asked()
    await happens(desk, shown)  # type: ignore[misc]
    grants = (await desk.said()).count("ActionCleared")
    assert await send(desk, forgeries.genuine(shown, issuer)) == (status, True)
    assert (await desk.said())[-1] == "VoteRefused"
    assert (await desk.said()).count("ActionCleared") == grants


async def test_a_decision_of_another_campaign_is_no_option_of_this_case(desk: Desk, issuer: Issuer) -> None:
    issued, other = plan_issued(), CampaignId(UUID(int=7))
    await desk.read(issued, fact(issued, other), proposed(issued), fact(proposed(issued), other))
    one, two = (await desk.get("/v1/cases")).json()["cases"]
    forged = forgeries.genuine(one, issuer).with_body(decision_id=two["options"][0]["decision_id"])
    assert await send(desk, forged) == (404, True)


async def test_a_key_that_was_used_for_something_else_is_no_second_word(desk: Desk, issuer: Issuer) -> None:
    shown = await desk.asked()
    call = forgeries.genuine(shown, issuer)
    path = f"/v1/cases/{shown['case_id']}/acknowledge"
    assert (await desk.doors[0].post(path, headers=dict(call.headers))).status_code == 200
    assert (await send(desk, call))[0] == 422


async def test_a_double_click_is_one_approval(desk: Desk, issuer: Issuer) -> None:
    shown = await desk.asked()
    call = forgeries.genuine(shown, issuer)
    answers = [
        await desk.doors[door].request(call.method, call.path, headers=dict(call.headers), content=call.content)
        for door in (0, 1, 0)
    ]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert (await desk.said()).count("ActionCleared") == 1
