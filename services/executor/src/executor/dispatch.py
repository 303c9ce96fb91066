"""Sends what the guard permits, and knows afterwards what became of it, whatever happened in between."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import asyncpg

from chassis.crashpoints import crashpoint
from chassis.decision import Key
from chassis.plans import Plans
from chassis.postgres import Conn, Database
from chassis.tasks import Leased
from contracts.actions import Effect, EffectOutcome
from contracts.plan import Plan
from executor import guard, journal
from executor.effects import Dispatch, Dispatched
from executor.guard import LATER, LEASE, Permit, Permitted
from executor.journal import Journal, Trace
from executor.mail import Envelope, Stamp, compose
from executor.refusal import Refused
from executor.sends import Sends
from executor.smtp import Answer, Line, SmtpTool
from executor.unsubscribe import Link, token


class DispatchPoint(StrEnum):
    """Where a proof may end the process that sends: around the guard, the tool's call and its record."""

    PERMITTED = "dispatch.permitted"
    BEGUN = "dispatch.begun"
    ANSWERED = "dispatch.answered"
    OUTCOME = "dispatch.outcome"
    RECORDED = "dispatch.recorded"


LINES = 4
"""Connections used at once: at most so many answers can be lost by one kill."""
ATTEMPTS = 3
MARGIN_SECONDS = 60.0
"""No mail is begun in the last minute of a lease."""

