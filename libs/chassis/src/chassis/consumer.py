"""From Kafka into the database, exactly once in effect.

A polled batch is applied in one transaction; offsets are committed after it. When a batch fails it is rolled back and
taken again record by record, so that only the failing record, and what follows it for the same campaign, is held back.
While batches come full, the next one is read and decoded as the database works on the one before.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from faststream.kafka.subscriber.usecase import LogicSubscriber

from chassis import batches, dead_letters
from chassis.assignment import Assignment
from chassis.attempts import Attempts
from chassis.connection import UNAVAILABLE
from chassis.crashpoints import Point, crashpoint
from chassis.fold import Applier, key_of
from chassis.loops import asked_to_end
from chassis.metrics import RETRIES
from chassis.postgres import Database
from chassis.records import Raw, Received, receive
from chassis.signatures import Verifier

log = structlog.get_logger(__name__)

BATCH = 500
"""Records polled at once."""
SLICE = 10
"""Records decoded in one go: the database's answers are looked at in between."""
ATTEMPTS = 5
FAILING_IN_A_ROW = 25
"""So many records buried one after the other are not the records' fault: the consumer stops instead."""


class Leaked(Exception):
    """A handler raised what would end the process or its loop: the record's fault, as any other error."""


class EverythingFails(Exception):
    """Too many records failed in a row: going on would bury them all."""


