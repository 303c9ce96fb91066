"""SLA clocks: started with the plan, counted at the deadline, never about what a model does."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from contracts.brief import Anchor, Moment, SlaTarget, Timing
from contracts.event import Value
from contracts.executor import (
    ArtefactChecked,
    ArtefactDrafted,
    ArtefactKind,
    CampaignOutcome,
    ChecklistItemWaived,
    CheckResult,
    Verdict,
    WorkBegun,
)
from contracts.inbound import MailEvent
from contracts.monitor import Sla, SlaBreached, SlaMet, SlaStarted, TriggerFired
from monitor.domain.state import Reason, SlaDeadline
from tests.builders import HASH, at, brief, plan_issued, policy, proposed
from tests.monitor.builders import History, finished, halted, launched, report, sent

RATES = (Sla.QA_PASS_RATE, Sla.QUALITY, Sla.EXCEPTION_RATE)
TARGETS = (
    SlaTarget(sla="response_time", within=timedelta(minutes=15)),
    SlaTarget(sla="draft_time", within=timedelta(hours=2)),
    *(SlaTarget(sla=sla.value, at_least=0.95) for sla in RATES),
)
BEGUN = WorkBegun(plan_version=1)
TRIGGER, OTHER = uuid4(), uuid4()


def watched(targets: tuple[SlaTarget, ...] = TARGETS, deadline: Moment | None = None) -> History:
    timing = Timing(
        launch=Moment(after=Anchor.ACCEPTANCE, by=timedelta(0)),
        deadline=deadline or Moment(after=Anchor.ACCEPTANCE, by=timedelta(hours=3)),
        send_window=timedelta(hours=2),
    )
    return History(plan_issued(policy_=policy(sla_targets=targets), brief_=brief(timing=timing)))


def checked(*verdicts: Verdict) -> ArtefactChecked:
    results = tuple(
        CheckResult(check=f"check.{number}", verdict=verdict, evidence="seen")
        for number, verdict in enumerate(verdicts)
    )
    return ArtefactChecked(
        plan_version=1, artefact="mail.attended", revision=1, content_hash=HASH, results=results, passed=True
    )


def settled(history: History, sla: Sla) -> list[tuple[str, float | None]]:
    said = [*history.said(SlaMet), *history.said(SlaBreached)]
    return [(type(one).__name__, one.rate) for one in said if one.sla is sla]


def test_every_promise_of_the_policy_gets_a_clock_and_so_does_completion() -> None:
    started = {one.sla: one for one in watched().said(SlaStarted)}
    assert set(started) == set(Sla)
    assert started[Sla.RESPONSE_TIME].due_at == at(900)
    assert started[Sla.COMPLETION].due_at == at(3 * 3600)
    assert {started[sla].due_at for sla in RATES} == {None}
    assert {one.started_at for one in started.values()} == {at(0)}


def test_what_was_not_promised_has_no_clock() -> None:
    assert [one.sla for one in watched(()).said(SlaStarted)] == [Sla.COMPLETION]


@pytest.mark.parametrize(
    ("sla", "reached", "seconds", "made"),
    [
        (Sla.RESPONSE_TIME, BEGUN, 899, "SlaMet"),
        (Sla.RESPONSE_TIME, BEGUN, 900, "SlaMet"),
        (Sla.RESPONSE_TIME, BEGUN, 901, "SlaBreached"),
        (Sla.DRAFT_TIME, proposed(), 7_200, "SlaMet"),
        (Sla.DRAFT_TIME, proposed(), 7_201, "SlaBreached"),
        (Sla.COMPLETION, finished(), 10_800, "SlaMet"),
        (Sla.COMPLETION, finished(), 10_801, "SlaBreached"),
        (Sla.COMPLETION, finished(CampaignOutcome.FAILED), 10, "SlaBreached"),
    ],
)
def test_a_promise_is_kept_up_to_its_deadline(sla: Sla, reached: Value, seconds: float, made: str) -> None:
    assert [name for name, _ in settled(watched().then(reached, seconds), sla)] == [made]


def test_a_miss_counts_at_the_deadline_and_once() -> None:
    history = watched().then(SlaDeadline(sla=Sla.RESPONSE_TIME), 900).then(BEGUN, 950)
    assert [name for name, _ in settled(history, Sla.RESPONSE_TIME)] == ["SlaBreached"]


def test_a_deadline_after_the_promise_was_kept_says_nothing() -> None:
    history = watched().then(BEGUN, 1).then(SlaDeadline(sla=Sla.RESPONSE_TIME), 900)
    assert [name for name, _ in settled(history, Sla.RESPONSE_TIME)] == ["SlaMet"]


def test_what_a_model_does_moves_no_clock() -> None:
    history = watched()
    clocks = history.state.clocks
    drafted = ArtefactDrafted(
        plan_version=1, artefact="mail.attended", kind=ArtefactKind.EMAIL, revision=1, template="t", drafted_by="m",
        content_hash=HASH,
    )  # fmt: skip
    assert history.then(drafted, 5).state.clocks == clocks


@pytest.mark.parametrize(("failed", "made"), [(1, "SlaMet"), (2, "SlaBreached")])
def test_the_qa_rate_is_settled_at_the_end(failed: int, made: str) -> None:
    history = watched().then(checked(*[Verdict.PASS] * (20 - failed), *[Verdict.FAIL] * failed)).then(finished(), 60)
    assert settled(history, Sla.QA_PASS_RATE) == [(made, (20 - failed) / 20)]


def test_an_error_is_no_pass() -> None:
    history = watched().then(checked(Verdict.PASS, Verdict.ERROR)).then(finished(), 60)
    assert settled(history, Sla.QA_PASS_RATE) == [("SlaBreached", 0.5)]


def test_a_person_who_steps_in_is_an_exception() -> None:
    waived = ChecklistItemWaived(plan_version=1, item="seed_list", actor="leo", reason="known")
    history = watched().all([proposed() for _ in range(4)]).then(waived).then(halted("maya")).then(halted())
    assert (history.state.decisions, history.state.interventions) == (4, 2)
    history.then(finished(), 60)
    assert settled(history, Sla.EXCEPTION_RATE) == [("SlaBreached", 0.5)]


def test_complaints_lower_the_quality() -> None:
    history = watched().then(launched()).then(sent(range(10), size=10))
    history.all(report(number, MailEvent.DELIVERED) for number in range(10)).then(report(0, MailEvent.COMPLAINED))
    history.then(finished(), 60)
    assert settled(history, Sla.QUALITY) == [("SlaBreached", 0.9)]


def test_more_complaints_than_deliveries_are_no_error() -> None:
    history = watched().then(launched()).then(sent(range(2), size=2))
    history.then(report(0, MailEvent.DELIVERED)).then(report(1, MailEvent.BLOCKED_OR_SOFT))
    history.all(report(number, MailEvent.COMPLAINED) for number in range(2)).then(finished(), 60)
    assert settled(history, Sla.QUALITY) == [("SlaBreached", 0.0)]


@pytest.mark.parametrize(("reported", "made"), [(18, ("SlaBreached", None)), (19, ("SlaMet", 1.0))])
def test_quality_that_nobody_reported_on_is_not_taken_for_good(reported: int, made: tuple[str, float | None]) -> None:
    history = watched().then(launched()).then(sent(range(20), size=20))
    history.all(report(number, MailEvent.DELIVERED) for number in range(reported)).then(finished(), 60)
    assert settled(history, Sla.QUALITY) == [made]


def test_the_options_of_one_trigger_are_one_decision() -> None:
    history = watched().then(proposed())
    history.all(proposed(answers=TRIGGER) for _ in range(3)).then(proposed(answers=OTHER))
    assert history.state.decisions == 3


def test_a_skipped_check_is_neither_passed_nor_failed() -> None:
    history = watched().then(checked(Verdict.PASS, Verdict.SKIPPED)).then(finished(), 60)
    assert settled(history, Sla.QA_PASS_RATE) == [("SlaMet", 1.0)]


def test_a_deadline_after_the_end_of_sending_is_not_due_before_it() -> None:
    history = watched(deadline=Moment(after=Anchor.END_OF_SENDING, by=timedelta(seconds=60)))
    [completion] = [one for one in history.said(SlaStarted) if one.sla is Sla.COMPLETION] or [None]
    assert completion is None or completion.due_at != at(60)


def test_a_running_campaign_keeps_the_promises_and_thresholds_it_was_begun_with() -> None:
    history = watched().then(BEGUN, 10)
    clocks = history.state.clocks
    stricter = tuple(rule.model_copy(update={"threshold": 0.0, "minimum": 1}) for rule in policy().triggers)
    second = plan_issued(2, policy_=policy(triggers=stricter))
    history.here = replace(history.here, plans={**history.here.plans, 2: second})
    history.then(second, 20)
    assert (history.last.reason, history.last.events, history.last.tasks) == (Reason.PLAN_CHANGED, (), ())
    assert (history.state.clocks, history.state.plan_version) == (clocks, 1)
    history.then(launched(), 30).then(sent(range(240), done=True), 40).then(report(1, MailEvent.BOUNCED_HARD), 50)
    assert not history.said(TriggerFired)
