"""Due work: a campaign's task is leased, done outside any transaction, and its typed result handed back to `decide`.

The claim of the task's id and the result's decision commit together, so a result counts once, however often it is made.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from chassis.connection import AWAY, UNAVAILABLE
from chassis.crashpoints import Point, crashpoint
from chassis.decision import Key, Message, TaskBody, TaskFailed
from chassis.fold import Fold, key_of
from chassis.loops import asked_to_end
from chassis.metrics import TASK_FAILURES, TIMER_DELAY, TIMERS_OVERDUE
from chassis.postgres import Database, Transaction
from contracts.event import CampaignId, Meta, Tenant, Value

log = structlog.get_logger(__name__)

SUSPICIOUS_ATTEMPTS = 10
"""A task begun so often may be what kills its worker: it waits for its lease to end, and the others have that time."""
DEADLINE_LEASE = timedelta(seconds=10)
"""A deadline is decided at once: nobody need wait longer for one whose worker died."""
LAST_ATTEMPT = 20
"""Begun more often than this, a task has killed its worker too often: it is not begun again."""

_LEASE = """
WITH due AS (
    SELECT t.id
      FROM task AS t
      JOIN campaign AS c USING (tenant, campaign_id)
     WHERE t.done_at IS NULL AND t.due_at <= clock_timestamp()
       AND (t.leased_until IS NULL OR t.leased_until < clock_timestamp())
       AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE (d.tenant, d.campaign_id) = (t.tenant, t.campaign_id))
     ORDER BY t.due_at
     LIMIT 1
       FOR UPDATE OF t, c SKIP LOCKED
)
UPDATE task SET lease = $1, leased_by = $3, attempts = attempts + 1,
                leased_until = clock_timestamp() + CASE WHEN kind = ANY($4::text[]) THEN $5::interval ELSE $2 END
  FROM due
 WHERE task.id = due.id
RETURNING task.*, task.body::text AS text, clock_timestamp() - task.due_at AS late
"""
_HELD = "SELECT 1 FROM task WHERE id = $1 AND lease = $2 AND done_at IS NULL FOR UPDATE"
_DONE = "UPDATE task SET done_at = clock_timestamp(), lease = NULL, leased_until = NULL, error = $2 WHERE id = $1"
_LATER = """
UPDATE task SET due_at = clock_timestamp() + $3, lease = NULL, leased_until = NULL, error = $4
 WHERE id = $1 AND lease = $2
"""
_EXTEND = "UPDATE task SET leased_until = clock_timestamp() + $3 WHERE id = $1 AND lease = $2 RETURNING id"
_GIVE_BACK = """
UPDATE task SET lease = NULL, leased_until = NULL
 WHERE leased_by = $1 AND done_at IS NULL AND lease IS NOT NULL AND attempts < $2
"""
_NEXT = """
SELECT min(greatest(due_at, coalesce(leased_until, due_at))) - clock_timestamp() FROM task WHERE done_at IS NULL
"""
_OVERDUE = """
SELECT kind, count(*)
  FROM task AS t
 WHERE done_at IS NULL AND due_at < clock_timestamp() - interval '5 s'
   AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE (d.tenant, d.campaign_id) = (t.tenant, t.campaign_id))
 GROUP BY kind
"""


@dataclass(frozen=True, slots=True)
class Leased:
    """A task in hand: nobody else does it while the lease holds."""

    id: UUID
    lease: UUID
    meta: Meta
    body: Any
    attempts: int

    @property
    def key(self) -> Key:
        return key_of(self.meta)


Work = Callable[[Leased], Awaitable[Value | None]]
"""Does a task and returns what `decide` is told; None when the task's own body says it all."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of task is made of, and its work; without work it is a deadline."""

    body: type[TaskBody]
    work: Work | None = None
    attempts: int = 5


class Deadly(Exception):
    """A task whose workers ended without a word."""


class Stuck(Exception):
    """A task's work that does not come to an end."""


