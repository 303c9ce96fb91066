"""The smallest service that keeps state and answers each event with one of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from prometheus_client import Counter
from pydantic import TypeAdapter

from chassis.connection import Conn
from chassis.decision import Decision, Key, Loaded, Message
from chassis.fold import Fold, key_of
from chassis.service import Parts
from chassis.states import States
from contracts.executor import StepCompleted
from contracts.monitor import TriggerCleared


class Reason(StrEnum):
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Answered:
    count: int = 0


STATES = States(TypeAdapter(Answered))
DECISIONS = Counter("handrail_echo_decisions", "Messages answered, by reason.", ["reason"])


def answer(to: UUID) -> TriggerCleared:
    return TriggerCleared(plan_version=1, rule="answered", fired=to, finding="answered")


def decide(here: Loaded[Answered, None], message: Message, policy: object, now: datetime) -> Decision[Answered, None]:
    state = here.state or Answered()
    return Decision(Reason.ANSWERED, Answered(state.count + 1), (answer(message.meta.event_id),))


async def load(conn: Conn, messages: Sequence[Message]) -> dict[Key, Loaded[Answered, None]]:
    keys = {key_of(message.meta) for message in messages}
    states = await STATES.load(conn, keys)
    return {key: Loaded(states.get(key), None) for key in keys}


async def save(conn: Conn, touched: Mapping[Key, Loaded[Answered, None]]) -> None:
    await STATES.save(conn, {key: one.state for key, one in touched.items()})


async def build(parts: Parts) -> None:
    parts.applier = Fold(decide, load, save, None, DECISIONS, verifier=parts.verifier)
    parts.topics = (StepCompleted.topic,)
