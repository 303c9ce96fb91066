"""When a wave is paused, when it is followed by the next, and what never matters."""

import pytest

from contracts.actions import EffectOutcome
from contracts.briefing import PlanIssued
from contracts.inbound import MailEvent
from contracts.monitor import TriggerFired
from contracts.plan import Response, Trigger
from monitor.domain.state import Reason, WaveDeadline
from tests.builders import at, policy
from tests.monitor.builders import OPTION, SEND, History, planned, report, sent

BOUNCED, DELIVERED = MailEvent.BOUNCED_HARD, MailEvent.DELIVERED


def pauses(history: History) -> list[TriggerFired]:
    return [fired for fired in history.said(TriggerFired) if fired.response is Response.PAUSE]


def verdicts(history: History) -> list[TriggerFired]:
    return [fired for fired in history.said(TriggerFired) if fired.trigger is Trigger.WAVE_REPORTED]


@pytest.mark.parametrize(
    ("bounces", "size", "fires"),
    [(12, 240, False), (13, 240, True), (10, 200, False), (11, 200, True), (199, 199, False), (0, 240, False)],
)
def test_a_wave_is_paused_above_five_percent_of_at_least_two_hundred(bounces: int, size: int, fires: bool) -> None:
    history = History().then(sent(range(size), size=size, done=True))
    history.all(report(number, BOUNCED) for number in range(bounces))
    assert bool(pauses(history)) is fires


def test_a_pause_says_what_where_and_how_sure() -> None:
    history = History().then(sent(range(240), done=True))
    history.all(report(number, BOUNCED) for number in range(13))
    [fired] = pauses(history)
    assert (fired.trigger, fired.wave, fired.decision_id) == (Trigger.HARD_BOUNCES, 1, SEND)
    assert (fired.count, fired.of, fired.threshold) == (13, 240, 0.05)
    assert fired.interval[0] < 13 / 240 < fired.interval[1]
    assert "13 of 240" in fired.finding
    counts = [one.count for one in fired.evidence]
    assert counts == sorted(counts, reverse=True)
    assert {one.of for one in fired.evidence} == {30}


def test_a_trigger_fires_once_a_wave() -> None:
    history = History().then(sent(range(240), done=True))
    history.all(report(number, BOUNCED) for number in range(40))
    assert len(pauses(history)) == 1


def test_a_later_wave_is_judged_by_its_own_numbers() -> None:
    history = History().then(sent(range(240), done=True)).then(sent(range(240, 480), wave=2, done=True))
    history.all(report(number, BOUNCED) for number in (*range(12), *range(240, 252)))
    assert not pauses(history)
    history.then(report(252, BOUNCED))
    assert [fired.wave for fired in pauses(history)] == [2]


def test_waves_of_two_decisions_are_two_waves() -> None:
    history = History().then(sent(range(10), size=10)).then(sent(range(10, 15), size=5, decision=OPTION))
    assert (history.wave().sent, history.wave(decision=OPTION).sent) == (10, 5)


def test_complaints_are_of_the_delivered() -> None:
    history = History().then(sent(range(240), done=True))
    history.all(report(number, DELIVERED) for number in range(240))
    history.then(report(0, MailEvent.COMPLAINED))
    [fired] = pauses(history)
    assert (fired.trigger, fired.count, fired.of) == (Trigger.COMPLAINTS, 1, 240)


@pytest.mark.parametrize("machine", [True, False])
def test_opens_change_no_trigger_no_verdict_and_no_outcome(machine: bool) -> None:
    history = History().then(sent(range(240), done=True))
    before = (history.state.counted, history.wave().reported)
    history.all(report(number, MailEvent.OPENED, machine=machine) for number in range(240))
    assert not history.said(TriggerFired)
    assert (history.state.counted, history.wave().reported) == before


def test_opens_by_software_are_counted_apart() -> None:
    history = History().then(sent(range(3), size=3))
    history.then(report(0, MailEvent.OPENED, machine=True)).then(report(1, MailEvent.OPENED))
    assert (history.wave().count("opened"), history.wave().count("opened_by_machine")) == (1, 1)


def test_the_next_wave_may_go_when_ninety_five_percent_are_reported() -> None:
    history = History().then(sent(range(240), done=True))
    history.all(report(number, DELIVERED) for number in range(227))
    assert not verdicts(history)
    history.then(report(227, DELIVERED))
    [verdict] = verdicts(history)
    assert (verdict.response, verdict.count, verdict.of) == (Response.CONTINUE, 228, 240)


def test_no_verdict_while_mails_of_the_wave_may_still_leave() -> None:
    history = History().then(sent(range(200)))
    history.all(report(number, DELIVERED) for number in range(200))
    assert not verdicts(history)


def test_the_deadline_is_ten_seconds_after_the_last_send() -> None:
    history = History().then(sent(range(240), done=True), 100)
    [task] = history.last.tasks
    assert isinstance(task.body, WaveDeadline)
    assert task.due == at(110)


