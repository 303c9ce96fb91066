"""A service as small as one can be: it counts completed steps, and says so. `python -m tests.chassis.counting run`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from prometheus_client import Counter
from pydantic import TypeAdapter
from pydantic_settings import SettingsConfigDict

from chassis.commands import Answer
from chassis.connection import Conn
from chassis.decision import Command, Decision, Key, Loaded, Message, Task, TaskBody, TaskFailed
from chassis.fold import Fold, key_of
from chassis.main import main
from chassis.service import Parts
from chassis.settings import ChassisSettings
from chassis.states import States
from chassis.tasks import Kind, Leased
from contracts.briefing import PlanIssued
from contracts.escalation import ActionCleared
from contracts.event import Value
from contracts.executor import StepCompleted
from contracts.monitor import TriggerCleared


class Reason(StrEnum):
    COUNTED = "counted"
    PLANNED = "planned"
    REMINDED = "reminded"
    WORKED = "worked"
    GAVE_UP = "gave_up"
    CLEARED = "cleared"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many steps were counted; `order` are their names as they came."""

    count: int = 0
    order: tuple[str, ...] = ()
    planned: bool = False
    signatures: tuple[str, ...] = ()


class Count(Command):
    step: str


class Stop(Command):
    reduces_risk: ClassVar[bool] = True


class Remind(TaskBody):
    kind: ClassVar[str] = "remind"
    step: str


class Labour(TaskBody):
    kind: ClassVar[str] = "labour"
    step: str


class Laboured(Value):
    step: str


def decide(loaded: Loaded[Tally, None], message: Message, policy: object, now: datetime) -> Decision[Tally, None]:
    state = loaded.state or Tally()
    match message.body:
        case StepCompleted(step="poison"):
            raise ValueError("a deterministic bug")
        case StepCompleted(step=step) | Count(step=step):
            after = replace(state, count=state.count + 1, order=(*state.order, step))
            task: tuple[Task, ...] = ()
            if step == "remind-me":
                task = (Task(Remind(step=step), now + timedelta(milliseconds=50)),)
            if step in ("work", "work-that-fails"):
                task = (Task(Labour(step=step)),)
            return Decision(
                Reason.COUNTED,
                after,
                (TriggerCleared(plan_version=1, rule="counted", fired=message.meta.event_id, finding="counted"),),
                task,
            )
        case PlanIssued():
            return Decision(Reason.PLANNED, replace(state, planned=True))
        case Remind(step=step):
            return Decision(Reason.REMINDED, replace(state, order=(*state.order, f"reminded-{step}")))
        case Laboured(step=step):
            return Decision(Reason.WORKED, replace(state, order=(*state.order, f"worked-{step}")))
        case TaskFailed():
            return Decision(Reason.GAVE_UP, replace(state, order=(*state.order, "gave-up")))
        case ActionCleared():
            seen = (*state.signatures, message.meta.signature.value)
            return Decision(Reason.CLEARED, replace(state, signatures=seen))
        case _:
            return Decision(Reason.IGNORED, state)


STATES = States(TypeAdapter(Tally))
DECISIONS = Counter("handrail_counting_decisions", "Messages counted, by reason.", ["reason"])


async def load(conn: Conn, messages: Sequence[Message]) -> dict[Key, Loaded[Tally, None]]:
    keys = {key_of(message.meta) for message in messages}
    states = await STATES.load(conn, keys)
    return {key: Loaded(states.get(key), None) for key in keys}


async def save(conn: Conn, touched: Mapping[Key, Loaded[Tally, None]]) -> None:
    await STATES.save(conn, {key: loaded.state for key, loaded in touched.items()})


async def labour(leased: Leased) -> Value:
    if leased.body.step == "work-that-fails":
        raise RuntimeError("it cannot be done")
    return Laboured(step=leased.body.step)


KINDS = {"remind": Kind(Remind), "labour": Kind(Labour, labour, attempts=2)}


def fold(**changes: object) -> Fold[Tally, None]:
    return replace(Fold(decide, load, save, None, DECISIONS), **changes)  # type: ignore[arg-type]


def reply(decision: Decision[Tally, None]) -> Answer:
    assert decision.state is not None
    return Answer(200, f'{{"count": {decision.state.count}}}')


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="COUNTING_", frozen=True, extra="ignore")


async def build(parts: Parts) -> None:
    parts.applier = fold(verifier=parts.verifier)
    parts.topics = (StepCompleted.topic,)
    parts.says = (TriggerCleared.topic,)
    parts.kinds = KINDS


if __name__ == "__main__":
    main("counting", Settings, build)
