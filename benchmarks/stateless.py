"""Records read, typed and counted, no state: and the raw client, with the same decoder or with pydantic alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord
from pydantic import SecretStr

from benchmarks import by_hand, product, workload
from benchmarks.frame import SEED, Measured, Meter, Stage
from benchmarks.places import database, fresh_topics
from chassis.postgres import Transaction
from chassis.records import Received
from chassis.service import Parts
from chassis.settings import ChassisSettings
from contracts.inbound import RecipientEventReported
from handrail.local.sources import Infrastructure

TOPIC = RecipientEventReported.topic


@dataclass(frozen=True, slots=True)
class Nothing:
    """Reads, and keeps nothing."""

    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        assert all(one.fact is not None for one in batch)


async def build(parts: Parts) -> None:
    parts.applier = Nothing()


async def prepare(servers: Infrastructure, partitions: int, events: int) -> str:
    fresh_topics(servers.kafka, {TOPIC: partitions})
    await workload.publish(servers.kafka, workload.reports(events, SEED))
    return await database(servers)


async def ours(stage: Stage) -> Measured:
    meter = Meter(stage.events)
    settings = ChassisSettings(dsn=SecretStr(stage.dsn), kafka=stage.kafka, http_port=product.port())
    return await product.serving(stage.run, settings, product.metered(build, meter, (TOPIC,)), meter.measured())


async def by_decoder(stage: Stage) -> Measured:
    """The raw client, and the same decoder of attributes and value."""
    return await _counting(stage, by_hand.facts_of)


async def by_pydantic(stage: Stage) -> Measured:
    """The raw client, and pydantic on the value alone: no attributes, no strict reading."""
    validate = RecipientEventReported.__pydantic_validator__.validate_json
    return await _counting(stage, lambda records: [validate(record.value) for record in records])


async def _counting(stage: Stage, read: Callable[[list[ConsumerRecord]], Sequence[object]]) -> Measured:
    meter = Meter(stage.events)
    async with by_hand.consuming(stage, TOPIC) as consumer:
        by_hand.tune()
        while not meter.done.is_set():
            meter.add(len(read(await by_hand.poll(consumer))))
    return await meter.measured()
