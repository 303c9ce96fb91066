"""What would take for ever ends: a decision as a failure of its record, a deaf process as a death."""

import subprocess
import sys
from datetime import datetime

import pytest

from chassis import bounds
from chassis.attempts import Attempts
from chassis.bounds import TookTooLong, bounded
from chassis.consumer import ATTEMPTS
from chassis.decision import Decision, Loaded, Message
from contracts.executor import StepCompleted
from tests.chassis.counting import Tally, decide, fold
from tests.chassis.test_consumer import OTHER, consumer, kept, records, step, tally
from tests.conftest import VERIFIER, MakeDb

DEAF = """
import asyncio
from chassis.bounds import breathe
async def main():
    watching = asyncio.create_task(breathe(0.5))
    await asyncio.sleep({awake})
    while {blocked}: pass
    watching.cancel()
asyncio.run(main())
"""
ENDING = """
import atexit, signal
from chassis.bounds import bounded
atexit.register(lambda: print(signal.getitimer(signal.ITIMER_VIRTUAL)))
with bounded(): pass
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "DECISION_TICKS", 1)


@pytest.mark.usefixtures("short")
def test_a_loop_is_interrupted_even_when_it_swallows_errors() -> None:
    swallowed = 0
    with pytest.raises(TookTooLong), bounded():
        while True:
            try:
                while True:
                    pass
            except TookTooLong:
                swallowed += 1
                if swallowed == 2:
                    raise
    assert swallowed == 2


@pytest.mark.usefixtures("short")
async def test_a_decision_that_loops_is_kept_and_other_campaigns_flow(db_for: MakeDb) -> None:
    db = await db_for("chassis")

    def looping(loaded: Loaded[Tally, None], message: Message, policy: object, now: datetime) -> Decision[Tally, None]:
        while isinstance(message.body, StepCompleted) and message.body.step == "loop":
            pass
        return decide(loaded, message, policy, now)

    batch = records(step("loop"), step("free", OTHER))
    for _ in range(ATTEMPTS - 1):
        await Attempts(db).count(batch[0])
    await consumer(db, fold(verifier=VERIFIER, decide=looping)).apply(batch)
    assert await kept(db) == ["failing"]
    assert "TookTooLong" in await db.pool.fetchval("SELECT reason FROM dead_letter")
    assert (await tally(db, OTHER)).order == ("free",)


@pytest.mark.parametrize(("awake", "blocked", "code"), [(0, True, 1), (1.5, False, 0)])
def test_a_process_that_does_not_breathe_ends_and_says_where_it_hung(awake: float, blocked: bool, code: int) -> None:
    program = DEAF.format(awake=awake, blocked=blocked)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.returncode == code
    assert ("Timeout" in ran.stderr and "in main" in ran.stderr) == blocked


def test_a_process_that_ends_has_no_timer_left_to_kill_it() -> None:
    ran = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "(0.0, 0.0)\n"
