"""The doors over HTTP to the world's mail tools, three kinds of promise about a request that comes twice.

Every door wants `authorization: Bearer <token>` and takes a mail as JSON: `from`, `to`, `reply_to`, `subject`, `text`,
`html`, `headers`, `metadata`. A mail that was taken is answered with `{"id", "reference"}`; a refusal with `{"error"}`.

- `mail_api` (an idempotency key): `POST /mail_api/v1/mails` with the header `Idempotency-Key`. The same key and body:
  the first answer again; the same key and another body: 422 `key_reused`; while the first is being worked on: 409
  `in_progress`. A key is forgotten after its lifetime, and then the same request sends another mail. With
  `GET /mail_api/v1/mails?reference=KEY` as at `esp`.
- `journey` (an upsert): `PUT /journey/v1/messages/{external id}` makes a message, or replaces it: one mail leaves.
- `esp` (only a search): each `POST /esp/v1/mails` sends another mail; `reference` in its body is only a label.
  `GET /esp/v1/mails?reference=R` answers `{"mails": [{"id", "reference"}]}`, once the search knows of them.

429, and 503 with `Retry-After`, mean that nothing was taken.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from world import mail as mails
from world.faults import Fault, Faults
from world.ledger import Entry, Ledger
from world.mail import Received
from world.web import Reply, Request, Wire

MAIL_API, JOURNEY, ESP = "mail_api", "journey", "esp"
SEARCH = "search"
"""The door of a rule for what goes wrong with looking up."""
Take = Callable[[Received, str, str, str], Awaitable[None]]
"""Writes a mail of (tool, reference, request) down, on disk when it returns, and has its recipient react."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How the tools behave when nothing goes wrong, and how slow they are when it does."""

    key_lifetime: timedelta
    index_delay: timedelta
    slow_seconds: float
    late_seconds: float
    retry_after_seconds: int = 1


@dataclass(slots=True)
class Desk:
    """Answers every request to the three tools."""

    ledger: Ledger
    take: Take
    habits: Habits
    faults: Faults
    token: str
    replaced: int = 0
    replayed: int = 0
    _working: set[tuple[str, str]] = field(default_factory=set)
    _late: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "unauthorized")
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["mail_api", "v1", "mails"]:
                return await self._send(MAIL_API, request, request.headers.get("idempotency-key", ""))
            case "PUT", ["journey", "v1", "messages", external_id]:
                return await self._send(JOURNEY, request, external_id)
            case "POST", ["esp", "v1", "mails"]:
                return await self._send(ESP, request, _label(request.body))
            case "GET", [("mail_api" | "esp") as tool, "v1", "mails"]:
                return await self._search(tool, request.query.get("reference", ""))
            case _:
                return _error(404, "no_such_door")

    async def _send(self, tool: str, request: Request, reference: str) -> Reply:
        if not reference:
            return _error(400, "no_reference")
        try:
            mail = mails.from_json(request.body, f"<{tool}.{self.ledger.counts.mails + 1}.{reference}@world.example>")
        except ValueError as error:
            return _error(422, str(error))
        fault = self.faults.next(tool, reference, mail.address)
        match fault:
            case Fault.LATE:
                task = asyncio.create_task(self._later(tool, reference, request, mail))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
                return Reply(0, wire=Wire.RESET)
            case Fault.BUSY:
                return _error(429, "too_many", self.habits.retry_after_seconds)
            case Fault.UNAVAILABLE:
                return _error(503, "unavailable", self.habits.retry_after_seconds)
            case Fault.REFUSED:
                return _error(422, "refused")
            case Fault.LOCKED_OUT:
                return _error(401, "unauthorized")
            case Fault.SILENT:
                return _taken("forgotten", reference)
            case None:
                return await self._apply(tool, reference, request, mail)
            case _:
                if not fault.endswith("_before"):
                    await self._apply(tool, reference, request, mail)
                return await self._spoilt(fault, reference)

    async def _apply(self, tool: str, reference: str, request: Request, mail: Received) -> Reply:
        hashed = sha256(request.body).hexdigest()
        if (tool, reference) in self._working and tool != ESP:
            return _error(409, "in_progress", self.habits.retry_after_seconds)
        if (known := self._known(tool, reference)) is not None:
            if tool == MAIL_API and known.request != hashed:
                return _error(422, "key_reused")
            self.replayed += tool == MAIL_API
            self.replaced += tool == JOURNEY
            return _taken(known.id, reference)
        if self.ledger.full:
            return _error(503, "full", 60)
        self._working.add((tool, reference))
        try:
            await self.take(mail, tool, reference, hashed)
        finally:
            self._working.discard((tool, reference))
        return _taken(mail.message_id, reference)

    def _known(self, tool: str, reference: str) -> Entry | None:
        """The mail for which the tool takes this request, rather than for a new one."""
        entries = self.ledger.known(tool, reference)
        if not entries or tool == ESP:
            return None
        if tool == MAIL_API and datetime.now(UTC) - entries[-1].at >= self.habits.key_lifetime:
            return None
        return entries[-1]

    async def _later(self, tool: str, reference: str, request: Request, mail: Received) -> None:
        if (tool, reference) in self._working:
            return
        self._working.add((tool, reference))
        try:
            await asyncio.sleep(self.habits.late_seconds)
        finally:
            self._working.discard((tool, reference))
        await self._apply(tool, reference, request, mail)

    async def _spoilt(self, fault: Fault, reference: str) -> Reply:
        what = fault.removesuffix("_before").removesuffix("_after")
        match what:
            case "reset":
                return Reply(0, wire=Wire.RESET)
            case "eof":
                return Reply(0, wire=Wire.CLOSED)
            case "slow":
                await asyncio.sleep(self.habits.slow_seconds)
                return Reply(0, wire=Wire.CLOSED)
            case "error":
                return _error(500, "broken")
            case "garbage":
                return Reply(200, b"<html>It works!</html>", {"content-type": "text/html"})
            case _:
                return _taken("somebody-elses", f"not-{reference}")

    async def _search(self, tool: str, reference: str) -> Reply:
        """Mails under a reference that the index knows by now."""
        if not reference:
            return _error(400, "no_reference")
        fault = self.faults.next(SEARCH, f"{tool}:{reference}", "")
        if fault is Fault.BUSY:
            return _error(429, "too_many", self.habits.retry_after_seconds)
        if fault is not None:
            return await self._spoilt(fault, reference)
        seen = datetime.now(UTC) - self.habits.index_delay
        found = [one for one in self.ledger.known(tool, reference) if one.at <= seen]
        listed = {"mails": [{"id": one.id, "reference": reference} for one in found]}
        return Reply(200, json.dumps(listed).encode())


def _label(body: bytes) -> str:
    try:
        said = json.loads(body)
        return str(said["reference"])
    except (ValueError, KeyError, TypeError):
        return ""


def _taken(mail_id: str, reference: str) -> Reply:
    return Reply(200, json.dumps({"id": mail_id, "reference": reference}).encode())


def _error(status: int, error: str, retry_after: int | None = None) -> Reply:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Reply(status, json.dumps({"error": error}).encode(), headers)
