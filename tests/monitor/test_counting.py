"""Counters come out the same whatever the order, and however often a thing is said."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import ActionReconciled, EffectOutcome, Settled
from contracts.event import Value
from contracts.framing import named
from contracts.inbound import ContactEvent, MailEvent
from monitor.domain.state import Watch
from tests.monitor.builders import SEND, History, contact, report, sent

PEOPLE = 6
KINDS = tuple(MailEvent)
messages = st.lists(
    st.one_of(
        st.builds(report, st.integers(0, PEOPLE), st.sampled_from(KINDS), machine=st.booleans()),
        st.builds(contact, st.integers(0, PEOPLE), st.sampled_from(ContactEvent)),
    ),
    max_size=25,
)


def counters(state: Watch) -> object:
    return {
        key: (wave.sent, wave.reported, {k: v for k, v in wave.counts.items() if v}, wave.sent_by, wave.bounced_by)
        for key, wave in state.waves.items()
    }, state.counted


@given(messages, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_gives_the_same_counters(said: list[Value], rng: random.Random) -> None:
    effects: list[Value] = [sent([number], size=PEOPLE) for number in range(PEOPLE)]  # one more person is never mailed
    straight = History().all([*effects, *said])
    mixed: list[Value] = [*effects, *said, *said]
    rng.shuffle(mixed)
    assert counters(History().all(mixed).state) == counters(straight.state)


def test_a_conversion_before_the_mail_counts_once_the_mail_is_known() -> None:
    history = History().then(contact(1))
    assert history.state.counted == 0
    history.then(sent([1], size=1))
    assert history.state.counted == 1


def test_a_person_counts_once_however_often_they_book() -> None:
    history = History().then(sent([1], size=1)).all([contact(1), contact(1), contact(1)])
    assert history.state.counted == 1


@pytest.mark.parametrize("kind", [kind for kind in ContactEvent if kind is not ContactEvent.DEMO_BOOKED])
def test_only_what_the_brief_is_for_counts(kind: ContactEvent) -> None:
    assert History().then(sent([1], size=1)).then(contact(1, kind)).state.counted == 0


def test_somebody_who_was_not_mailed_does_not_count() -> None:
    assert History().then(sent([1], size=1)).then(contact(2)).state.counted == 0


@pytest.mark.parametrize("outcome", [EffectOutcome.SKIPPED, EffectOutcome.FAILED_DEFINITE])
def test_what_did_not_leave_is_not_sent(outcome: EffectOutcome) -> None:
    history = History().then(sent([1], size=1, outcome=outcome)).then(contact(1))
    assert (history.wave().sent, history.state.counted) == (0, 0)


def test_a_mail_delivered_and_bounced_later_has_bounced_and_is_not_delivered() -> None:
    history = History().then(sent([1], size=1)).then(report(1, MailEvent.DELIVERED), 1)
    history.then(report(1, MailEvent.BOUNCED_HARD), 2)
    assert (history.wave().count(MailEvent.DELIVERED), history.wave().count(MailEvent.BOUNCED_HARD)) == (0, 1)


def test_an_uncertain_mail_that_was_reported_counts_as_sent() -> None:
    history = History().then(sent([1], size=1, outcome=EffectOutcome.UNKNOWN))
    history.then(report(1, MailEvent.DELIVERED)).then(contact(1))
    assert (history.wave().sent, history.state.counted) == (1, 1)


def test_an_uncertain_mail_that_a_person_settled_as_sent_counts() -> None:
    history = History().then(sent([1], size=1, outcome=EffectOutcome.UNKNOWN)).then(contact(1))
    history.then(
        ActionReconciled(
            plan_version=1, decision_id=SEND, effect_id=named("effect", "1"), settled=Settled.APPLIED,
            evidence="a person looked", by=None,
        )
    )  # fmt: skip
    assert history.state.counted == 1
