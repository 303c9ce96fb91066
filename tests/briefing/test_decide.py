"""What becomes of a brief: read as the policy of the front door."""

from dataclasses import replace

import pytest

from briefing.domain.decide import Briefing, Reason, Status, decide
from chassis.decision import Command, Loaded, Message
from contracts.brief import ManualStep, Moment, Outcome
from contracts.briefing import BriefAccepted, BriefRefused, ClarificationAsked, PlanIssued, Problem
from contracts.event import Event, Tenant
from contracts.framing import digest
from contracts.inbound import BriefSubmitted
from contracts.strict import LIMIT_BYTES
from tests.briefing.builders import BOT, RULES, confirm, decided, draft, submit
from tests.builders import T0, at, brief, meta

OUTSIDE = BriefSubmitted(brief=draft())


def state_after(*messages: Event | Command) -> Briefing:
    state: Briefing | None = None
    for message in messages:
        state = decided(state, message).state
    assert state is not None
    return state


def test_a_complete_brief_of_a_person_is_accepted_and_planned_at_once() -> None:
    made = decided(None, submit())
    assert made.reason is Reason.ACCEPTED
    accepted, issued = made.events
    assert accepted == BriefAccepted(received_at=T0, submitted_by="maya", brief=brief(), warnings=())
    assert isinstance(issued, PlanIssued)
    assert issued.plan.authored_by == "maya"
    assert made.state == Briefing(
        status=Status.ACCEPTED, received_at=T0, submitted_by="maya", brief=brief(), plan=issued
    )


def test_a_vague_brief_is_refused_and_recorded_by_its_hash_alone() -> None:
    vague = draft(goal="improve engagement")
    made = decided(None, submit(vague))
    assert made.reason is Reason.REFUSED
    [refused] = made.events
    assert isinstance(refused, BriefRefused)
    assert refused.brief_hash == digest("handrail/brief/v1", vague.model_dump_json())
    assert [problem.field for problem in refused.problems] == ["goal"]
    assert made.state is not None
    assert (made.state.status, made.state.brief, made.state.plan) == (Status.REFUSED, None, None)


@pytest.mark.parametrize("message", [submit(actor=BOT), OUTSIDE], ids=["an agent's token", "another system, by Kafka"])
def test_human_parts_without_a_person_wait_for_one(message: Event | Command) -> None:
    made = decided(None, message)
    assert made.reason is Reason.AUTHOR_WANTED
    [asked] = made.events
    assert isinstance(asked, ClarificationAsked)
    assert {"offer", "message_hierarchy", "business_case"} <= {question.field for question in asked.questions}
    assert made.state is not None
    assert made.state.plan is None


def test_an_outsiders_bad_brief_is_refused_without_asking_anybody() -> None:
    made = decided(None, BriefSubmitted(brief=draft(offer=None)))
    assert made.reason is Reason.REFUSED


def test_a_person_who_vouches_becomes_the_author() -> None:
    made = decided(state_after(OUTSIDE), confirm())
    assert made.reason is Reason.ACCEPTED
    accepted, issued = made.events
    assert isinstance(accepted, BriefAccepted)
    assert accepted.submitted_by == "outside"
    assert isinstance(issued, PlanIssued)
    assert issued.plan.authored_by == "maya"


def test_no_agent_vouches_for_a_person() -> None:
    waiting = state_after(OUTSIDE)
    made = decided(waiting, confirm(BOT))
    assert (made.reason, made.events, made.state) == (Reason.NOT_A_PERSON, (), waiting)


@pytest.mark.parametrize(
    "state",
    [
        None,
        state_after(submit()),
        state_after(submit(draft(goal="improve engagement"))),
        state_after(OUTSIDE, confirm()),
    ],
    ids=["unknown", "accepted", "refused", "vouched for already"],
)
def test_there_is_nothing_to_vouch_for_where_no_brief_waits(state: Briefing | None) -> None:
    made = decided(state, confirm())
    assert (made.reason, made.events, made.state) == (Reason.NOTHING_TO_CONFIRM, (), state)