_LEFT_BEHIND = """
SELECT effect_id, decision_id, lease, journal, evidence, leased_until < clock_timestamp() AS expired
  FROM effect_intent WHERE (tenant, campaign_id) = ($1, $2) AND state = 'dispatched'
"""
_OUTCOME = """
UPDATE effect_intent AS i
   SET state = CASE WHEN row.state = 'unknown' AND i.evidence IS NOT NULL THEN 'succeeded' ELSE row.state END,
       because = CASE WHEN row.state = 'unknown' AND i.evidence IS NOT NULL THEN 'evidence_' || i.evidence
                      ELSE row.because END,
       lease = NULL, leased_until = NULL, not_before = row.not_before,
       attempts = i.attempts - row.unused,
       first_dispatched_at = CASE WHEN row.state NOT IN ('planned', 'skipped') THEN i.first_dispatched_at END
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $8::int[])
       AS row (effect_id, state, because, not_before, unused)
 WHERE (i.tenant, i.campaign_id) = ($1, $2) AND i.effect_id = row.effect_id AND i.state = 'dispatched' AND i.lease = $7
RETURNING i.recipient_hash, i.state, i.touched_on, i.cost
"""
_ATTEMPTS = """
SELECT effect_id, attempts FROM effect_intent
 WHERE (tenant, campaign_id) = ($1, $2) AND effect_id = ANY($3::uuid[]) AND state = 'dispatched'
"""
_LOCK = "SELECT 1 FROM campaign WHERE (tenant, campaign_id) = ($1, $2) FOR UPDATE"
_UNTOUCH = """
UPDATE touch SET count = count - 1 WHERE (tenant, recipient_hash, day) = ($1, $2, $3) AND count > 0
"""
_UNSPEND = "UPDATE campaign_guard SET spent = greatest(0, spent - $3) WHERE (tenant, campaign_id) = ($1, $2)"
_UNREPORTED = """
SELECT effect_id, recipient_hash, recipient_domain, variant, state, because
  FROM effect_intent
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3) AND NOT reported
   AND state IN ('succeeded', 'failed_definite', 'unknown', 'skipped')
 ORDER BY position
 LIMIT 500
"""
_LEFT = """
SELECT count(*) FILTER (WHERE wave = $4) AS size,
       count(*) FILTER (WHERE wave = $4 AND state IN ('planned', 'dispatched')) AS wave,
       count(*) FILTER (WHERE state IN ('planned', 'dispatched')) AS send,
       min(not_before) FILTER (WHERE wave = $4 AND state = 'planned') AS soonest,
       count(*) FILTER (WHERE wave = $4 AND state = 'planned'
                          AND (not_before IS NULL OR not_before <= clock_timestamp())) AS ready,
       clock_timestamp() AS now
  FROM effect_intent
 WHERE (tenant, campaign_id, decision_id) = ($1, $2, $3) AND state <> 'abandoned'
"""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    db: Database
    sends: Sends
    tool: SmtpTool
    stamp: Stamp
    journal: Journal
    public_url: str
    unsubscribe_key: bytes
    plans: Plans
    in_hand: set[UUID] = field(default_factory=set)
    """Leases that this process works on: any other of its own was left behind by a run that failed."""

    async def work(self, leased: Leased) -> Dispatched:
        """One run: settle what a dead process left, then send up to 50, then say what became of all."""
        task: Dispatch = leased.body
        key = leased.key
        plan = await self.plan(key, task.plan_version)
        await self.settle_left_behind(key)
        refused: Refused | None = None
        try:
            permitted = await guard.permit(self.db, self.sends, key, task, plan, self.journal.name)
            crashpoint(DispatchPoint.PERMITTED)
            self.in_hand.add(permitted.lease)
            try:
                await self._send_all(key, task, permitted)
            finally:
                self.in_hand.discard(permitted.lease)
        except Refused as no:
            refused = no
        async with self.db.pool.acquire() as conn:
            return await self._said(conn, key, task, refused)

    async def plan(self, key: Key, version: int) -> Plan:
        async with self.db.pool.acquire() as conn:
            return (await self.plans.load(conn, [key]))[key][version].plan

    async def settle_left_behind(self, key: Key) -> int:
        """Settle dispatched intents whose process is gone, by its journal; returns how many are still in flight."""
        in_flight = 0
        async with self.db.pool.acquire() as conn, conn.transaction():
            await conn.execute(_LOCK, key.tenant, key.campaign)
            rows = await conn.fetch(_LEFT_BEHIND, key.tenant, key.campaign)
            for row in rows:
                mine = row["journal"] == self.journal.name
                gone = (
                    row["lease"] not in self.in_hand
                    if mine
                    else journal.writer_is_gone(self.journal.folder, row["journal"])
                )
                if not gone and not row["expired"]:
                    in_flight += 1
                    continue
                answer = _from_journal(self.journal, row, gone)
                await self._record(conn, key, row["lease"], {row["effect_id"]: answer})
        return in_flight

    async def _send_all(self, key: Key, task: Dispatch, permitted: Permit) -> None:
        queue = list(reversed(permitted.mails))
        stopped = ""
        answers: dict[UUID, Answer] = {}
        deadline = asyncio.get_running_loop().time() + LEASE.total_seconds() - MARGIN_SECONDS

        async def line() -> None:
            nonlocal stopped
            async with self.tool.connection() as open_line:
                while queue and not stopped:
                    if asyncio.get_running_loop().time() > deadline:
                        stopped = "too_slow"
                        return
                    one = queue.pop()
                    async with self.db.pool.acquire() as conn:
                        because = await guard.still(conn, key, task, permitted.lease, one)
                    if because == "suppressed":
                        answers[one.effect_id] = Answer(EffectOutcome.SKIPPED, because)
                    elif because is not None:
                        stopped = because
                        queue.append(one)
                    else:
                        answer = answers[one.effect_id] = await self._send(open_line, key, one, permitted)
                        stopped = stopped or (answer.because if answer.away else "")

        ended = await asyncio.gather(*(line() for _ in range(min(LINES, len(queue)))), return_exceptions=True)
        for one in queue:
            answers[one.effect_id] = Answer(EffectOutcome.FAILED_DEFINITE, stopped, again=True, away=True)
        async with self.db.pool.acquire() as conn, conn.transaction():
            await conn.execute(_LOCK, key.tenant, key.campaign)
            await self._record(conn, key, permitted.lease, answers)
            crashpoint(DispatchPoint.OUTCOME)
        crashpoint(DispatchPoint.RECORDED)
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _send(self, line: Line, key: Key, one: Permitted, permitted: Permit) -> Answer:
        try:
            mail = compose(one.rendered, self._envelope(key, one, permitted), self.sends.sender, self.stamp)
        except ValueError:
            return Answer(EffectOutcome.FAILED_DEFINITE, "not_a_mail")
        self.journal.begin(one.intent)
        crashpoint(DispatchPoint.BEGUN)
        answer = await line.send(one.address, mail)
        crashpoint(DispatchPoint.ANSWERED)
        self.journal.end(one.effect_id, "again" if answer.again else answer.outcome.value, answer.because)
        return answer

    def _envelope(self, key: Key, one: Permitted, permitted: Permit) -> Envelope:
        return Envelope(
            tenant=key.tenant,
            campaign=key.campaign,
            effect=one.effect_id,
            recipient_hash=one.recipient_hash,
            address=one.address,
            unsubscribe_url=self.unsubscribe_url(key, one.recipient_hash, one.address.rpartition("@")[2]),
            at=permitted.at,
        )

    def unsubscribe_url(self, key: Key, recipient: str, domain: str) -> str:
        """The link of one recipient in one campaign."""
        link = Link(key.tenant, key.campaign, recipient, domain)
        return f"{self.public_url}/u/{token(link, self.unsubscribe_key)}"

    async def _record(self, conn: Conn, key: Key, lease: UUID, answers: dict[UUID, Answer]) -> None:
        """Write what became of effects that are still ours."""
        if not answers:
            return
        tried = {row["effect_id"]: row["attempts"] for row in await _attempts(conn, key, list(answers))}
        now = await conn.fetchval("SELECT clock_timestamp()")
        states, becauses, later, unused = [], [], [], []
        for effect, answer in answers.items():
            attempts = tried.get(effect, ATTEMPTS)
            again = answer.again and (answer.away or attempts < ATTEMPTS)
            states.append("planned" if again else answer.outcome.value)
            becauses.append(answer.because)
            later.append(now + (LATER if answer.away else timedelta(seconds=2**attempts)) if again else None)
            unused.append(int(answer.away))
        rows = await conn.fetch(
            _OUTCOME, key.tenant, key.campaign, list(answers), states, becauses, later, lease, unused
        )
        back = sorted(
            (row["recipient_hash"], row["touched_on"], row["cost"])
            for row in rows
            if row["state"] in ("planned", "skipped")
        )
        if back:
            await conn.executemany(_UNTOUCH, [(key.tenant, person, day) for person, day, _ in back])
            await conn.execute(_UNSPEND, key.tenant, key.campaign, sum(cost for _, _, cost in back))

    async def _said(self, conn: Conn, key: Key, task: Dispatch, refused: Refused | None) -> Dispatched:
        # In this order: what another run settles in between is told, and the wave is not yet called done.
        left = await conn.fetchrow(_LEFT, key.tenant, key.campaign, task.decision_id, task.wave)
        rows = await conn.fetch(_UNREPORTED, key.tenant, key.campaign, task.decision_id)
        assert left is not None
        retry_at = None
        if refused is not None and refused.retry:
            retry_at = left["now"] + LATER
        elif left["wave"] and not left["ready"]:
            retry_at = left["soonest"] or left["now"] + LATER
        return Dispatched(
            decision_id=task.decision_id,
            grant_id=task.grant_id,
            wave=task.wave,
            wave_size=left["size"],
            effects=tuple(_effect(row) for row in rows),
            left_in_wave=left["wave"],
            left_in_send=left["send"],
            refused=refused.because if refused else None,
            retry_at=retry_at,
        )


