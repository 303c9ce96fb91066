"""Writes down what became of intents: by the tool's answer, by a dead process's journal, by a look-up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from uuid import UUID

import asyncpg

from chassis.connection import Conn
from chassis.crashpoints import crashpoint
from chassis.decision import Key
from chassis.postgres import Database
from contracts.actions import EffectOutcome
from executor.people import touches
from executor.sending import journal
from executor.sending.dispatch_points import DispatchPoint
from executor.sending.journal import Found, Journal, Trace
from executor.sending.outcomes import Move, Settled, Tried, after, given_up, looked_up, move
from executor.sending.tools.port import Answer, Capability, Idempotency, Seen, Sight, Tool

_LOCK = "SELECT clock_timestamp() FROM campaign WHERE (tenant, campaign_id) = ($1, $2) FOR UPDATE"
_LEFT_BEHIND = """
SELECT effect_id, lease, journal, leased_until < clock_timestamp() AS expired
  FROM effect_intent WHERE (tenant, campaign_id) = ($1, $2) AND state = 'dispatched' ORDER BY lease
"""
_DISPATCHED = """
SELECT effect_id, tool, attempts, first_dispatched_at, lost_at, evidence, look_ups FROM effect_intent
 WHERE (tenant, campaign_id) = ($1, $2) AND effect_id = ANY($3::uuid[]) AND state = 'dispatched' AND lease = $4
"""
_LOST = """
SELECT effect_id, tool, attempts, first_dispatched_at, lost_at, evidence, look_ups,
       coalesce(not_before <= clock_timestamp(), true) AS due, clock_timestamp() AS now
  FROM effect_intent
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3) AND state = 'planned' AND lost_at IS NOT NULL
 ORDER BY not_before NULLS FIRST, position
 LIMIT 50
"""
_OPEN = """
SELECT count(*) FROM effect_intent WHERE (tenant, campaign_id) = ($1, $2) AND state = 'planned' AND lost_at IS NOT NULL
"""
# Nothing of a planned intent without a lost answer has left: that is what its empty first_dispatched_at says.
_SETTLE = """
UPDATE effect_intent AS i
   SET state = row.state, because = row.because, lease = NULL, leased_until = NULL, not_before = row.not_before,
       attempts = i.attempts - row.unused, lost_at = row.lost_at,
       look_ups = CASE WHEN row.lost_at IS NULL THEN 0 ELSE i.look_ups + $10 END,
       first_dispatched_at = CASE WHEN row.lost_at IS NOT NULL OR row.state NOT IN ('planned', 'skipped')
                                  THEN i.first_dispatched_at END
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::int[], $11::timestamptz[])
       AS row (effect_id, state, because, not_before, lost_at, unused, seen)
 WHERE (i.tenant, i.campaign_id) = ($1, $2) AND i.effect_id = row.effect_id
   AND CASE WHEN $9::uuid IS NULL THEN i.state = 'planned' AND i.lost_at = row.seen
            ELSE i.state = 'dispatched' AND i.lease = $9 END
