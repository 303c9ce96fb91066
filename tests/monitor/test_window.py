"""The outcome's window: what opens it, what it stands still for, what closes it."""

from datetime import timedelta

import pytest

from contracts.brief import Anchor, Moment
from contracts.executor import CampaignOutcome
from contracts.inbound import ContactEvent
from contracts.monitor import OutcomeRejected, OutcomeVerified
from monitor.domain.state import Reason, WindowCloses
from tests.builders import at
from tests.monitor.builders import History, contact, executed, finished, halted, launched, planned, resumed, sent

CLOSES = WindowCloses(plan_version=1)
AFTER_LAUNCH = Moment(after=Anchor.LAUNCH, by=timedelta(seconds=60))


def running(closes: Moment | None = None, *, target: int = 20) -> History:
    return History(planned(closes, target=target)).then(launched(), 10)


@pytest.mark.parametrize(
    ("closes", "due"),
    [
        (Moment(after=Anchor.ACCEPTANCE, by=timedelta(seconds=60)), 60),
        (AFTER_LAUNCH, 70),
        (Moment(after=Anchor.END_OF_SENDING, by=timedelta(seconds=60)), 160),
        (Moment(at=at(500)), 500),
    ],
)
def test_a_window_closes_by_its_anchor(closes: Moment, due: float) -> None:
    assert running(closes).then(executed(), 100).state.closes_at == at(due)


def test_an_action_that_another_goes_on_from_is_no_end_of_sending() -> None:
    assert running().then(executed(ended=False), 100).state.closes_at is None


@pytest.mark.parametrize(("booked", "made"), [(2, OutcomeRejected), (3, OutcomeVerified), (4, OutcomeVerified)])
def test_the_outcome_is_the_briefs_own_number(booked: int, made: type[OutcomeVerified | OutcomeRejected]) -> None:
    history = running(target=3).then(sent(range(10), size=10, done=True), 20)
    history.all((contact(number) for number in range(booked)), 30).then(executed(), 100).then(CLOSES, 160)
    [outcome] = [*history.said(OutcomeVerified), *history.said(OutcomeRejected)]
    assert isinstance(outcome, made)
    assert (outcome.counted, outcome.target, outcome.baseline, outcome.source_of_truth) == (booked, 3, 4, "crm")
    assert (outcome.window_opened_at, outcome.window_closed_at) == (at(10), at(160))
    assert ContactEvent.DEMO_BOOKED in outcome.formula


def test_a_window_closes_once_and_what_comes_later_does_not_count() -> None:
    history = running(target=1).then(sent([1], size=1), 20).then(executed(), 100).then(CLOSES, 160).then(CLOSES, 161)
    history.then(contact(1), 170)
    assert len(history.said(OutcomeRejected)) == 1
    assert history.state.counted == 0


def test_a_halted_window_stands_still() -> None:
    history = running(AFTER_LAUNCH).then(executed(), 25).then(halted(), 30).then(CLOSES, 70)
    assert history.last.reason is Reason.WINDOW_STANDS_STILL
    assert not history.said(OutcomeRejected)
    history.then(resumed(), 130)
    assert history.state.closes_at == at(170)
    assert [task.due for task in history.last.tasks] == [at(170)]
    history.then(CLOSES, 169)
    assert not history.said(OutcomeRejected)
    history.then(CLOSES, 170)
    assert len(history.said(OutcomeRejected)) == 1


def test_two_halts_are_added_up() -> None:
    history = running(AFTER_LAUNCH).then(halted(), 20).then(resumed(), 30).then(halted(), 40).then(resumed(), 60)
    assert history.state.closes_at == at(100)


def test_a_date_in_the_calendar_does_not_move() -> None:
    history = running(Moment(at=at(500))).then(halted(), 30).then(resumed(), 130)
    assert history.state.closes_at == at(500)


def test_a_campaign_that_is_over_has_no_outcome_any_more() -> None:
    history = running().then(executed(), 100).then(finished(CampaignOutcome.CANCELLED), 110).then(CLOSES, 160)
    assert not history.said(OutcomeRejected)


def test_a_halt_before_the_window_began_does_not_lengthen_it_whichever_topic_is_read_first() -> None:
    history = running().then(executed(), 100).then(halted(), 20, now=101).then(resumed(), 50, now=101)
    assert history.state.closes_at == at(160)


def test_a_window_does_not_close_before_anything_was_sent() -> None:
    history = History(planned(Moment(after=Anchor.ACCEPTANCE, by=timedelta(seconds=60)))).then(CLOSES, 60)
    assert not history.said(OutcomeRejected)  # the executor would take it for a completed campaign
