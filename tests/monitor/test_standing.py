"""How campaigns stand: what waits and for what, which source is silent though something is due, what money is left."""

from datetime import timedelta

import pytest

from contracts.actions import ActionReconciled, EffectOutcome, Settled
from contracts.briefing import BriefRefused, ClarificationAsked
from contracts.event import Value
from contracts.executor import CampaignOutcome, CampaignStage, StageChanged, WorkBegun
from contracts.inbound import MailEvent, MetricReported
from monitor.domain.standing import FRESH_FOR, Awaits, Standing, signals, standing
from monitor.domain.state import Source, Watch
from tests.builders import HASH, T0, at
from tests.contracts.samples import PROBLEM, sample
from tests.monitor.builders import History, accepted, contact, executed, finished, launched, report, sent

HOUR, DAY = 3600.0, 86_400.0
ASKED = ClarificationAsked(questions=(PROBLEM,))
REFUSED = BriefRefused(received_at=T0, submitted_by="outside", brief_hash=HASH, problems=(PROBLEM,))
BEGUN = WorkBegun(plan_version=1)


def at_hand(*watches: Watch, seconds: float = 0, currency: str = "EUR") -> Standing:
    return standing(watches, at(seconds), currency)


def moved(to: CampaignStage) -> StageChanged:
    return StageChanged(plan_version=1, before=CampaignStage.BRIEFING, after=to, because="as_planned")


def test_campaigns_are_counted_where_they_are_until_they_end() -> None:
    execution, escalation = CampaignStage.EXECUTION, CampaignStage.ESCALATION
    found = at_hand(
        History().state,
        History().then(moved(execution)).state,
        History().then(moved(execution)).then(moved(escalation)).state,
        History().then(moved(execution)).then(finished()).state,
    )
    expected = {CampaignStage.BRIEFING: 1, execution: 1, escalation: 1, CampaignStage.MONITORING: 0}
    assert found.in_progress == expected


def test_a_brief_waits_until_work_begins() -> None:
    early, late = History(), History().then(BEGUN, 10)
    found = at_hand(early.state, early.state, late.state, seconds=60)
    assert found.waiting == {Awaits.WORK: [timedelta(seconds=60)] * 2, Awaits.PERSON: []}


def test_a_brief_that_nobody_vouched_for_waits_for_a_person_and_then_for_work() -> None:
    asked = History(begun=False).then(ASKED, 10)
    assert at_hand(asked.state, seconds=60).waiting == {Awaits.WORK: [], Awaits.PERSON: [timedelta(seconds=50)]}
    asked.then(accepted(), 20).then(asked.issued, 20)
    assert at_hand(asked.state, seconds=60).waiting == {Awaits.WORK: [timedelta(seconds=60)], Awaits.PERSON: []}


def test_a_brief_that_waited_too_long_and_was_refused_is_forgotten() -> None:
    history = History(begun=False).then(ASKED, 10).then(REFUSED, 20)
    assert history.here.state is None


def silent(history: History, source: Source, seconds: float) -> timedelta:
    return at_hand(history.state, seconds=seconds).signal_age[source]


def test_a_provider_that_says_nothing_of_mails_is_silent_since_the_last_mail() -> None:
    history = History().then(sent(range(20), size=20, done=True), 100)
    assert silent(history, Source.MAIL, 160) == timedelta(seconds=60)
    history.then(report(1, MailEvent.DELIVERED), 150)
    assert silent(history, Source.MAIL, 160) == timedelta(seconds=10)


def test_nothing_is_due_of_mails_that_are_reported() -> None:
    history = History().then(sent(range(20), size=20, done=True), 100)
    history.all((report(number, MailEvent.DELIVERED) for number in range(19)), 110)
    assert silent(history, Source.MAIL, HOUR) == timedelta(0)


def test_what_did_not_leave_makes_nobody_wait() -> None:
    history = History().then(sent(range(20), size=20, outcome=EffectOutcome.SKIPPED), 100)
    assert silent(history, Source.MAIL, HOUR) == timedelta(0)


@pytest.mark.parametrize("when", [500.0, 1e6])
def test_a_report_of_the_future_is_no_fresher_than_now(when: float) -> None:
    history = History().then(sent(range(20), size=20, done=True), 100)
    history.then(report(1, MailEvent.DELIVERED), when, now=200)
    assert silent(history, Source.MAIL, 260) == timedelta(seconds=60)


def test_a_late_report_takes_no_freshness_away() -> None:
    history = History().then(sent(range(20), size=20, done=True), 100)
    history.then(report(1, MailEvent.DELIVERED), 150).then(report(2, MailEvent.DELIVERED), 120, now=160)
    assert silent(history, Source.MAIL, 160) == timedelta(seconds=10)


def test_contacts_are_due_from_the_launch_to_the_outcome() -> None:
    history = History()
    assert silent(history, Source.CONTACTS, HOUR) == timedelta(0)
    history.then(launched(), 100).then(contact(1), 400)
    assert silent(history, Source.CONTACTS, 460) == timedelta(seconds=60)
    history.then(executed(), 500).then(finished(), 600)
    assert silent(history, Source.CONTACTS, HOUR) == timedelta(0)


def test_a_channel_that_reported_figures_goes_on_doing_so() -> None:
    figure = sample(MetricReported).model_copy(update={"as_of": at(100)})
    assert silent(History().then(figure, 300), Source.FIGURES, 400) == timedelta(seconds=300)


@pytest.mark.parametrize(("seconds", "stale"), [(HOUR, False), (HOUR + 1, True)])
def test_a_source_that_is_silent_for_too_long_is_stale(seconds: float, stale: bool) -> None:
    history = History().then(sent([1], size=1, done=True))
    [found] = signals(history.state, at(seconds))
    assert (found.source, found.heard_at, found.fresh_for) == (Source.MAIL, None, FRESH_FOR[Source.MAIL])
    assert found.stale is stale


def reconciled(settled: Settled) -> Value:
    return sample(ActionReconciled).model_copy(update={"settled": settled})


def test_money_is_spent_by_mails_that_left_or_may_have() -> None:
    history = History().then(sent(range(3), size=4)).then(sent([3], size=4, outcome=EffectOutcome.UNKNOWN))
    history.then(sent([4], size=5, outcome=EffectOutcome.FAILED_DEFINITE))
    found = at_hand(history.state, History().state)
    assert (found.committed_micros, found.spent_micros) == (120_000_000, 200_000)
    assert found.worst_share == pytest.approx(0.2 / 60)


@pytest.mark.parametrize(("settled", "spent"), [(Settled.APPLIED, 50_000), (Settled.NOT_APPLIED, 0)])
def test_a_mail_that_was_settled_as_never_sent_costs_nothing(settled: Settled, spent: int) -> None:
    history = History().then(sent([3], size=1, outcome=EffectOutcome.UNKNOWN)).then(reconciled(settled))
    assert at_hand(history.state).spent_micros == spent


@pytest.mark.parametrize("over", [finished(), finished(CampaignOutcome.CANCELLED)])
def test_what_has_ended_holds_no_money(over: Value) -> None:
    found = at_hand(History().then(sent(range(3), size=3)).then(over).state)
    assert (found.committed_micros, found.spent_micros, found.worst_share) == (0, 0, 0)


def test_money_of_another_currency_is_not_added_to_ours() -> None:
    assert at_hand(History().state, currency="USD").committed_micros == 0
