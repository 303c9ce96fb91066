"""One transaction is one decision: what it reads, saves, says and asks for commits together, or not at all."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from chassis import event_log
from chassis.connection import Conn, Pool
from chassis.crashpoints import Point, crashpoint
from chassis.decision import Key, Task
from chassis.event_log import Caused, Said
from chassis.signatures import Signer
from contracts.event import Event, Fact, Meta
from contracts.framing import named
from contracts.signing import source_of

log = structlog.get_logger(__name__)

KNOWN = 50_000
"""About so many campaigns are remembered at most."""

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
_TASK = """
INSERT INTO task (id, tenant, campaign_id, kind, body, cause, correlation_id, traceparent, due_at)
SELECT i, t, c, k, b::jsonb, cause, correlation, trace, coalesce(due, clock_timestamp())
  FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[],
              $9::timestamptz[]) AS row (i, t, c, k, b, cause, correlation, trace, due)
ON CONFLICT (id) DO NOTHING
"""


@dataclass(slots=True)
class Transaction:
    """What a handler may do: SQL on `conn`, `publish`, `ask`, `after`. All of it happens at commit, or none.

    `now` is the database's clock, read with the lock: what is decided later also has the later time. Where nothing is
    locked, `look` reads it.
    """

    conn: Conn
    source: str
    _met: set[Key]
    """Campaigns that surely have a row: it need not be asked again."""
    _said: list[Said] = field(default_factory=list)
    _asked: list[tuple[Meta, int, Task]] = field(default_factory=list)
    _after: list[Callable[[], object]] = field(default_factory=list)
    _now: datetime | None = None

    @property
    def now(self) -> datetime:
        if self._now is None:
            raise RuntimeError("nobody has looked at the clock: lock, or look")
        return self._now

    async def look(self) -> None:
        """Read the clock."""
        self._now = await self.conn.fetchval("SELECT clock_timestamp()")

    async def lock(self, keys: Iterable[Key]) -> None:
        """Be the only one to decide about `keys` until commit; a campaign met for the first time is locked too.

        Partitions do not give that: several topics, commands and tasks reach any replica.
        """
        unique = set(keys)
        if new := unique - self._met:
            await self.conn.execute(_MEET, *_columns(new))
        row = await self.conn.fetchrow(_LOCK, *_columns(unique))
        assert row is not None
        if row["count"] < len(unique):  # what was there is gone: the database is another than before
            self._met.clear()
            return await self.lock(unique)
        self._now = row["now"]
        self.after(partial(_remember, self._met, new))

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
            self._said.append(Caused(cause, event, cause.effect_id(type(event), seen[type(event)]), self.now))
            seen[type(event)] += 1

    def report(self, fact: Fact[Event]) -> None:
        """Queue what an outsider reported at a door, under the outsider's own id: a repeated report writes nothing."""
        self._said.append(fact)

    def ask(self, cause: Meta, tasks: Iterable[Task]) -> None:
        """Queue tasks that follow from `cause`."""
        self._asked += [(cause, nth, task) for nth, task in enumerate(tasks)]

    def after(self, effect: Callable[[], object]) -> None:
        """Do `effect` (count something) once the transaction has committed; a rolled-back one does nothing.

        One that fails is logged: what was committed is not undone by a figure, nor to be done again.
        """
        self._after.append(effect)

    def _done(self) -> None:
        for effect in self._after:
            try:
                effect()
            except Exception:
                log.exception("what follows a commit failed")
        self._after.clear()  # they hold what holds this: a batch would stay in memory until the next collection


@dataclass(frozen=True, slots=True)
class Database:
    pool: Pool
    service: str
    signer: Signer | None = None
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when events were written: wakes the relay of this process without a round trip."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when tasks were written: wakes the worker of this process."""
    met: set[Key] = field(default_factory=set)
    """Campaigns whose row is committed: rows of campaigns are never deleted."""

    @property
    def source(self) -> str:
        """The CloudEvents source of what this service says."""
        return source_of(self.service)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self.pool.acquire() as conn:
            async with conn.transaction():
                tx = Transaction(conn, self.source, self.met)
                yield tx
                await event_log.write(conn, tx._said, self.source, self.signer)
                await self._ask(tx)
                crashpoint(Point.COMMIT)
            crashpoint(Point.COMMITTED)
            tx._done()
            if tx._said:
                self.committed.set()
            if tx._asked:
                self.asked.set()

    async def _ask(self, tx: Transaction) -> None:
        rows = [
            (
                named(str(cause.event_id), "task", task.body.kind, str(nth)), cause.tenant,
                task.campaign or cause.campaign_id, task.body.kind, task.body.model_dump_json(),
                cause.event_id, cause.correlation_id, cause.traceparent, task.due,
            )
            for cause, nth, task in tx._asked
        ]  # fmt: skip
        if rows:
            await tx.conn.execute(_TASK, *zip(*rows, strict=True))


def _columns(keys: Iterable[Key]) -> tuple[list[str], list[UUID]]:
    keys = list(keys)
    return [key.tenant for key in keys], [key.campaign for key in keys]


def _remember(met: set[Key], keys: set[Key]) -> None:
    if len(met) > KNOWN:
        met.clear()
    met |= keys
