"""Why a decision was made: the same whatever the order of topics, in words that need no engineer, two clicks away."""

import html
from collections.abc import Sequence
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import ActionExecuted, ActionFailed, ActionRefused, EffectOutcome
from contracts.catalogue import EVENTS
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    ClearanceRevoked,
    HoldPlaced,
    HoldReleased,
    OverrideRecorded,
)
from contracts.event import CampaignId, Event, Fact, Tenant
from contracts.framing import named
from tests.builders import CAMPAIGN, fact, proposed
from tests.contracts.samples import sample
from tests.tower.builders import ANA, DECISION, effects, facts, fired, halted, interleaved, launched, opened, plan
from tests.tower.conftest import Tower
from tests.tower.test_service import HOSTILE, stream
from tower.why import Why, decision_of, fold

LEAVE, STOP = named("option", "leave"), named("option", "stop")
LEAVE_OUT, STOP_IT = "Go on without shop.example", "Stop the campaign"


def about(kind: type[Event], **changes: object) -> Event:
    return sample(kind).model_copy(update={"decision_id": DECISION, **changes})


def cleared(*approvers: object) -> Event:
    return about(ActionCleared, approvers=approvers or (ANA,))


PROPOSED = proposed(decision_id=DECISION)
RULE = ANA.model_copy(update={"kind": "rule", "subject": "matrix"})
HELD = HoldPlaced(because="kill_switch", decision_id=DECISION, until=None)
RELEASED = HoldReleased(because="kill_switch", decision_id=DECISION)
WHOLE: Sequence[Event] = (
    PROPOSED, HELD, RELEASED, opened(subject_id=DECISION), about(ApprovalGiven), cleared(), launched(),
    effects(1, EffectOutcome.SUCCEEDED, EffectOutcome.SKIPPED), effects(2, EffectOutcome.SUCCEEDED),
    about(ActionExecuted), about(OverrideRecorded),
)  # fmt: skip


def why(events: Sequence[Event]) -> Why:
    found = Why()
    for one in facts(events):
        found = fold(found, one)
    return found


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([PROPOSED], "waits for a ruling"),
        ([PROPOSED, opened(subject_id=DECISION)], "waits for people"),
        ([PROPOSED, HELD], "held: kill switch"),
        ([PROPOSED, HELD, RELEASED], "waits for a ruling"),
        ([PROPOSED, cleared()], "approved by ana"),
        ([PROPOSED, cleared(RULE)], "cleared by rule"),
        ([PROPOSED, cleared(), about(ClearanceRevoked)], "taken back"),
        ([PROPOSED, about(ActionDenied)], "denied"),
    ],
)
def test_where_a_decision_stands(events: Sequence[Event], state: str) -> None:
    assert why(events).state == state


@given(order=st.permutations(range(len(WHOLE))))
def test_topics_may_come_in_any_order(order: list[int]) -> None:
    found = Why()
    for one in interleaved(facts(WHOLE), order):
        found = fold(found, one)
    assert found == why(WHOLE)
    assert found.effects == {"succeeded": 2, "skipped": 1}


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_there_is_can_be_folded_into_a_decision(kind: type[Event]) -> None:
    found = fold(Why(), fact(sample(kind)))
    assert found == Why() or decision_of(sample(kind)) is not None


async def test_the_page_of_a_decision_says_what_was_seen_thought_risked_and_decided(tower: Tower) -> None:
    await tower.happens(*plan(), *WHOLE)
    page = html.unescape((await tower.get(f"/decisions/{DECISION}")).text)
    for words in (
        "Send the follow-up to 588 people", "approved by ana", "Write while the webinar is fresh",
        "30 booked demos (12 to 52) within 1 day", "100%", "a fixed rule, planner version 1", "written by a person",
        "Do nothing", "29.40 EUR", "cannot be", "240.00 EUR", "50.00 EUR", "as campaign approver",
        "2 sent", "carried out", "novelty", "needs people", "framework webinar_follow_up.1 was never approved",
        f"handrail explain {DECISION}", PROPOSED.action.content_hash,
    ):  # fmt: skip
        assert words in page, words


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (about(ActionDenied, because="another_option_was_chosen"), "another option was chosen"),
        (about(ActionFailed, because="no mail server"), "it could not be carried out: no mail server"),
        (about(ActionRefused, because="expired", detail="the grant is over"), "expired: the grant is over"),
        (about(ApprovalRefused), "refused, as campaign approver"),
        (PROPOSED, "If nobody decides: Nothing is sent"),
    ],
)
async def test_the_page_of_a_decision_says_what_went_otherwise(tower: Tower, event: Event, words: str) -> None:
    await tower.happens(*plan(), PROPOSED)
    await tower.take([fact(event)])
    assert words in html.unescape((await tower.get(f"/decisions/{DECISION}")).text)


