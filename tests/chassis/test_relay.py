"""The relay goes on, whatever its clients raise: what is unsent must be sent."""

import asyncio

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from chassis.relay import Relay
from handrail.local.sources import Infrastructure
from tests.conftest import MakeDb


class Stumbling(Relay):
    """Its first round meets `error`, and so does the measuring after it; the second round ends it."""

    error: BaseException
    rounds = 0

    async def relay_once(self, producer: AIOKafkaProducer) -> int:
        self.rounds += 1
        if self.rounds == 1:
            raise self.error
        self.stopping = True
        return 1

    async def measure(self) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"),
        asyncio.CancelledError(),
        OSError("away"),
        RuntimeError("nobody knows"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_ends_no_relay(servers: Infrastructure, db_for: MakeDb, error: BaseException) -> None:
    relay = Stumbling(await db_for("chassis"), servers.kafka)
    relay.error = error
    await relay.run()
    assert relay.rounds == 2


class Busy(Relay):
    """Its round has no end."""

    begun: asyncio.Event

    async def relay_once(self, producer: AIOKafkaProducer) -> int:
        self.begun.set()
        await asyncio.Event().wait()
        return 0


async def test_who_cancels_a_relay_ends_it(servers: Infrastructure, db_for: MakeDb) -> None:
    relay = Busy(await db_for("chassis"), servers.kafka)
    relay.begun = asyncio.Event()
    running = asyncio.create_task(relay.run())
    await relay.begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