@pytest.mark.parametrize("status", list(Status))
def test_a_campaign_has_one_brief_whatever_came_of_it(status: Status) -> None:
    known = Briefing(status=status, received_at=T0, submitted_by="maya")
    made = decided(known, submit(draft(offer="Another offer")))
    assert (made.reason, made.events, made.state) == (Reason.KNOWN, (), known)


def test_a_plan_that_cannot_fill_its_sheet_is_refused_instead_of_issued() -> None:
    workflow, template = next(iter(RULES.templates.by_workflow.items()))
    bare = replace(
        RULES, templates=replace(RULES.templates, by_workflow={workflow: template.model_copy(update={"tools": ()})})
    )
    made = decided(None, submit(), bare)
    assert made.reason is Reason.REFUSED
    [refused] = made.events
    assert isinstance(refused, BriefRefused)
    assert "no tools" in refused.problems[0].problem


def test_what_is_no_concern_of_briefing_changes_nothing() -> None:
    asked = Problem(field="offer", problem="unclear", fix="say more")
    made = decided(None, ClarificationAsked(questions=(asked,)))
    assert (made.reason, made.events, made.state) == (Reason.IGNORED, (), None)


def test_the_clock_of_a_brief_by_kafka_starts_when_it_was_sent() -> None:
    sent = meta(when=at(-30))
    made = decide(Loaded(None, None), Message(sent, OUTSIDE), RULES, T0)
    assert made.state is not None
    assert made.state.received_at == at(-30)


def test_the_clock_of_an_outsider_that_runs_ahead_is_not_believed() -> None:
    made = decide(Loaded(None, None), Message(meta(when=at(3600)), OUTSIDE), RULES, T0)
    assert made.state is not None
    assert made.state.received_at == T0


def test_a_person_vouches_for_confirmations_of_another_system_too() -> None:
    vanity = brief().objective.model_copy(update={"outcome": Outcome.OPENS, "vanity_accepted": True})
    [asked] = decided(None, BriefSubmitted(brief=draft(objective=vanity, goal="20 opens by 30 June"))).events
    assert isinstance(asked, ClarificationAsked)
    assert {"frequency.confirmed", "quiet_hours.confirmed", "objective.vanity_accepted"} <= {
        question.field for question in asked.questions
    }


def test_a_brief_that_waited_until_its_times_were_over_is_refused() -> None:
    soon = brief().timing.model_copy(update={"deadline": Moment(at=at(86_400))})
    waiting = state_after(BriefSubmitted(brief=draft(timing=soon)))
    made = decide(Loaded(waiting, None), Message(meta(), confirm()), RULES, at(86_400))
    assert made.reason is Reason.REFUSED


def test_another_tenants_brief_is_not_planned_by_this_organisations_policy() -> None:
    made = decide(Loaded(None, None), Message(meta(tenant=Tenant("globex")), submit()), RULES, T0)
    assert made.reason is Reason.REFUSED
    [refused] = made.events
    assert isinstance(refused, BriefRefused)
    assert refused.problems[0].field == "tenant"


@pytest.mark.parametrize(("field", "lines"), [("brand_rules", 850), ("escalation_criteria", 450)])
def test_no_plan_is_issued_that_its_readers_would_refuse_for_its_length(field: str, lines: int) -> None:
    made = decided(None, submit(draft(**{field: tuple("x" * 300 for _ in range(lines))})))
    assert made.reason is Reason.REFUSED
    assert all(len(event.model_dump_json().encode()) <= LIMIT_BYTES for event in made.events)


def test_a_refusal_is_never_too_long_to_be_read() -> None:
    steps = tuple(ManualStep(step=f"s{n}", owner="maya", minutes=1, reason="r", plan_step=f"p{n}") for n in range(2000))
    [refused] = decided(None, submit(draft(manual_baseline=steps))).events
    assert isinstance(refused, BriefRefused)
    assert len(refused.problems) == 100
