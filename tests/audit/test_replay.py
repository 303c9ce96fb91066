"""What outsiders sent straight to Kafka is in audit's chain alone: a replay sends it from there, byte for byte."""

from dataclasses import replace
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from chassis.records import Raw
from chassis.replay import Replayed, Span, replay
from contracts.event import CampaignId
from contracts.executor import StepCompleted
from contracts.inbound import ContactEvent, ContactEventReported
from handrail.local import topics
from handrail.local.sources import Infrastructure
from tests.audit.builders import records
from tests.audit.conftest import Auditor
from tests.builders import HASH, fact, record

CAMPAIGN = CampaignId(uuid4())


def booked(source_id: str) -> Raw:
    said = ContactEventReported(kind=ContactEvent.DEMO_BOOKED, recipient_hash=HASH)
    return record(fact(said, CAMPAIGN, source="/crm", source_id=source_id, sequence=None, epoch=None))


async def stands(kafka: str, topic: str) -> list[tuple[bytes | None, list[tuple[str, bytes]], bytes | None]]:
    """Records of our campaign: other tests use the broker too."""
    found = []
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as reader:
        while batch := await reader.getmany(timeout_ms=1500):
            found += [(one.key, list(one.headers), one.value) for records in batch.values() for one in records]
    return [one for one in found if str(CAMPAIGN).encode() in (one[0] or b"")]


async def test_what_outsiders_sent_is_sent_again_as_it_came(auditor: Auditor, servers: Infrastructure) -> None:
    topics.apply(servers.kafka, {ContactEventReported.topic: 3})
    sent = [replace(booked(f"order-{n}"), offset=n) for n in range(3)]
    await auditor.take([sent[0], *records(), *sent[1:]])
    done = await replay(
        auditor.db, servers.kafka, Span(topics=(ContactEventReported.topic,)), auditor.parts.kept_records
    )
    assert done == Replayed(marked=0, sent=3)
    found = await stands(servers.kafka, ContactEventReported.topic)
    assert found == [(raw.key, list(raw.headers), raw.value) for raw in sent]


async def test_of_topics_that_nobody_names_only_those_of_outsiders_are_sent(auditor: Auditor) -> None:
    await auditor.take([booked("order-1"), *records()])
    assert auditor.parts.kept_records is not None
    async with auditor.db.pool.acquire() as conn:
        every = [raw.topic async for page in auditor.parts.kept_records(conn, Span()) for raw in page]
        named = [
            raw.topic async for page in auditor.parts.kept_records(conn, Span((StepCompleted.topic,))) for raw in page
        ]
        newest = await conn.fetchval("SELECT max(stored_at) FROM record")
        later = [page async for page in auditor.parts.kept_records(conn, Span(until=newest, since=newest))]
    assert set(every) == {"inbound.contacts.v1", "inbound.engagement.v1"}
    assert set(named) == {StepCompleted.topic}
    assert later == []