DEADLINE = WaveDeadline(wave=f"{SEND}:1")


def test_a_wave_is_judged_at_its_deadline_by_what_was_reported_and_once() -> None:
    history = History().then(sent(range(240), done=True))
    history.all(report(number, DELIVERED) for number in range(10)).then(DEADLINE, 10)
    assert [(one.count, one.of) for one in verdicts(history)] == [(10, 240)]
    history.then(DEADLINE, 11).all(report(number, DELIVERED) for number in range(240))
    assert len(verdicts(history)) == 1


@pytest.mark.parametrize("minimum", [0, 1, 120])
def test_silence_lets_no_wave_go(minimum: int) -> None:
    history = History(reported_at_least(minimum)).then(sent(range(240), done=True)).then(DEADLINE, 10)
    assert history.last.reason is Reason.TOO_FEW
    assert not verdicts(history)


def reported_at_least(minimum: int) -> PlanIssued:
    rules = tuple(
        rule.model_copy(update={"minimum": minimum}) if rule.trigger is Trigger.WAVE_REPORTED else rule
        for rule in policy().triggers
    )
    return planned(policy_=policy(triggers=rules))


def test_after_its_deadline_a_wave_goes_on_as_soon_as_enough_is_reported() -> None:
    history = History(reported_at_least(120)).then(sent(range(240), done=True))
    history.all(report(number, DELIVERED) for number in range(60)).then(DEADLINE, 10)
    history.all((report(number, DELIVERED) for number in range(60, 119)), 20)
    assert not verdicts(history)
    history.then(report(119, DELIVERED), 30)
    assert [(one.count, one.of) for one in verdicts(history)] == [(120, 240)]


def test_a_wave_smaller_than_the_minimum_needs_no_more_reports_than_mails() -> None:
    history = History(reported_at_least(120)).then(sent(range(10), size=10, done=True)).then(DEADLINE, 10)
    history.all((report(number, DELIVERED) for number in range(9)), 20)
    assert not verdicts(history)
    history.then(report(9, DELIVERED), 30)
    assert len(verdicts(history)) == 1


def test_no_verdict_for_a_paused_wave() -> None:
    history = History().then(sent(range(240), done=True))
    history.all(report(number, BOUNCED) for number in range(13))
    history.then(DEADLINE, 10)
    assert history.last.reason is Reason.WAVE_HELD
    history.all(report(number, DELIVERED) for number in range(13, 240))
    assert not verdicts(history)


def test_a_pause_still_fires_after_the_verdict() -> None:
    history = History().then(sent(range(240), done=True)).then(report(239, DELIVERED)).then(DEADLINE, 10)
    history.all((report(number, BOUNCED) for number in range(13)), 20)
    assert (len(verdicts(history)), len(pauses(history))) == (1, 1)


def test_a_wave_that_nobody_was_sent_is_no_error() -> None:
    history = History().then(sent(range(5), size=5, done=True, outcome=EffectOutcome.SKIPPED))
    assert history.wave().sent == 0
    assert len(verdicts(history)) == 1


def test_no_rule_for_verdicts_is_a_hold() -> None:
    without = tuple(rule for rule in policy().triggers if rule.trigger is not Trigger.WAVE_REPORTED)
    history = History(planned(policy_=policy(triggers=without))).then(sent(range(3), size=3, done=True))
    history.all(report(number, DELIVERED) for number in range(3))
    assert not verdicts(history)


def test_below_the_minimum_the_word_is_too_few() -> None:
    history = History().then(sent(range(100), size=100, done=True))
    history.all(report(number, BOUNCED) for number in range(100))
    [verdict] = verdicts(history)
    assert "too few" in verdict.finding


def test_a_report_before_its_mail_is_kept_and_counts_later() -> None:
    history = History().all(report(number, BOUNCED) for number in range(13))
    assert history.last.reason is Reason.KNOWN
    history.then(sent(range(240), done=True))
    assert len(pauses(history)) == 1


def test_a_wave_under_way_is_not_paused_for_what_the_whole_would_allow() -> None:
    history = History().then(sent(range(200)))
    history.all(report(number, BOUNCED) for number in range(11))
    history.then(sent(range(200, 240), done=True))
    assert not pauses(history)  # 11 of 240 are 4.6 %


def test_complaints_say_where_they_come_from() -> None:
    history = History().then(sent(range(240), done=True))
    history.all(report(number, DELIVERED) for number in range(240))
    history.then(report(0, MailEvent.COMPLAINED))
    assert [one.value for one in pauses(history)[0].evidence] == ["d0.example"]


def test_a_long_domain_does_not_stop_a_trigger() -> None:
    long = f"{'a' * 60}.{'b' * 60}.example"
    effects = sent(range(240), done=True)
    where = tuple(one.model_copy(update={"recipient_domain": long}) for one in effects.effects)
    history = History().then(effects.model_copy(update={"effects": where}))
    history.all(report(number, BOUNCED, where=long) for number in range(13))
    assert len(pauses(history)) == 1
