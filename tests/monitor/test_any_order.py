"""Reports come in any order, late, and more than once: what is known in the end is the same, byte for byte."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.actions import EffectOutcome
from contracts.event import Value
from contracts.inbound import ContactEvent, MailEvent
from contracts.monitor import TriggerFired
from contracts.plan import Response, Trigger
from monitor.domain.state import Wave, WaveDeadline
from monitor.store import STATES
from tests.builders import policy
from tests.monitor.builders import SEND, History, contact, planned, report, sent

WAVE = 12
FATES = (MailEvent.DELIVERED, MailEvent.BOUNCED_HARD, MailEvent.BLOCKED_OR_SOFT, MailEvent.DROPPED)
# Waves as small as these are judged here: the real minimum would need hundreds of people for each example.
SMALL = policy(triggers=tuple(rule.model_copy(update={"minimum": 3}) for rule in policy().triggers))
PEOPLE = st.integers(0, 2 * WAVE)
REPORTS = st.lists(
    st.one_of(
        st.builds(report, PEOPLE, st.sampled_from(FATES)),
        st.builds(report, PEOPLE, st.sampled_from(MailEvent), machine=st.booleans()),
        st.builds(contact, PEOPLE, st.sampled_from((ContactEvent.DEMO_BOOKED, ContactEvent.SIGNED_UP))),
    ),
    max_size=60,
)


@dataclass(frozen=True)
class Told:
    """The same reports twice: as they were made, and shuffled with some of them repeated."""

    straight: Sequence[Value]
    mixed: Sequence[Value]


@st.composite
def told(draw: st.DrawFn) -> Told:
    made = draw(REPORTS)
    again = draw(st.lists(st.sampled_from(made), max_size=20)) if made else []
    return Told(made, draw(st.permutations([*made, *again])))


def sends() -> list[Value]:
    """Two waves, each recorded in two parts; one mail fails and the answer of one is lost."""
    parts: list[Value] = []
    for wave, start in ((1, 0), (2, WAVE)):
        middle, end = start + WAVE // 2, start + WAVE
        first = sent(range(start, middle), wave=wave, size=WAVE).model_copy()
        lost = sent([middle], outcome=EffectOutcome.UNKNOWN).effects
        failed = sent([middle + 1], outcome=EffectOutcome.FAILED_DEFINITE).effects
        last = sent(range(middle + 2, end), wave=wave, size=WAVE, done=True)
        parts += [first, last.model_copy(update={"effects": (*lost, *failed, *last.effects)})]
    return parts


def stored(history: History) -> bytes:
    """What the database keeps of the campaign and of its recipients: documents without an order of their own."""
    state = json.loads(STATES.adapter.dump_json(history.state))
    people = {who: [one.domain, one.wave, sorted(one.kinds)] for who, one in history.here.shared.recipients.items()}
    return json.dumps([state, people], sort_keys=True).encode()


def after(sends_: Sequence[Value], reports: Sequence[Value]) -> History:
    return History(planned(policy_=SMALL)).all(sends_).all(reports).all(deadlines(), 30)


def deadlines() -> list[Value]:
    return [WaveDeadline(wave=f"{SEND}:{wave}") for wave in (1, 2)]


@given(told())
def test_order_and_repetition_do_not_matter(given_: Told) -> None:
    assert stored(after(sends(), given_.mixed)) == stored(after(sends(), given_.straight))


@given(told(), st.data())
def test_reports_may_come_before_the_sends_they_are_about(given_: Told, data: st.DataObject) -> None:
    waiting, reports = sends(), list(given_.mixed)
    mixed = [
        waiting.pop(0) if kind == "send" else reports.pop(0)
        for kind in data.draw(st.permutations(["send"] * len(waiting) + ["report"] * len(reports)))
    ]
    assert stored(after((), mixed)) == stored(after(sends(), given_.straight))


@given(told())
def test_no_count_is_above_what_it_is_a_part_of(given_: Told) -> None:
    history = after(sends(), given_.mixed)
    for wave in history.state.waves.values():
        assert wave.sent <= wave.size
        assert wave.reported <= wave.sent
        assert all(0 <= count <= wave.sent for count in wave.counts.values())
        assert wave.count(MailEvent.DELIVERED) + wave.lost <= wave.sent
        for parts in (wave.bounced_by, wave.complained_by):
            assert all(count <= wave.sent_by[domain] for domain, count in parts.items())
        assert sum(wave.bounced_by.values()) == wave.count(MailEvent.BOUNCED_HARD)
    for fired in history.said(TriggerFired):
        assert fired.count <= fired.of
        assert 0 <= fired.interval[0] <= fired.interval[1] <= 1


@given(told())
def test_what_was_fired_fires_in_the_end_by_the_final_figures(given_: Told) -> None:
    """A trigger is no accident of the order: it has fired when, and only when, the last figures pass its threshold."""
    history = after(sends(), given_.mixed)
    for wave in history.state.waves.values():
        bounced, complained = wave.count(MailEvent.BOUNCED_HARD), wave.count(MailEvent.COMPLAINED)
        assert ("bounces" in wave.fired) == (bounced > 0.05 * wave.sent)
        assert ("complaints" in wave.fired) == (complained > 0.003 * max(wave.arrived, complained))


def raised(before: Wave, now: Wave) -> bool:
    return set(before.fired) <= set(now.fired) and before.paused <= now.paused and before.judged <= now.judged


@settings(max_examples=60)
@given(told(), told())
def test_what_comes_after_the_verdict_can_only_raise_an_alarm(before: Told, late: Told) -> None:
    history = after(sends(), before.mixed)
    for one in late.mixed:
        known = history.state.waves
        history.then(one, 60)
        assert all(raised(known[key], wave) for key, wave in history.state.waves.items())
    fired = [(one.rule, one.wave) for one in history.said(TriggerFired)]
    assert len(set(fired)) == len(fired)
    paused = set()
    for one in history.said(TriggerFired):
        if one.response is Response.PAUSE:
            paused.add(one.wave)
        elif one.trigger is Trigger.WAVE_REPORTED:
            assert one.wave not in paused
