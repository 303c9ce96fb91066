"""A service that only listens to what the counting one says. `python -m tests.chassis.hearing run`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from prometheus_client import Counter
from pydantic import TypeAdapter
from pydantic_settings import SettingsConfigDict

from chassis.connection import Conn
from chassis.decision import Decision, Key, Loaded, Message
from chassis.fold import Fold, key_of
from chassis.main import main
from chassis.service import Parts
from chassis.settings import ChassisSettings
from chassis.states import States
from contracts.monitor import TriggerCleared


class Reason(StrEnum):
    HEARD = "heard"


@dataclass(frozen=True, slots=True)
class Heard:
    """Sequences as they came."""

    sequences: tuple[int, ...] = ()


STATES = States(TypeAdapter(Heard))
DECISIONS = Counter("handrail_hearing_decisions", "Messages heard.", ["reason"])


def decide(loaded: Loaded[Heard, None], message: Message, policy: object, now: datetime) -> Decision[Heard, None]:
    before = loaded.state or Heard()
    return Decision(Reason.HEARD, Heard((*before.sequences, message.meta.sequence or 0)))


async def load(conn: Conn, messages: Sequence[Message]) -> dict[Key, Loaded[Heard, None]]:
    keys = {key_of(message.meta) for message in messages}
    states = await STATES.load(conn, keys)
    return {key: Loaded(states.get(key), None) for key in keys}


async def save(conn: Conn, touched: Mapping[Key, Loaded[Heard, None]]) -> None:
    await STATES.save(conn, {key: loaded.state for key, loaded in touched.items()})


class Settings(ChassisSettings):
    model_config = SettingsConfigDict(env_prefix="HEARING_", frozen=True, extra="ignore")


async def build(parts: Parts) -> None:
    parts.applier = Fold(decide, load, save, None, DECISIONS, verifier=parts.verifier)
    parts.topics = (TriggerCleared.topic,)


if __name__ == "__main__":
    main("hearing", Settings, build)
