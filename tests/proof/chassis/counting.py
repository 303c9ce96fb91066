"""The counting service with steps that do harm: `python -m tests.proof.chassis.counting run`."""

import os
import signal
import time
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic_settings import SettingsConfigDict

from chassis import bounds
from chassis.decision import Decision, Loaded, Message, Task
from chassis.main import main
from chassis.service import Parts
from chassis.settings import ChassisSettings
from contracts.executor import StepCompleted
from contracts.inbound import RecipientEventReported
from contracts.monitor import TriggerCleared
from tests.chassis import counting
from tests.chassis.counting import KINDS, Remind, Tally

KILLS, LOOPS, DEAF, RAISES = "kills", "loops", "deaf", "raises"
TIMER = "timer-"
"""A step so named asks to be reminded, and what is reminded of it says so."""
AHEAD_SECONDS = 4


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="COUNTING_", frozen=True, extra="ignore")

    mended: bool = False
    """The release in which no step does harm."""
    decision_seconds: int = bounds.DECISION_TICKS


def decide(loaded: Loaded[Tally, None], message: Message, policy: Settings, now: datetime) -> Decision[Tally, None]:
    decision = counting.decide(loaded, message, policy, now)
    match message.body:
        case StepCompleted(step=step) if step.startswith(TIMER):
            return replace(decision, tasks=(Task(Remind(step=step), now + timedelta(seconds=AHEAD_SECONDS)),))
        case StepCompleted(step=step) if not policy.mended:
            _harm(step)
        case Remind(step=step) if step.startswith(TIMER):
            said = TriggerCleared(plan_version=1, rule="reminded", fired=message.meta.event_id, finding=step)
            return replace(decision, events=(said,))
    return decision


def _harm(step: str) -> None:
    if step == KILLS:
        os.kill(os.getpid(), signal.SIGKILL)
    while step == LOOPS:
        pass
    if step == DEAF:
        time.sleep(3600)
    if step == RAISES:
        raise ValueError("a deterministic bug")


async def build(parts: Parts) -> None:
    assert isinstance(parts.settings, Settings)
    bounds.DECISION_TICKS = parts.settings.decision_seconds
    parts.applier = counting.fold(verifier=parts.verifier, decide=decide, policy=parts.settings)
    parts.topics = (StepCompleted.topic, RecipientEventReported.topic)
    parts.kinds = KINDS


if __name__ == "__main__":
    main("counting", Settings, build)