@dataclass(slots=True)
class Worker:
    """Takes due tasks, one at a time per slot; any replica may run several."""

    db: Database
    fold: Fold[Any, Any]
    kinds: Mapping[str, Kind]
    replica: str | None = None
    """Of this name there is one at a time: what it had leased before it started is free again."""
    slots: int = 2
    lease_time: timedelta = timedelta(seconds=60)
    """How soon others take over from a worker that is gone: one that works goes on holding its task."""
    longest: timedelta = timedelta(minutes=30)
    """How long work may take in all."""
    poll_seconds: float = 1.0
    """How late a task of another process may be met; the next one known is waited for to the moment."""
    stopping: bool = False
    _running: list["asyncio.Task[None]"] = field(default_factory=list)

    async def run(self) -> None:
        """Work until told to stop."""
        while not await self._given_back():
            await asyncio.sleep(0.5)
        self._running = [asyncio.create_task(self._slot()) for _ in range(self.slots)]
        await asyncio.gather(*self._running)

    @property
    def alive(self) -> bool:
        return bool(self._running) and not any(task.done() for task in self._running)

    async def _slot(self) -> None:
        while not self.stopping:
            try:
                self.db.asked.clear()
                if not await self.work_once():
                    await self._wait()
            except asyncio.CancelledError as error:
                if asked_to_end():
                    raise
                await self._later(error)  # one that a client leaked: nobody asked us to end
            except Exception as error:  # noqa: BLE001 - whatever it is: the next task is not to blame
                await self._later(error)

    async def _later(self, error: BaseException) -> None:
        if isinstance(error, UNAVAILABLE):
            log.warning("worker waits for the database", error=repr(error)[:300])
        else:
            log.error("a task could not be settled", error=repr(error)[:500], exc_info=error)
        await asyncio.sleep(0.5)

    async def work_once(self) -> bool:
        """Do one due task, if there is one. Returns whether there was."""
        leased = await self._lease()
        if leased is None:
            return False
        kind = self.kinds[leased.body.kind]
        crashpoint(Point.TASK_LEASED)
        try:
            if leased.attempts > max(kind.attempts, LAST_ATTEMPT):
                raise Deadly(f"begun {leased.attempts - 1} times, and neither done nor failed")
            result = await self._worked(leased, kind.work) if kind.work else None
            crashpoint(Point.TASK_DONE)
            await self._settle(leased, leased.body if result is None else result)
            crashpoint(Point.TASK_SETTLED)
        except UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001 - tried again, then handed to decide as a failure
            await self._failed(leased, kind, error)
        return True

    async def _worked(self, leased: Leased, work: Work) -> Value | None:
        """Do the work, and hold its task meanwhile. Raises Stuck."""
        holding = asyncio.create_task(self._hold(leased))
        try:
            async with asyncio.timeout(self.longest.total_seconds()) as until:
                return await work(leased)
        except TimeoutError:
            if until.expired():
                raise Stuck(f"not done within {self.longest}") from None
            raise
        finally:
            holding.cancel()

    async def _hold(self, leased: Leased) -> None:
        """Lengthen the lease again and again, as long as it is ours."""
        held = True
        while held:
            await asyncio.sleep(self.lease_time.total_seconds() / 3)
            with contextlib.suppress(*AWAY):
                async with self.db.pool.acquire() as conn:
                    held = await conn.fetchval(_EXTEND, leased.id, leased.lease, self.lease_time) is not None

    @property
    def _deadlines(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind.work is None]

    async def measure(self) -> None:
        async with self.db.pool.acquire() as conn:
            overdue = {row["kind"]: row["count"] for row in await conn.fetch(_OVERDUE)}
        for kind in self.kinds:
            TIMERS_OVERDUE.labels(kind=kind).set(overdue.get(kind, 0))

    async def _given_back(self) -> bool:
        if self.replica is None:
            return True
        try:
            async with self.db.pool.acquire() as conn:
                await conn.execute(_GIVE_BACK, self.replica, SUSPICIOUS_ATTEMPTS)
        except UNAVAILABLE as error:
            log.warning("worker waits for the database", error=repr(error)[:300])
            return False
        return True

    async def _lease(self) -> Leased | None:
        lease = uuid4()
        async with self.db.pool.acquire() as conn, conn.transaction():
            row = await conn.fetchrow(_LEASE, lease, self.lease_time, self.replica, self._deadlines, DEADLINE_LEASE)
        if row is None:
            return None
        TIMER_DELAY.observe(max(0.0, row["late"].total_seconds()))
        meta = Meta(
            event_id=row["id"],
            tenant=Tenant(row["tenant"]),
            campaign_id=CampaignId(row["campaign_id"]),
            correlation_id=row["correlation_id"],
            causation_id=row["cause"],
            occurred_at=row["due_at"],
            source=self.db.source,
            source_id=str(row["id"]),
            traceparent=row["traceparent"],
        )
        body = self.kinds[row["kind"]].body.model_validate_json(row["text"])
        return Leased(row["id"], lease, meta, body, row["attempts"])

    async def _settle(self, leased: Leased, result: Value | TaskFailed, error: str | None = None) -> None:
        async with self.db.transaction() as tx:
            await tx.lock([leased.key])
            if await tx.conn.fetchval(_HELD, leased.id, leased.lease) is None:
                log.warning("a task's result came after its lease", kind=leased.body.kind)
                return
            await self._fold(tx, leased, result)
            await tx.conn.execute(_DONE, leased.id, error)

    async def _fold(self, tx: Transaction, leased: Leased, result: Value | TaskFailed) -> None:
        await self.fold.messages(tx, [Message(leased.meta, result)])

    async def _failed(self, leased: Leased, kind: Kind, error: Exception) -> None:
        log.warning("a task failed", kind=leased.body.kind, attempts=leased.attempts, error=repr(error)[:500])
        if leased.attempts < kind.attempts:
            async with self.db.pool.acquire() as conn:
                wait = timedelta(seconds=0.2 * 2**leased.attempts)
                await conn.execute(_LATER, leased.id, leased.lease, wait, repr(error)[:2000])
            return
        TASK_FAILURES.inc()
        await self._settle(leased, TaskFailed(leased.body, repr(error)[:2000]), repr(error)[:2000])

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.db.asked.wait(), await self._until_next())

    async def _until_next(self) -> float:
        async with self.db.pool.acquire() as conn:
            ahead: timedelta | None = await conn.fetchval(_NEXT)
        if ahead is None:
            return self.poll_seconds
        return min(self.poll_seconds, max(0.01, ahead.total_seconds()))