def _from_journal(own: Journal, row: asyncpg.Record, gone: bool) -> Answer:
    """What a process that is gone (or past its lease) did with one effect, as far as its journal tells."""
    lines = journal.read(own.folder, row["journal"])
    if lines is None:
        return _uncertain(row, "journal_missing")
    found = lines.get(row["effect_id"])
    if found is None:
        if not gone:  # it may still wake up and send
            return _uncertain(row, "sender_frozen")
        return Answer(EffectOutcome.FAILED_DEFINITE, "never_begun", again=True, away=True)
    if found.trace is Trace.ENDED:
        if found.outcome == "again":
            return Answer(EffectOutcome.FAILED_DEFINITE, found.because, again=True)
        return Answer(EffectOutcome(found.outcome), found.because)
    return _uncertain(row, "killed_while_sending")


def _uncertain(row: asyncpg.Record, because: str) -> Answer:
    if row["evidence"] is not None:
        return Answer(EffectOutcome.SUCCEEDED, f"evidence_{row['evidence']}")
    return Answer(EffectOutcome.UNKNOWN, because)


async def _attempts(conn: Conn, key: Key, effects: Sequence[UUID]) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await conn.fetch(_ATTEMPTS, key.tenant, key.campaign, list(effects))
    return rows


def _effect(row: asyncpg.Record) -> Effect:
    return Effect(
        effect_id=row["effect_id"],
        recipient_hash=row["recipient_hash"],
        recipient_domain=row["recipient_domain"],
        variant=row["variant"],
        outcome=EffectOutcome(row["state"]),
        because=row["because"] or "none",
    )