RETURNING i.recipient_hash, i.state, i.lost_at, i.touched_on, i.cost
"""
_UNSPEND = "UPDATE campaign_guard SET spent = greatest(0, spent - $3) WHERE (tenant, campaign_id) = ($1, $2)"
NEVER_BEGUN = Answer(EffectOutcome.FAILED_DEFINITE, "never_begun", again=True, away=True)


@dataclass(frozen=True, slots=True)
class Settling:
    db: Database
    journal: Journal
    tools: Mapping[str, Tool]
    in_hand: set[UUID] = field(default_factory=set)
    """Leases that this process works on: any other of its own was left behind by a run that failed."""

    async def left_behind(self, key: Key) -> int:
        """Settle dispatched intents whose process is gone, by its journal; how many are still open afterwards."""
        in_flight = 0
        async with self.db.pool.acquire() as conn, conn.transaction():
            await conn.execute(_LOCK, *key)
            rows = await conn.fetch(_LEFT_BEHIND, *key)
            read: dict[str, dict[UUID, Found] | None] = {}
            for lease, group in groupby(rows, lambda row: row["lease"]):
                answers: dict[UUID, Answer] = {}
                for row in group:
                    gone = self._gone(row)
                    if not gone and not row["expired"]:
                        in_flight += 1
                        continue
                    if row["journal"] not in read:
                        read[row["journal"]] = journal.read(self.journal.folder, row["journal"])
                    answers[row["effect_id"]] = from_journal(read[row["journal"]], row["effect_id"], gone)
                await self.record(conn, key, lease, answers)
            lost: int = await conn.fetchval(_OPEN, *key)
            if rows:
                crashpoint(DispatchPoint.LEFT_BEHIND)
        return in_flight + lost

    async def record(self, conn: Conn, key: Key, lease: UUID, answers: Mapping[UUID, Answer]) -> None:
        """Write what became of effects that are still ours, under the campaign's lock."""
        if not answers:
            return
        rows = await conn.fetch(_DISPATCHED, *key, list(answers), lease)
        now = await conn.fetchval("SELECT clock_timestamp()")
        settled = {
            row["effect_id"]: after(answers[row["effect_id"]], _tried(row), self._capability(row["tool"]), now)
            for row in rows
        }
        await _write(conn, key, settled, lease=lease)

    async def lost(self, key: Key, decision: UUID, refused: str | None) -> None:
        """Look lost answers up, or give them up: `refused` says why nothing may leave any more, not even once more."""
        async with self.db.pool.acquire() as conn:
            rows = await conn.fetch(_LOST, *key, decision)
        settled: dict[UUID, Settled] = {}
        due: list[asyncpg.Record] = []
        for row in rows:
            tried, capability = _tried(row), self._capability(row["tool"])
            can = move(capability, tried, row["now"], sending=refused is None)
            if tried.evidence is not None or can is Move.ASK:
                settled[row["effect_id"]] = given_up(tried, refused or "no_more_repeats")
            elif can is Move.LOOK_UP and row["due"]:
                due.append(row)
        seen = await self._looked_up(due)
        if not settled and not seen:
            return
        async with self.db.pool.acquire() as conn, conn.transaction():
            now = await conn.fetchval(_LOCK, *key)
            asked = {row["effect_id"]: looked_up(seen[row["effect_id"]], _tried(row, 1), now) for row in due}
            lost = {row["effect_id"]: row["lost_at"] for row in rows}
            await _write(conn, key, settled, lost=lost)
            await _write(conn, key, asked, lost=lost, look_ups=1)
        crashpoint(DispatchPoint.LOOK_UP_RECORDED)

    async def _looked_up(self, rows: Sequence[asyncpg.Record]) -> dict[UUID, Seen]:
        seen: dict[UUID, Seen] = {}
        for name in {row["tool"] for row in rows}:
            asking = self.tools[name].search() if name in self.tools else None
            mine = [row["effect_id"] for row in rows if row["tool"] == name]
            if asking is None:
                seen |= dict.fromkeys(mine, Seen(Sight.UNCLEAR, "no_search"))
                continue
            async with asking as search:
                for nth, effect in enumerate(mine):
                    crashpoint(DispatchPoint.LOOKING_UP)
                    seen[effect] = await search.look_up(effect)
                    crashpoint(DispatchPoint.LOOKED_UP)
                    if seen[effect].away:  # the others would only wait as long for as little
                        seen |= dict.fromkeys(mine[nth:], seen[effect])
                        break
        return seen

    def _gone(self, row: asyncpg.Record) -> bool:
        if row["journal"] == self.journal.name:
            return row["lease"] not in self.in_hand
        return journal.writer_is_gone(self.journal.folder, row["journal"])

    def _capability(self, name: str) -> Capability:
        """What a tool promises; one that is no longer set up promises nothing."""
        if (tool := self.tools.get(name)) is not None:
            return tool.capability
        return Capability(
            tool=name, scopes=frozenset(), reversible=False, undo="", sandbox="", idempotency=Idempotency.NONE
        )


def from_journal(lines: Mapping[UUID, Found] | None, effect: UUID, gone: bool) -> Answer:
    """What a process that is gone (or past its lease) did with one effect, as far as its journal tells."""
    if lines is None:
        return Answer(EffectOutcome.UNKNOWN, "journal_missing", over=False)
    found = lines.get(effect)
    if found is None:
        return NEVER_BEGUN if gone else Answer(EffectOutcome.UNKNOWN, "sender_frozen", over=False)
    if found.trace is Trace.ENDED:
        if found.outcome == "again":
            return Answer(EffectOutcome.FAILED_DEFINITE, found.because, again=True)
        return Answer(EffectOutcome(found.outcome), found.because)
    return Answer(EffectOutcome.UNKNOWN, "killed_while_sending", over=gone)


def _tried(row: asyncpg.Record, look_ups: int = 0) -> Tried:
    return Tried(
        attempts=row["attempts"],
        first_dispatched_at=row["first_dispatched_at"],
        lost_at=row["lost_at"],
        evidence=row["evidence"],
        look_ups=row["look_ups"] + look_ups,
    )


async def _write(
    conn: Conn,
    key: Key,
    settled: Mapping[UUID, Settled],
    *,
    lease: UUID | None = None,
    lost: Mapping[UUID, datetime] | None = None,
    look_ups: int = 0,
) -> None:
    """Write to intents dispatched under `lease`, or to planned ones whose answer is still lost since then."""
    if not settled:
        return
    values = settled.values()
    seen = [(lost or {}).get(effect) for effect in settled]
    rows = await conn.fetch(
        _SETTLE, *key, list(settled), [one.state for one in values], [one.because for one in values],
        [one.not_before for one in values], [one.lost_at for one in values], [one.unused for one in values], lease,
        look_ups, seen,
    )  # fmt: skip
    back = [row for row in rows if row["state"] in ("planned", "skipped") and row["lost_at"] is None]
    if back:
        await touches.give_back(conn, key.tenant, [(row["recipient_hash"], row["touched_on"]) for row in back])
        await conn.execute(_UNSPEND, *key, sum(row["cost"] for row in back))