def halt() -> tuple[list[Fact[Event]], str]:
    """A trigger, two options as its answers, and the case in which people were asked."""
    said = facts([*plan(), PROPOSED, fired(), halted()])
    [trigger] = [one for one in said if one.event == fired()]
    answer = trigger.meta.event_id
    options = [
        proposed(decision_id=decision, answers=answer, title=title)
        for decision, title in ((LEAVE, LEAVE_OUT), (STOP, STOP_IT))
    ]
    asked = opened(subject_id=answer, title="How to go on?")
    return [*said, *(fact(one) for one in (*options, asked))], str(asked.case_id)


async def test_an_option_says_what_it_answers_and_what_else_there_was(tower: Tower) -> None:
    said, case = halt()
    await tower.take(said)
    page = html.unescape((await tower.get(f"/decisions/{LEAVE}")).text)
    assert fired().finding in page
    assert f'href="/decisions/{STOP}">{STOP_IT}</a>' in page and f'href="/decisions/{LEAVE}"' not in page
    assert f"handrail case show {case[:8]}" in page
    shown = (await tower.get(f"/v1/decisions/{LEAVE}")).json()
    assert (shown["campaign_id"], shown["case_id"], shown["state"]) == (str(CAMPAIGN), case, "waits for a ruling")
    assert shown["proposed"]["title"] == LEAVE_OUT and shown["answers"]


async def test_a_decision_is_two_clicks_from_the_tower(tower: Tower) -> None:
    await tower.happens(*plan(), *WHOLE)
    assert f'href="/campaigns/{CAMPAIGN}"' in (await tower.get("/")).text
    assert f'href="/decisions/{DECISION}"' in (await tower.get(f"/campaigns/{CAMPAIGN}")).text
    listed = (await tower.get(f"/v1/campaigns/{CAMPAIGN}")).json()
    assert listed["decisions"] == [
        {"decision_id": str(DECISION), "title": "Send the follow-up to 588 people", "state": "approved by ana"}
    ]
    told = {one["said"]: one["decision_id"] for one in listed["timeline"]}
    assert told["Launched to 588 people"] == str(DECISION) and told["The brief was accepted"] is None


async def test_what_belongs_to_no_known_proposal_leads_nowhere(tower: Tower) -> None:
    await tower.happens(*plan(), launched(), opened(subject_id=uuid4()))
    answer = await tower.get(f"/campaigns/{CAMPAIGN}")
    assert answer.status_code == 200 and 'href="/decisions/' not in answer.text


async def test_a_decision_of_another_tenant_is_not_there(tower: Tower) -> None:
    await tower.happens(*plan(), *WHOLE, tenant=Tenant("other"))
    for path in (f"/v1/decisions/{DECISION}", f"/decisions/{DECISION}", f"/decisions/{DECISION}/events"):
        assert (await tower.get(path)).status_code == 404


async def test_another_campaign_cannot_speak_about_a_decision(tower: Tower) -> None:
    await tower.happens(*plan(), PROPOSED)
    await tower.happens(about(ActionDenied), campaign=CampaignId(uuid4()))
    assert (await tower.get(f"/v1/decisions/{DECISION}")).json()["state"] == "waits for a ruling"


async def test_hostile_text_in_a_decision_is_shown_as_text(tower: Tower) -> None:
    await tower.happens(*plan(), proposed(decision_id=DECISION, title=HOSTILE, strategy=HOSTILE))
    answer = await tower.get(f"/decisions/{DECISION}")
    assert "<script>alert" not in answer.text and "<img" not in answer.text


@pytest.mark.parametrize("path", [f"/campaigns/{CAMPAIGN}/events", f"/decisions/{DECISION}/events"])
async def test_pages_of_campaigns_and_decisions_are_live(tower: Tower, path: str) -> None:
    await tower.happens(*plan(), PROPOSED)
    async with stream(tower, path) as events:
        assert "waits for a ruling" in await anext(events)
        await tower.take([fact(cleared())])
        assert "approved by ana" in await anext(events)


async def test_a_person_is_told_in_words_that_nothing_is_there(tower: Tower) -> None:
    headers = {"authorization": f"Bearer {tower.token()}", "accept": "text/html"}
    answer = await tower.client.get(f"/decisions/{uuid4()}", headers=headers)
    assert answer.status_code == 404 and "No such decision" in answer.text
