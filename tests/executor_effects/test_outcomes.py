"""The table of outcomes, row by row: what each answer makes of an intent, by what its tool promises."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import EffectOutcome
from contracts.plan import ActionClass
from executor.sending.outcomes import (
    ATTEMPTS,
    LOOK_UPS,
    PLANNED,
    REPEATS,
    Move,
    Settled,
    Tried,
    after,
    given_up,
    looked_up,
    move,
)
from executor.sending.tools.http import Said, answered
from executor.sending.tools.port import Answer, Capability, Idempotency, Seen, Sight
from tests.builders import at

DAY, WINDOW = timedelta(days=1), timedelta(minutes=2)


def tool(idempotency: Idempotency, settle_window: timedelta | None = None) -> Capability:
    keyed = idempotency is Idempotency.KEY
    return Capability(
        tool="any",
        scopes=frozenset({ActionClass.PUBLISH}),
        reversible=False,
        undo="",
        sandbox="",
        idempotency=idempotency,
        key_lifetime=DAY if keyed else None,
        key_margin=timedelta(minutes=1) if keyed else timedelta(0),
        settle_window=settle_window,
    )


K, U, N = (tool(one) for one in (Idempotency.KEY, Idempotency.UPSERT, Idempotency.NONE))
L, K_SEARCHED = tool(Idempotency.LOOK_UP, WINDOW), tool(Idempotency.KEY, WINDOW)
CLASSES = {"K": K, "U": U, "L": L, "N": N}
LOST = Answer(EffectOutcome.UNKNOWN, "answer_lost")


def tried(
    *, attempts: int = 1, lost_at: datetime | None = None, evidence: str | None = None, look_ups: int = 0
) -> Tried:
    return Tried(attempts=attempts, first_dispatched_at=at(0), lost_at=lost_at, evidence=evidence, look_ups=look_ups)


EFFECT = uuid4()
OURS = {"reference": str(EFFECT)}
ROWS: list[tuple[Said, str]] = [
    (Said(200, {}, OURS), "succeeded"),
    (Said(202, {}, OURS), "succeeded"),
    (Said(400, {}, {}), "failed_definite"),
    (Said(422, {}, {}), "failed_definite"),
    (Said(401, {}, {}), "unwelcome"),
    (Said(403, {}, {}), "unwelcome"),
    (Said(404, {}, {}), "unwelcome"),
    (Said(409, {"retry-after": "3"}, {}), "lost"),
    (Said(429, {"retry-after": "3"}, {}), "later"),
    (Said(429, {}, None), "later"),
    (Said(503, {"retry-after": "3"}, {}), "later"),
    (Said(503, {}, {}), "lost"),
    (Said(500, {}, {}), "lost"),
    (Said(502, {}, None), "lost"),
    (Said(408, {}, {}), "lost"),
    (Said(302, {}, None), "lost"),
    (Said(200, {}, None), "lost"),
    (Said(200, {}, {}), "lost"),
    (Said(200, {}, {"reference": str(uuid4())}), "lost"),
    (Said(200, {}, {"reference": 7}), "lost"),
    (Said(422, {}, {"error": "key_reused"}), "futile"),
]


@pytest.mark.parametrize(("said", "kind"), ROWS, ids=[f"{said.status}-{kind}" for said, kind in ROWS])
def test_what_an_answer_over_http_proves(said: Said, kind: str) -> None:
    answer = answered(said, EFFECT)
    wait = timedelta(seconds=3) if "retry-after" in said.headers else None
    flags = (answer.outcome, answer.again, answer.away, answer.unwelcome, answer.futile, answer.wait)
    definite, unknown = EffectOutcome.FAILED_DEFINITE, EffectOutcome.UNKNOWN
    assert (
        flags
        == {
            "succeeded": (EffectOutcome.SUCCEEDED, False, False, False, False, None),
            "failed_definite": (definite, False, False, False, False, None),
            "unwelcome": (definite, True, True, True, False, None),
            "later": (definite, True, True, False, False, wait),
            "lost": (unknown, False, False, False, False, wait),
            "futile": (unknown, False, False, False, True, None),
        }[kind]
    )


@pytest.mark.parametrize("seconds", ["86400000000", "soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_wait_that_makes_no_sense_is_none_and_a_long_one_is_cut(seconds: str) -> None:
    assert Said(429, {"retry-after": seconds}, {}).wait is None
    assert Said(429, {"retry-after": "86400"}, {}).wait == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("capability", "state", "due"),
    [
        (K, PLANNED, timedelta(seconds=2)),
        (U, PLANNED, timedelta(seconds=2)),
        (L, PLANNED, WINDOW),
        (N, EffectOutcome.UNKNOWN, None),
    ],
    ids=CLASSES,
)
def test_a_lost_answer_is_asked_for_again_looked_up_or_left_to_people(
    capability: Capability, state: str, due: timedelta | None
) -> None:
    lost_at = at(60)
    settled = after(LOST, tried(), capability, lost_at)
    assert (settled.state, settled.because) == (state, "answer_lost")
    assert settled.not_before == (lost_at + due if due else None)
    assert settled.lost_at == (lost_at if state == PLANNED else None)


@pytest.mark.parametrize("name", CLASSES)
def test_an_answer_settles_every_class_alike(name: str) -> None:
    capability = CLASSES[name]
    assert after(Answer(EffectOutcome.SUCCEEDED, "accepted"), tried(), capability, at(1)).state == "succeeded"
    assert after(Answer(EffectOutcome.FAILED_DEFINITE, "no"), tried(), capability, at(1)).state == "failed_definite"
    later = after(Answer(EffectOutcome.FAILED_DEFINITE, "busy", again=True), tried(), capability, at(1))
    assert (later.state, later.lost_at, later.unused) == (PLANNED, None, 0)
    away = Answer(EffectOutcome.FAILED_DEFINITE, "away", again=True, away=True, wait=timedelta(seconds=9))
    assert after(away, tried(attempts=99), capability, at(1)) == Settled(
        state=PLANNED, because="away", not_before=at(10), unused=1
    )
    busy = Answer(EffectOutcome.FAILED_DEFINITE, "busy", again=True)
    assert after(busy, tried(attempts=ATTEMPTS), capability, at(1)).state == "failed_definite"


@pytest.mark.parametrize("name", CLASSES)
def test_what_the_world_has_said_settles_a_lost_answer(name: str) -> None:
    settled = after(LOST, tried(evidence="delivered"), CLASSES[name], at(1))
    assert (settled.state, settled.because) == ("succeeded", "evidence_delivered")


def test_a_key_is_used_as_long_as_it_is_surely_known_and_not_for_ever() -> None:
    last = at(0) + DAY - timedelta(minutes=1)
    assert move(K, tried(), last - timedelta(seconds=1)) is Move.REPEAT
    assert move(K, tried(), last) is Move.ASK
    assert move(K_SEARCHED, tried(), last) is Move.LOOK_UP
    assert move(K, tried(attempts=REPEATS), at(1)) is Move.ASK
    assert move(K_SEARCHED, tried(attempts=REPEATS), at(1)) is Move.LOOK_UP
    assert move(U, tried(), at(0) + 99 * DAY) is Move.REPEAT


@pytest.mark.parametrize(("capability", "can"), [(K, Move.ASK), (U, Move.ASK), (L, Move.LOOK_UP), (N, Move.ASK)])
def test_where_nothing_may_leave_nothing_is_repeated(capability: Capability, can: Move) -> None:
    assert move(capability, tried(lost_at=at(1)), at(2), sending=False) is can


@pytest.mark.parametrize("capability", [K, U], ids=["K", "U"])
def test_what_a_repeat_is_refused_says_nothing_of_the_request_before_it(capability: Capability) -> None:
    lost = tried(attempts=2, lost_at=at(1))
    refused = after(Answer(EffectOutcome.FAILED_DEFINITE, "refused_422"), lost, capability, at(9))
    assert refused.state == EffectOutcome.UNKNOWN
    away = after(Answer(EffectOutcome.FAILED_DEFINITE, "away", again=True, away=True), lost, capability, at(9))
    assert (away.state, away.lost_at) == (PLANNED, at(1))
    used_up = after(
        Answer(EffectOutcome.FAILED_DEFINITE, "busy", again=True), replace(lost, attempts=REPEATS), capability, at(9)
    )
    assert used_up.state == EffectOutcome.UNKNOWN


def test_an_answer_that_a_repeat_cannot_better_is_left_to_people() -> None:
    reused = Answer(EffectOutcome.UNKNOWN, "key_reused", futile=True)
    assert after(reused, tried(), K, at(1)).state == EffectOutcome.UNKNOWN


def test_a_process_that_may_still_wake_up_and_send_proves_a_look_up_wrong() -> None:
    frozen = Answer(EffectOutcome.UNKNOWN, "sender_frozen", over=False)
    assert after(frozen, tried(), L, at(1)).state == EffectOutcome.UNKNOWN
    assert after(frozen, tried(), K, at(1)).state == PLANNED


def test_a_look_up_finds_the_mail_or_proves_that_it_may_be_sent_again() -> None:
    lost = tried(lost_at=at(1), look_ups=1)
    assert looked_up(Seen(Sight.FOUND, "looked_up"), lost, at(200)).state == "succeeded"
    absent = looked_up(Seen(Sight.ABSENT, "looked_up"), lost, at(200))
    assert (absent.state, absent.lost_at, absent.not_before) == (PLANNED, None, None)
    never = looked_up(Seen(Sight.ABSENT, "looked_up"), replace(lost, attempts=ATTEMPTS), at(200))
    assert (never.state, never.because) == ("failed_definite", "never_applied")


def test_a_look_up_that_says_nothing_is_made_again_and_not_for_ever() -> None:
    lost = tried(lost_at=at(1), look_ups=1)
    unclear = looked_up(Seen(Sight.UNCLEAR, "answer_500"), lost, at(200))
    assert (unclear.state, unclear.lost_at, unclear.not_before) == (PLANNED, at(1), at(202))
    last = looked_up(Seen(Sight.UNCLEAR, "answer_500"), replace(lost, look_ups=LOOK_UPS), at(200))
    assert last.state == EffectOutcome.UNKNOWN


ANSWERS = st.builds(
    Answer,
    outcome=st.sampled_from([EffectOutcome.SUCCEEDED, EffectOutcome.FAILED_DEFINITE, EffectOutcome.UNKNOWN]),
    because=st.just("any"),
    futile=st.booleans(),
    over=st.booleans(),
) | st.builds(
    Answer,
    outcome=st.just(EffectOutcome.FAILED_DEFINITE),
    because=st.just("any"),
    again=st.just(True),
    away=st.booleans(),
)


@given(
    answer=ANSWERS,
    capability=st.sampled_from([K, U, L, N, K_SEARCHED]),
    attempts=st.integers(1, 12),
    lost=st.booleans(),
    seconds=st.integers(0, 200_000),
)
def test_a_lost_answer_never_becomes_a_failure_and_n_never_goes_back(
    answer: Answer, capability: Capability, attempts: int, lost: bool, seconds: int
) -> None:
    before = tried(attempts=attempts, lost_at=at(1) if lost and capability is not N and capability is not L else None)
    settled = after(answer, before, capability, at(seconds))
    open_before = before.lost_at is not None or answer.outcome is EffectOutcome.UNKNOWN
    if open_before and answer.outcome is not EffectOutcome.SUCCEEDED:
        assert settled.state in (PLANNED, EffectOutcome.UNKNOWN)
        assert settled.state != PLANNED or settled.lost_at is not None
    if capability is N and answer.outcome is EffectOutcome.UNKNOWN:
        assert settled.state == EffectOutcome.UNKNOWN


def test_who_gives_up_says_so_unless_the_world_knows_better() -> None:
    assert given_up(tried(lost_at=at(1)), "halted") == Settled(state=EffectOutcome.UNKNOWN, because="halted")
    assert given_up(tried(lost_at=at(1), evidence="opened"), "halted").state == EffectOutcome.SUCCEEDED
