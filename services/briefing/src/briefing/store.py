"""What became of each brief."""

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from briefing.domain.decide import Briefing
from chassis.connection import Conn
from chassis.decision import Key, Loaded, Message
from chassis.fold import key_of
from chassis.states import States

STATES = States(TypeAdapter(Briefing))


async def load(conn: Conn, messages: Sequence[Message]) -> dict[Key, Loaded[Briefing, None]]:
    keys = {key_of(message.meta) for message in messages}
    states = await STATES.load(conn, keys)
    return {key: Loaded(states.get(key), None) for key in keys}


async def save(conn: Conn, touched: Mapping[Key, Loaded[Briefing, None]]) -> None:
    await STATES.save(conn, {key: loaded.state for key, loaded in touched.items()})


async def state_of(conn: Conn, key: Key) -> Briefing | None:
    return (await STATES.load(conn, [key])).get(key)
