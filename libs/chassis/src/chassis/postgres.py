"""One transaction is one decision: what it reads, saves, says and asks for commits together, or not at all."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID
from zlib import crc32

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from chassis.crashpoints import Point, crashpoint
from chassis.decision import Key, Task
from chassis.signatures import Signer
from contracts.codec import INBOUND, encode
from contracts.event import Event, Fact, Meta
from contracts.framing import named
from contracts.signing import source_of

if TYPE_CHECKING:
    Conn: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Conn: TypeAlias = Any
    Pool: TypeAlias = Any

AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What is raised when the server is gone; the last one, when a connection broke in the middle of a statement."""
SHARDS = 16
"""The relay works shard by shard; a campaign is always in the same one."""

_CLAIM = """
INSERT INTO inbox (event_id)
SELECT id FROM unnest($1::uuid[]) AS id ORDER BY id
ON CONFLICT DO NOTHING
RETURNING event_id
"""
_MEET = """
INSERT INTO campaign (tenant, campaign_id)
SELECT t, c FROM unnest($1::text[], $2::uuid[]) AS row (t, c) ORDER BY t, c
ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT count(*), clock_timestamp() AS now
  FROM (SELECT
          FROM campaign
         WHERE (tenant, campaign_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
         ORDER BY tenant, campaign_id
           FOR UPDATE) AS locked
"""
_NUMBER = """
INSERT INTO stream (tenant, topic, campaign_id, epoch, last)
SELECT t, o, c, e.epoch, n
  FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) AS row (t, o, c, n), log_epoch AS e
 ORDER BY t, o, c
ON CONFLICT (tenant, topic, campaign_id, epoch) DO UPDATE SET last = stream.last + excluded.last
RETURNING tenant, topic, campaign_id, epoch, last
"""
_LOG = """
INSERT INTO event_log (event_id, tenant, campaign_id, topic, epoch, sequence, key, shard, headers, value)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (event_id) DO NOTHING
"""
_TASK = """
INSERT INTO task (id, tenant, campaign_id, kind, body, cause, correlation_id, traceparent, due_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, coalesce($9, clock_timestamp()))
ON CONFLICT (id) DO NOTHING
"""


@dataclass(slots=True)
class Transaction:
    """What a handler may do: SQL on `conn`, `publish`, `ask`, `after`. All of it happens at commit, or none.

    `now` is the database's clock, read after the lock: what is decided later also has the later time.
    """

    conn: Conn
    source: str
    now: datetime
    _published: list[Fact[Event]] = field(default_factory=list)
    _asked: list[tuple[Meta, int, Task]] = field(default_factory=list)
    _after: list[Callable[[], object]] = field(default_factory=list)

    async def lock(self, keys: Iterable[Key]) -> None:
        """Be the only one to decide about `keys` until commit; a campaign met for the first time is locked too.

        Partitions do not give that: several topics, commands and tasks reach any replica.
        """
        unique = list(set(keys))
        tenants, campaigns = [key.tenant for key in unique], [key.campaign for key in unique]
        await self.conn.execute(_MEET, tenants, campaigns)
        self.now = await self.conn.fetchval(_LOCK, tenants, campaigns, column=1)

    async def claim(self, ids: Sequence[UUID]) -> list[bool]:
        """Whether each of `ids` is met for the first time; neither a redelivery is, nor a second one among them."""
        fresh = {row["event_id"] for row in await self.conn.fetch(_CLAIM, list(set(ids)))}
        if len(fresh) == len(ids):
            return [True] * len(ids)
        claimed = []
        for event_id in ids:
            claimed.append(event_id in fresh)
            fresh.discard(event_id)
        return claimed

    def publish(self, cause: Meta, events: Iterable[Event]) -> None:
        """Queue what follows from `cause`: written with the transaction, sent by the relay once it has committed."""
        seen: Tally[type[Event]] = Tally()
        for event in events:
            meta = cause.leads_to(type(event), at=self.now, source=self.source, nth=seen[type(event)])
            seen[type(event)] += 1
            self._published.append(Fact(meta, event))

    def report(self, fact: Fact[Event]) -> None:
        """Queue what an outsider reported at a door, under the outsider's own id: a repeated report writes nothing."""
        self._published.append(fact)

    def ask(self, cause: Meta, tasks: Iterable[Task]) -> None:
        """Queue tasks that follow from `cause`."""
        self._asked += [(cause, nth, task) for nth, task in enumerate(tasks)]

    def after(self, effect: Callable[[], object]) -> None:
        """Do `effect` (count something) once the transaction has committed; a rolled-back one does nothing."""
        self._after.append(effect)