@dataclass(slots=True)
class Consumer:
    """One service's reading side."""

    db: Database
    group: str
    applier: Applier
    verifier: Verifier
    cluster_id: str = ""
    stopping: bool = False
    stopped_because: str = ""
    max_records: int = BATCH
    _subscriber: LogicSubscriber[Any] | None = None
    _failed_in_a_row: int = 0
    _assignment: Assignment = field(default_factory=Assignment)
    _waiting: "asyncio.Task[None] | None" = None
    _attempts: Attempts = field(init=False)

    def __post_init__(self) -> None:
        self._attempts = Attempts(self.db)

    @property
    def joined(self) -> bool:
        """The group gave this process its share (which may be nothing) at least once."""
        return self._assignment.joined

    @property
    def alive(self) -> bool:
        """The consume loop runs: a cancelled one never comes back by itself."""
        if self.stopped_because or self._subscriber is None:
            return not self.stopped_because
        tasks = self._subscriber.tasks
        return bool(tasks) and not any(task.done() for task in tasks)

    def subscribe(self, broker: KafkaBroker, *topics: str, replica: str | None = None) -> None:
        """Read `topics` from the first record on; every FastStream default that loses events is replaced here."""

        async def as_it_is(raw: Sequence[ConsumerRecord], _: object) -> KafkaMessage:
            name = f"{raw[0].topic}/{raw[0].partition}/{raw[0].offset}"
            consumer = cast("Any", subscriber.consumer)
            return KafkaMessage(raw, b"", message_id=name, correlation_id=name, consumer=consumer)

        async def undecoded(message: KafkaMessage, _: object) -> object:
            return message.raw_message

        subscriber = broker.subscriber(
            *topics,
            group_id=self.group,
            group_instance_id=replica,
            batch=True,
            max_records=self.max_records,
            batch_timeout_ms=1000,  # records end the wait: a long one only costs less when idle
            fetch_max_wait_ms=250,  # of partitions without news, which hold up those whose records were all taken
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            session_timeout_ms=15_000,
            partition_assignment_strategy=[StickyPartitionAssignor],
            listener=self._assignment,
            parser=as_it_is,
            decoder=undecoded,
            no_reply=True,
        )

        async def on_batch(records: Sequence[ConsumerRecord]) -> None:
            await self._take(records, cast("AIOKafkaConsumer", subscriber.consumer))

        batches.install()
        self._assignment.idle.set()
        self._subscriber = cast("LogicSubscriber[Any]", subscriber)
        subscriber(on_batch)

    async def _take(self, records: Sequence[ConsumerRecord], kafka: AIOKafkaConsumer) -> None:
        """Nothing but a real stop leaves this method: FastStream would skip the batch, or end its loop for good."""
        if self.stopped_because:
            await asyncio.sleep(1)
            return
        self._assignment.idle.clear()
        held = list(records)
        try:
            await self._settle_all(held, kafka)
        except asyncio.CancelledError:
            if self.stopping or asked_to_end():
                raise
            log.error("a library leaked CancelledError: batch given back")
            self._assignment.give_back(held, kafka)
        except EverythingFails as error:
            self.stopped_because = str(error)
            log.error("consumer stopped", because=str(error))
        except UNAVAILABLE as error:
            RETRIES.inc()
            log.warning("database away: partitions paused", error=repr(error)[:300])
            self._assignment.give_back(held, kafka)
            self._pause(kafka)
        except Exception:
            RETRIES.inc()
            log.exception("batch given back")
            self._assignment.give_back(held, kafka)
            await asyncio.sleep(0.5)
        finally:
            self._assignment.idle.set()

    async def _settle_all(self, held: list[ConsumerRecord], kafka: AIOKafkaConsumer) -> None:
        """Settle what is `held`, and what follows while batches come full. What is not settled stays in `held`."""
        changes = self._assignment.changes
        batch = await self._read(held)
        settled: list[ConsumerRecord] = []
        while batch:
            applying = asyncio.create_task(self._apply_polled(batch))
            try:
                await self._commit(settled, kafka)
                following = await self._ahead(held, kafka, changes) if len(batch) == self.max_records else []
                await applying
            finally:
                applying.cancel()
                await asyncio.gather(applying, return_exceptions=True)
            settled, held[: len(batch)] = held[: len(batch)], []
            if self.stopping or self._assignment.changes > changes:  # the next owner reads on from what is committed
                break
            batch = following
        await self._commit(settled, kafka)

    async def _apply_polled(self, batch: Sequence[Received]) -> None:
        await self._apply(batch, await self._suspicious([one.raw for one in batch]))

    async def _commit(self, settled: Sequence[ConsumerRecord], kafka: AIOKafkaConsumer) -> None:
        if settled:
            crashpoint(Point.OFFSETS_COMMIT)
            await self._assignment.commit(settled, kafka)
            crashpoint(Point.OFFSETS_COMMITTED)

    async def _ahead(self, held: list[ConsumerRecord], kafka: AIOKafkaConsumer, changes: int) -> list[Received]:
        """What has come meanwhile: `held` from now on, too."""
        if self._assignment.changes > changes:  # a poll would wait for the end of a rebalance that waits for us
            return []
        polled = await kafka.getmany(timeout_ms=0, max_records=self.max_records)
        records = [record for ones in polled.values() for record in ones]
        held += records
        return await self._read(records)

    async def _read(self, records: Sequence[ConsumerRecord]) -> list[Received]:
        if records:
            crashpoint(Point.BATCH_READ)
        received: list[Received] = []
        for begin in range(0, len(records), SLICE):
            received += [receive(self._raw(record), self.verifier) for record in records[begin : begin + SLICE]]
            await asyncio.sleep(0)
        return received

    async def apply(self, raws: Sequence[Raw], *, alone: bool = False) -> None:
        """Apply `raws` in order. Afterwards each is applied, was a duplicate, or is kept. Raises UNAVAILABLE."""
        await self._apply([receive(raw, self.verifier) for raw in raws], alone)

    async def _apply(self, received: Sequence[Received], alone: bool) -> None:
        if not alone:
            try:
                await self._apply_together(received)
                self._failed_in_a_row = 0
                return
            except UNAVAILABLE:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, one record is to blame: find it
                log.warning("a batch failed: taking it one by one", size=len(received), error=repr(error)[:300])
        for one in received:
            await self._apply_alone(one)

    async def _apply_together(self, received: Sequence[Received]) -> None:
        try:
            async with self.db.transaction() as tx:
                await self.applier.apply(tx, received)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:
            if asked_to_end():
                raise
            raise Leaked(repr(error)) from error

    async def _apply_alone(self, one: Received) -> None:
        reason = "killed the process that handled it"
        while True:
            tried = await self._attempts.count(one.raw)
            if tried > ATTEMPTS:
                return await self._bury(one, reason, tried - 1)
            try:
                await self._apply_together([one])
            except UNAVAILABLE:
                self._attempts.interrupted(one.raw)
                raise
            except Exception as error:  # noqa: BLE001 - counted, and kept with its reason when it goes on failing
                reason = repr(error)
                log.warning("a record failed", tried=tried, error=reason[:300], topic=one.raw.topic)
                await asyncio.sleep(0.05 * 2**tried)
                continue
            await self._attempts.settled(one.raw)
            self._failed_in_a_row = 0
            return

    async def _bury(self, one: Received, reason: str, attempts: int) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row > FAILING_IN_A_ROW:
            raise EverythingFails(f"{self._failed_in_a_row} records failed in a row, the last with {reason[:300]}")
        key = key_of(one.fact.meta) if one.fact is not None and not one.raw.inbound else None
        async with self.db.transaction() as tx:
            if key is not None:
                await tx.lock([key])
            await dead_letters.keep(tx, one.raw, dead_letters.FAILING, reason, key, attempts)

    async def _suspicious(self, raws: Sequence[Raw]) -> bool:
        """Whether one of `raws` may be what kills the process; each partition begins once per assignment."""
        last = {TopicPartition(raw.topic, raw.partition): raw.offset for raw in raws}
        for raw in raws:
            partition = TopicPartition(raw.topic, raw.partition)
            if partition in self._assignment.unseen:
                await self._attempts.begin(raw, last[partition])
                self._assignment.unseen.discard(partition)
        return self._attempts.suspicious(raws)

    def _pause(self, kafka: AIOKafkaConsumer) -> None:
        """Read nothing until the database answers; the group membership goes on."""
        paused = tuple(self._assignment.owned)
        kafka.pause(*paused)
        self._waiting = asyncio.create_task(self._resume_when_back(kafka, paused))

    async def _resume_when_back(self, kafka: AIOKafkaConsumer, paused: tuple[TopicPartition, ...]) -> None:
        while not self.stopping:
            await asyncio.sleep(0.5)
            with contextlib.suppress(*UNAVAILABLE):
                async with self.db.pool.acquire() as conn:
                    await conn.execute("SELECT 1")
                still = [tp for tp in paused if tp in self._assignment.owned]
                if still:
                    kafka.resume(*still)
                return

    def _raw(self, one: ConsumerRecord) -> Raw:
        return Raw(self.cluster_id, one.topic, one.partition, one.offset, one.key, one.headers, one.value)
