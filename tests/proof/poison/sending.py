"""Good records and spoilt ones, one for one, on a public topic and on one of our own, from a seed."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import RecordMetadata

from contracts.event import CampaignId, Event, Fact, outside_id
from contracts.executor import StepCompleted
from contracts.inbound import RecipientEventReported
from tests.builders import TENANT, fact
from tests.chassis.raw_batches import batch, mended, produce
from tests.contracts.samples import sample
from tests.proof.chassis.replicas import PARTITIONS, TOPICS
from tests.proof.poison.kinds import ALONE, KINDS, ODD, Spoilt, good

ODD_BYTES = b"x-\xff\xfed"
assert len(ODD_BYTES) == len(ODD)


@dataclass(frozen=True)
class Meant:
    """A record to send: spoilt as `kind` says, or good."""

    kind: str | None
    record: Spoilt
    fact: Fact[Event]


@dataclass(frozen=True)
class Sent:
    meant: Meant
    partition: int
    offset: int
    at: float
    """Wall clock, s."""
    batch: bytes | None = None
    """Of what was sent alone."""

    @property
    def place(self) -> tuple[str, int, int]:
        return self.meant.record.topic, self.partition, self.offset


def uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


def own(chance: random.Random, campaign: CampaignId, step: str) -> Fact[Event]:
    return fact(StepCompleted(plan_version=1, step=step, verified="by hand"), campaign, event_id=uuid(chance))


def public(chance: random.Random, campaign: CampaignId, of: type[Event] = RecipientEventReported) -> Fact[Event]:
    """What an outsider reports, under an id of its own."""
    source_id = str(uuid(chance))
    event_id = outside_id(TENANT, "/outside", source_id)
    return fact(
        sample(of), campaign, event_id=event_id, source="/outside", source_id=source_id, sequence=None, epoch=None
    )


def meant(seed: int, count: int, *, victims: int) -> list[Meant]:
    """`count` spoilt records and as many good ones.

    A spoilt one of our own is about a campaign of its own, but those of `victims` campaigns: they have good ones before
    and after it.
    """
    chance = random.Random(f"{seed}|poison")
    campaigns = [CampaignId(uuid(chance)) for _ in range(max(4, count // 20))]
    found: list[Meant] = []
    for n in range(count):
        kind = list(KINDS)[n % len(KINDS)]
        private = chance.random() < 0.5
        for spoil in (True, False):
            campaign = CampaignId(uuid(chance)) if spoil else chance.choice(campaigns)
            one = own(chance, campaign, f"step-{n}") if private else public(chance, campaign)
            record = good(one)
            found.append(Meant(kind, KINDS[kind](record, chance), one) if spoil else Meant(None, record, one))
    for _ in range(victims):
        campaign, kind = CampaignId(uuid(chance)), chance.choice(sorted(set(KINDS) - ALONE - set(_HIDE_THE_CAMPAIGN)))
        places = sorted(chance.sample(range(len(found)), 5))
        for nth, place in reversed(list(enumerate(places))):
            one = own(chance, campaign, f"victim-{nth}")
            record = good(one)
            found.insert(place, Meant(kind, KINDS[kind](record, chance), one) if nth == 2 else Meant(None, record, one))
    return found


_HIDE_THE_CAMPAIGN = ("tenant", "missing_attribute", "header_null", "header_not_utf8", "header_twice", "structured")
"""Kinds after which nobody can tell whose campaign it was: they park nothing."""


@dataclass(frozen=True)
class Sender:
    producer: AIOKafkaProducer
    client: AIOKafkaClient

    async def send(self, records: Sequence[Meant], seed: int, *, at_once: int = 50) -> list[Sent]:
        """In this order, by partition; a short breath after each `at_once`."""
        chance = random.Random(f"{seed}|partition")
        out: list[Sent] = []
        for begin in range(0, len(records), at_once):
            some = records[begin : begin + at_once]
            futures = [(one, time.time(), await self._begin(one)) for one in some if one.kind not in ALONE]
            for one, at, future in futures:
                placed: RecordMetadata = await future
                out.append(Sent(one, placed.partition, placed.offset, at))
            out += [await self._alone(one, chance.randrange(PARTITIONS)) for one in some if one.kind in ALONE]
        return out

    async def _begin(self, one: Meant) -> "asyncio.Future[RecordMetadata]":
        record = one.record
        future: asyncio.Future[RecordMetadata] = await self.producer.send(
            record.topic, record.value, key=record.key, headers=list(record.headers)
        )
        return future

    async def _alone(self, one: Meant, partition: int) -> Sent:
        record = one.record
        data = batch((record.value, record.headers), key=record.key, codec=record.codec)
        if one.kind == "header_name_not_utf8":
            data = mended(data.replace(ODD.encode(), ODD_BYTES))
        at = time.time()
        return Sent(one, partition, await produce(self.client, record.topic, partition, data), at, data)


@asynccontextmanager
async def sender(kafka: str, topics: Sequence[str] = TOPICS) -> AsyncIterator[Sender]:
    """Ready to send to `topics`: of the counting service, unless others are named."""
    client = AIOKafkaClient(bootstrap_servers=kafka)
    await client.bootstrap()
    await client.set_topics(topics)
    try:
        async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all") as producer:
            yield Sender(producer, client)
    finally:
        await client.close()
