"""After a restore from a backup: what the database has forgotten is put back, and what others know is not said anew.

Our own topics are read back. What they hold beyond the numbers that this database had given was said after the backup:
it goes into the event log, so that the same cause, met again, says nothing twice. Then the epoch rises, the service
learns what else it must know (`relearn`), and its group reads from the first record again: claims make that harmless.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer

from chassis import cluster, event_log
from chassis.connection import Conn
from chassis.postgres import Database, Transaction
from chassis.records import Raw, receive
from contracts.codec import Verify
from contracts.event import Event, Fact, Signature

GROUP_SECONDS = 25.0
"""Longer than the session time: so long a group may still count members that were killed."""

_BEYOND = """
SELECT said.n
  FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int[], $5::bigint[]) WITH ORDINALITY AS said (t, o, c, e, s, n)
  LEFT JOIN stream ON (tenant, topic, campaign_id, epoch) = (said.t, said.o, said.c, said.e) AND last >= said.s
 WHERE stream.last IS NULL
"""
_NUMBERED = """
INSERT INTO stream (tenant, topic, campaign_id, epoch, last) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant, topic, campaign_id, epoch) DO UPDATE SET last = greatest(stream.last, excluded.last)
"""
_SENT = "UPDATE event_log SET sent_at = clock_timestamp() WHERE sent_at IS NULL AND event_id = ANY($1::uuid[])"
_RAISE = "UPDATE log_epoch SET epoch = greatest(epoch, $1) + 1 RETURNING epoch"


class Rewound(Exception):
    """Kafka holds events of ours that this database knows nothing of."""


class CannotRecover(Exception):
    """Something must be done first: the text says what."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The epoch from now on, how many events of ours were put back, and what else was learnt, in numbers."""

    epoch: int
    put_back: int
    learnt: Mapping[str, int]


Relearn: TypeAlias = Callable[[Transaction, int, Sequence[Fact[Event]]], Awaitable[Mapping[str, int]]]
"""What a service does with the new epoch and with its own events that its database had forgotten, in their order."""


@dataclass(frozen=True, slots=True)
class Own:
    """A service's own topics on Kafka."""

    db: Database
    kafka: str
    topics: Sequence[str]
    verify: Verify
    group_seconds: float = GROUP_SECONDS

    async def settle(self) -> None:
        """Compare the newest record of each partition with what the database knows. Raises Rewound.

        A service that went on after a restore would give numbers again, and do again what it did since the backup.
        """
        newest = [raw async for page in self._pages(newest_only=True) for raw in page]
        async with self.db.pool.acquire() as conn:
            beyond = await self._beyond(conn, self._said(newest))
        if beyond:
            raise Rewound(
                f"Kafka holds events of {self.db.service} that its database does not: after a restore from a backup say"
                f" `handrail recover --service {self.db.service}`"
            )

    async def recover(self, group_topics: Sequence[str], relearn: Relearn | None) -> Recovered:
        """Put back, raise the epoch, relearn: one transaction. The group reads all of `group_topics` again.

        Raises CannotRecover. Whatever fails may be done again.
        """
        await _rewind(self.kafka, self.db.service, group_topics, self.group_seconds)
        found = await cluster.cluster_id(self.kafka)
        async with self.db.transaction() as tx:
            await tx.look()
            await cluster.meet(tx.conn, found)
            lost, epoch = await self._put_back(tx.conn)
            epoch = await tx.conn.fetchval(_RAISE, epoch)
            learnt = await relearn(tx, epoch, lost) if relearn is not None else {}
        return Recovered(epoch, len(lost), learnt)

    async def _put_back(self, conn: Conn) -> tuple[list[Fact[Event]], int]:
        """(what the database had forgotten, the highest epoch met)."""
        lost: list[Fact[Event]] = []
        epoch = 0
        async for page in self._pages():
            said = self._said(page)
            epoch = max([epoch, *(fact.meta.epoch or 0 for _, fact in said)])
            await conn.execute(_SENT, [fact.meta.event_id for _, fact in said])
            beyond = await self._beyond(conn, said)
            await event_log.put_back(conn, beyond)
            numbers = {
                (fact.meta.tenant, fact.event.topic, fact.meta.campaign_id, fact.meta.epoch or 0): fact.meta.sequence
                for _, fact in sorted(beyond, key=lambda one: one[1].meta.sequence or 0)
            }
            await conn.executemany(_NUMBERED, [(*stream, last) for stream, last in numbers.items()])
            lost += [fact for _, fact in beyond]
        return lost, epoch

    def _said(self, page: Sequence[Raw]) -> list[tuple[Raw, Fact[Event]]]:
        """Those of `page` that are ours: readable, numbered, from us, and signed where they must be."""
        found = []
        for raw in page:
            fact = receive(raw, self.verify).fact
            if fact is None or fact.meta.source != self.db.source or fact.meta.sequence is None:
                continue
            if not fact.event.signed or fact.meta.signature is Signature.VALID:
                found.append((raw, fact))
        return found

    async def _beyond(self, conn: Conn, said: Sequence[tuple[Raw, Fact[Event]]]) -> list[tuple[Raw, Fact[Event]]]:
        """Those of `said` whose numbers this database never gave."""
        metas = [(fact.meta, fact.event.topic) for _, fact in said]
        rows = await conn.fetch(
            _BEYOND, [meta.tenant for meta, _ in metas], [topic for _, topic in metas],
            [meta.campaign_id for meta, _ in metas], [meta.epoch or 0 for meta, _ in metas],
            [meta.sequence for meta, _ in metas],
        )  # fmt: skip
        return [said[row["n"] - 1] for row in sorted(rows, key=lambda row: int(row["n"]))]

    async def _pages(self, *, newest_only: bool = False) -> AsyncIterator[list[Raw]]:
        """What stands on our topics now, page by page, or the newest record of each partition."""
        partitions = await cluster.partitions(self.kafka, self.topics) if self.topics else []
        if not partitions:
            return
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka, enable_auto_commit=False) as reader:
            firsts, ends = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
            left = {tp for tp in partitions if firsts[tp] < ends[tp]}
            reader.assign(list(left))
            for tp in left:
                reader.seek(tp, ends[tp] - 1 if newest_only else firsts[tp])
            while left:
                batch = await reader.getmany(timeout_ms=1000, max_records=1000)
                for tp, records in batch.items():
                    kept = [one for one in records if one.offset < ends[tp]]
                    yield [Raw("", tp.topic, tp.partition, r.offset, r.key, r.headers, r.value) for r in kept]
                left = {tp for tp in left if await reader.position(tp) < ends[tp]}


async def _rewind(kafka: str, group: str, topics: Sequence[str], seconds: float) -> None:
    """Let the group begin with the first record of each partition. Raises CannotRecover while it has members."""
    if not topics:
        return
    await _nobody_in(kafka, group, seconds)
    partitions = await cluster.partitions(kafka, topics)
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False) as reader:
        reader.assign(partitions)
        await reader.commit(await reader.beginning_offsets(partitions))


async def _nobody_in(kafka: str, group: str, seconds: float) -> None:
    """Wait for members that were killed to be counted out; one that is alive stays. Raises CannotRecover."""
    deadline = asyncio.get_running_loop().time() + seconds
    async with cluster.administration(kafka) as admin:
        while True:
            [answer] = await admin.describe_consumer_groups([group])
            [described] = answer.to_object()["groups"]
            if not described["members"]:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise CannotRecover(f"{group} still runs: stop all of its replicas first")
            await asyncio.sleep(1)
