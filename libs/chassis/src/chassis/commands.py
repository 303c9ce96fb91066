"""Commands from people and systems: the same claim, lock, load, decide and save as an event, answered at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis import dead_letters
from chassis.crashpoints import Point, crashpoint
from chassis.decision import Command, Decision, Key, Message, cause_of_command
from chassis.fold import Fold
from chassis.postgres import Database, Transaction
from chassis.telemetry import span
from contracts.event import Meta, Tenant
from contracts.framing import digest

_KNOWN = "SELECT body_hash, status, answer::text FROM command_log WHERE cause = $1"
_KEEP = "INSERT INTO command_log (cause, body_hash, status, answer) VALUES ($1, $2, $3, $4::jsonb)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told: an HTTP status and a JSON text."""

    status: int
    body: str


Reply = Callable[[Decision[Any, Any]], Answer]

_ANOTHER_BODY = '{"title": "this Idempotency-Key was used for another request", "fix": "send a new key"}'
_PARKED = (
    '{"title": "this campaign waits behind a dead letter", '
    '"fix": "see `handrail dead-letters list`; pause, cancel and kill go through"}'
)


@dataclass(frozen=True, slots=True)
class Commands:
    db: Database
    fold: Fold[Any, Any]

    async def handle(self, key: Key, command: Command, reply: Reply) -> Answer:
        """Decide about `command` once: a repeated key of the same actor gets the logged answer, another body 422."""
        cause = cause_of_command(key.tenant, self.db.service, command.actor.subject, command.command_id)
        body_hash = digest(type(command).__name__, str(key.campaign), command.model_dump_json())
        async with self.db.transaction() as tx:
            await tx.lock([key])
            if known := await tx.conn.fetchrow(_KNOWN, cause):
                if known["body_hash"] != body_hash:
                    return Answer(422, _ANOTHER_BODY)
                return Answer(known["status"], known["answer"])
            if not command.reduces_risk and await dead_letters.parked(tx.conn, [key]):
                return Answer(409, _PARKED)
            answer = await self._decide(tx, key, command, cause, reply)
            await tx.conn.execute(_KEEP, cause, body_hash, answer.status, answer.body)
            crashpoint(Point.COMMAND_DECIDED)
        crashpoint(Point.COMMAND_COMMITTED)
        return answer

    async def _decide(self, tx: Transaction, key: Key, command: Command, cause: UUID, reply: Reply) -> Answer:
        with span(type(command).__name__) as traceparent:
            meta = Meta(
                event_id=cause,
                tenant=Tenant(key.tenant),
                campaign_id=key.campaign,
                correlation_id=cause,
                causation_id=None,
                occurred_at=tx.now,
                source=self.db.source,
                source_id=str(cause),
                traceparent=traceparent(),
            )
            [decision] = await self.fold.messages(tx, [Message(meta, command)])
            return reply(decision)