@dataclass(frozen=True, slots=True)
class Database:
    pool: Pool
    service: str
    signer: Signer | None = None
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when events were written: wakes the relay of this process without a round trip."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when tasks were written: wakes the worker of this process."""

    @property
    def source(self) -> str:
        """The CloudEvents source of what this service says."""
        return source_of(self.service)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self.pool.acquire() as conn:
            async with conn.transaction():
                now = await conn.fetchval("SELECT clock_timestamp()")
                tx = Transaction(conn, self.source, now)
                yield tx
                await self._log(tx)
                await self._ask(tx)
                crashpoint(Point.COMMIT)
            crashpoint(Point.COMMITTED)
            for effect in tx._after:
                effect()
            if tx._published:
                self.committed.set()
            if tx._asked:
                self.asked.set()

    async def _log(self, tx: Transaction) -> None:
        if not tx._published:
            return
        rows = []
        for fact in await _numbered(tx.conn, tx._published):
            headers, value = encode(fact)
            if fact.event.signed:
                if self.signer is None:
                    raise RuntimeError(f"{fact.event.type} must be signed, and {self.service} has no signing key")
                headers = self.signer.sign(headers, value)
            meta, key = fact.meta, fact.event.key(fact.meta)
            flat = [part for name, text in headers for part in (name.encode(), text)]
            shard = crc32(meta.campaign_id.bytes) % SHARDS
            rows.append(
                (
                    meta.event_id, meta.tenant, meta.campaign_id, fact.event.topic, meta.epoch, meta.sequence, key,
                    shard, flat, value,
                )
            )  # fmt: skip
        await tx.conn.executemany(_LOG, rows)

    async def _ask(self, tx: Transaction) -> None:
        rows = [
            (
                named(str(cause.event_id), "task", task.body.kind, str(nth)), cause.tenant, cause.campaign_id,
                task.body.kind, task.body.model_dump_json(), cause.event_id, cause.correlation_id, cause.traceparent,
                task.due,
            )
            for cause, nth, task in tx._asked
        ]  # fmt: skip
        if rows:
            await tx.conn.executemany(_TASK, rows)


async def _numbered(conn: Conn, facts: Sequence[Fact[Event]]) -> list[Fact[Event]]:
    """`facts` with the next sequences of their (topic, campaign); the campaigns are locked."""
    own = [fact for fact in facts if not fact.event.topic.startswith(INBOUND)]
    sizes = Tally((fact.meta.tenant, fact.event.topic, fact.meta.campaign_id) for fact in own)
    if not sizes:
        return list(facts)
    tenants, topics, campaigns = zip(*sizes, strict=True)
    rows = await conn.fetch(_NUMBER, tenants, topics, campaigns, list(sizes.values()))
    given = {
        stream: (row["last"] - sizes[stream], row["epoch"])
        for row in rows
        if (stream := (row["tenant"], row["topic"], row["campaign_id"]))
    }
    out: list[Fact[Event]] = []
    used: Tally[object] = Tally()
    for fact in facts:
        if fact.event.topic.startswith(INBOUND):
            out.append(fact)
            continue
        stream = (fact.meta.tenant, fact.event.topic, fact.meta.campaign_id)
        used[stream] += 1
        base, epoch = given[stream]
        out.append(Fact(replace(fact.meta, sequence=base + used[stream], epoch=epoch), fact.event))
    return out
