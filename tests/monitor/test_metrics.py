"""What the monitor counts, seen as a scrape sees it."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from chassis.decision import Message
from contracts.actions import ActionReconciled, ActionRefused, EffectOutcome, Settled
from contracts.brief import Anchor, Moment
from contracts.event import Value
from contracts.executor import CampaignOutcome, CampaignStage
from contracts.inbound import MailEvent
from contracts.monitor import Sla
from monitor import store
from monitor.domain.standing import standing
from monitor.domain.state import SlaDeadline, Source, WindowCloses
from monitor.metrics import observe, show
from tests.builders import T0, at, fact, meta
from tests.contracts.samples import sample
from tests.monitor.builders import History, accepted, contact, executed, finished, launched, planned, report, sent
from tests.monitor.conftest import Monitor

EMAIL = {"channel": "email"}


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Counted(History):
    """A history that the metrics see, in euros unless said otherwise."""

    def __init__(self, *, currency: str = "EUR", **changes: object) -> None:
        self.currency = currency
        super().__init__(**changes)  # type: ignore[arg-type]

    def then(self, body: Value, seconds: float = 0, **rest: object) -> "Counted":
        super().then(body, seconds, **rest)  # type: ignore[arg-type]
        observe(self.currency, Message(meta(when=at(seconds)), body), self.last)
        return self


def added(name: str, history: Counted, bodies: Iterable[tuple[Value, float]], **labels: str) -> float:
    """How much more the metric says after `bodies`, each with its second."""
    before = value(name, **labels)
    for body, seconds in bodies:
        history.then(body, seconds)
    return value(name, **labels) - before


def test_spend_grows_by_what_left_and_is_never_taken_back_but_corrected() -> None:
    left = sent(range(3), size=5), sent([3], size=5, outcome=EffectOutcome.UNKNOWN)
    not_left = sent([4], size=5, outcome=EffectOutcome.FAILED_DEFINITE)
    history = Counted()
    spent = added("handrail_spend_total", history, [(one, 0) for one in (*left, not_left)], **EMAIL)
    assert spent == pytest.approx(0.2)
    settled = sample(ActionReconciled).model_copy(update={"settled": Settled.NOT_APPLIED})
    before = value("handrail_spend_total", **EMAIL)
    corrected = added("handrail_spend_corrections_total", history, [(settled, 1)], direction="down", **EMAIL)
    assert corrected == pytest.approx(0.05)
    assert value("handrail_spend_total", **EMAIL) == before


def test_what_is_paid_in_another_currency_is_left_out_and_said_so() -> None:
    before = value("handrail_spend_total", **EMAIL)
    assert added("handrail_spend_left_out_total", Counted(currency="USD"), [(sent(range(3), size=3), 0)], **EMAIL) == 3
    assert value("handrail_spend_total", **EMAIL) == before


@pytest.mark.parametrize(("because", "counted"), [("budget", 1), ("expired", 0)])
def test_a_budget_that_stops_a_send_is_counted(because: str, counted: int) -> None:
    refused = sample(ActionRefused).model_copy(update={"because": because})
    name, labels = "handrail_budget_guard_total", {"guard": "hard", "action": "blocked"}
    assert added(name, Counted(), [(refused, 0)], **labels) == counted


@pytest.mark.parametrize(
    ("bodies", "label"),
    [
        ([(finished(), 60)], "met"),
        ([(SlaDeadline(sla=Sla.COMPLETION), 86_400), (finished(), 90_000)], "missed"),
        ([(finished(CampaignOutcome.CANCELLED), 60)], None),
    ],
)
def test_a_deadline_is_kept_or_passed_once_and_a_cancelled_campaign_has_none(
    bodies: list[tuple[Value, float]], label: str | None
) -> None:
    before = {one: value("handrail_campaign_deadlines_total", result=one) for one in ("met", "missed")}
    history = Counted()
    for body, seconds in bodies:
        history.then(body, seconds)
    for one in before:
        assert value("handrail_campaign_deadlines_total", result=one) - before[one] == (one == label)


def test_how_long_a_campaign_took_is_from_launch_to_end() -> None:
    bodies = [(launched(), 100.0), (finished(), 7300.0)]
    assert added("handrail_campaign_duration_seconds_sum", Counted(), bodies) == 7200
    assert added("handrail_campaign_duration_seconds_count", Counted(), [(finished(), 10.0)]) == 0


@pytest.mark.parametrize(
    ("booked", "label"), [(6, "hit"), (5, "partial"), (4, "miss"), (1, "miss"), (0, "inconclusive")]
)
def test_an_outcome_is_hit_partial_missed_or_nobody_knows(booked: int, label: str) -> None:
    """Four come without any campaign, six are wanted; who hears nothing at all cannot say that nobody came."""
    window = Moment(after=Anchor.END_OF_SENDING, by=timedelta(seconds=60))
    history = Counted(issued=planned(window, target=6))
    bodies: list[tuple[Value, float]] = [(launched(), 1), (sent(range(10), size=10, done=True), 2)]
    bodies += [(contact(number), 3) for number in range(booked)]
    bodies += [(executed(), 4), (WindowCloses(plan_version=1), 70)]
    before = {one: value("handrail_outcomes_total", outcome=one) for one in ("hit", "partial", "miss", "inconclusive")}
    for body, seconds in bodies:
        history.then(body, seconds)
    for one in before:
        assert value("handrail_outcomes_total", outcome=one) - before[one] == (one == label), one


async def test_gauges_say_how_all_running_campaigns_stand(monitor: Monitor) -> None:
    await monitor.read(fact(accepted()), fact(planned()), fact(launched()))
    await monitor.read(fact(sent(range(20), size=20, done=True)), fact(report(1, MailEvent.DELIVERED)))
    for measure in monitor.parts.measures:
        await measure()
    assert value("handrail_campaigns_in_progress", stage=CampaignStage.BRIEFING) == 1
    assert (value("handrail_budget_committed", **EMAIL), value("handrail_budget_remaining", **EMAIL)) == (60, 59)
    assert value("handrail_briefs_waiting", awaits="work") == 1
    assert value("handrail_signal_age_seconds", source=Source.MAIL) > 0
    await monitor.read(fact(finished()))
    for measure in monitor.parts.measures:
        await measure()
    assert value("handrail_campaigns_in_progress", stage=CampaignStage.BRIEFING) == 0
    assert value("handrail_budget_committed", **EMAIL) == 0


async def test_an_outsiders_report_about_no_campaign_of_ours_is_not_one_in_progress(monitor: Monitor) -> None:
    await monitor.read(fact(contact(1)))
    async with monitor.db.pool.acquire() as conn:
        watches, now = await store.running(conn)
    assert watches == []
    show(standing(watches, now, "EUR"))
    assert value("handrail_campaigns_in_progress", stage=CampaignStage.BRIEFING) == 0
    assert now > T0
