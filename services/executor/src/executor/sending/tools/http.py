"""Mail tools over HTTP: one request, never retried here, and what its answer or the lack of one says of the mail."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from ssl import SSLContext
from uuid import UUID

import httpx

from contracts.actions import EffectOutcome
from executor.preparing.mail import arguments, checked_line, list_headers
from executor.sending.tools.port import Answer, Outgoing, Seen, Sight

LARGEST_ANSWER = 65536
LONGEST_WAIT = timedelta(minutes=15)
"""However long a tool asks us to wait."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where a tool is, and who we are there. The token is read for each request, so that it can be changed."""

    base_url: str
    token_file: Path
    timeout_seconds: float = 20
    trust: SSLContext = field(default_factory=lambda: httpx.create_ssl_context(trust_env=False))


@dataclass(frozen=True, slots=True)
class Said:
    """A whole answer; `body` is None when it was no JSON object."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, object] | None

    @property
    def wait(self) -> timedelta | None:
        """Of `Retry-After` in seconds; a date is not read."""
        seconds = self.headers.get("retry-after", "")
        return min(timedelta(seconds=int(seconds)), LONGEST_WAIT) if seconds.isdigit() and len(seconds) < 9 else None


class Unreached(Exception):
    """No byte of the request left."""


class Lost(Exception):
    """The request may have arrived, and its answer did not."""


class Unarmed(Exception):
    """We have no token to show."""


class HttpLine:
    """One connection to a tool, made anew by the client after a failure."""

    def __init__(self, account: Account, client: httpx.AsyncClient) -> None:
        self._account, self._client = account, client

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Said:
        """One request. Raises Unreached, Lost or Unarmed."""
        try:
            token = self._account.token_file.read_text().strip()
        except OSError as error:
            raise Unarmed from error
        sent = {"authorization": f"Bearer {token}", "content-type": "application/json", **(headers or {})}
        try:
            async with asyncio.timeout(2 * self._account.timeout_seconds):  # an answer that dribbles in has an end too
                async with self._client.stream(method, path, headers=sent, content=body) as answer:
                    return Said(answer.status_code, answer.headers, await _read(answer))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            raise Unreached from error
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, OSError) as error:
            raise Lost from error


@asynccontextmanager
async def connected(account: Account) -> AsyncIterator[HttpLine]:
    """A connection that knows no proxy of the environment, follows nobody elsewhere and repeats nothing."""
    async with httpx.AsyncClient(
        base_url=account.base_url,
        verify=account.trust,
        timeout=account.timeout_seconds,
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
    ) as client:
        yield HttpLine(account, client)


async def hand_over(
    line: HttpLine, effect: UUID, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes
) -> Answer:
    """Send one mail, and say what became of it."""
    try:
        said = await line.ask(method, path, headers=headers, body=body)
    except Unarmed:
        return _unwelcome("no_token")
    except Unreached:
        return Answer(EffectOutcome.FAILED_DEFINITE, "not_reached", again=True, away=True)
    except Lost:
        return Answer(EffectOutcome.UNKNOWN, "answer_lost")
    return answered(said, effect)


def answered(said: Said, effect: UUID) -> Answer:
    """What an answer proves. These tools document 429, and 503 with `Retry-After`, as having taken nothing."""
    match said.status:
        case 200 | 201 | 202:
            reference = None if said.body is None else said.body.get("reference")
            if reference == str(effect):
                return Answer(EffectOutcome.SUCCEEDED, "accepted")
            because = "answer_unreadable" if reference is None else "answer_about_another"
            return Answer(EffectOutcome.UNKNOWN, because)
        case 401 | 403 | 404 | 405:  # at an address of our own settings: whoever the recipient is
            return _unwelcome(f"refused_{said.status}")
        case 409:
            return Answer(EffectOutcome.UNKNOWN, "in_progress", wait=said.wait)
        case 429:
            return Answer(EffectOutcome.FAILED_DEFINITE, "busy_429", again=True, away=True, wait=said.wait)
        case 503 if said.wait is not None:
            return Answer(EffectOutcome.FAILED_DEFINITE, "busy_503", again=True, away=True, wait=said.wait)
        case 422 if said.body is not None and said.body.get("error") == "key_reused":
            return Answer(EffectOutcome.UNKNOWN, "key_reused", futile=True)
        case 400 | 422:
            return Answer(EffectOutcome.FAILED_DEFINITE, f"refused_{said.status}")
        case _:
            return Answer(EffectOutcome.UNKNOWN, f"error_{said.status}")


async def searched(line: HttpLine, effect: UUID, path: str) -> Seen:
    """Ask for the mails under our reference. Absent only when the tool says so, and of nothing else."""
    try:
        said = await line.ask("GET", f"{path}?reference={effect}")
    except (Unarmed, Unreached, Lost) as error:
        return Seen(Sight.UNCLEAR, type(error).__name__.lower(), away=True)
    mails = None if said.status != 200 or said.body is None else said.body.get("mails")
    if not isinstance(mails, list):
        return Seen(Sight.UNCLEAR, f"answer_{said.status}", said.wait)
    references = {one.get("reference") if isinstance(one, dict) else None for one in mails}
    if references - {str(effect)}:
        return Seen(Sight.UNCLEAR, "answer_about_another")
    return Seen(Sight.FOUND if references else Sight.ABSENT, "looked_up")


def as_json(mail: Outgoing) -> bytes:
    """The mail as these tools take it: they sign it, we say how to leave the list and what to echo in reports.

    Raises ValueError for a subject or address that no mail can carry.
    """
    checked_line("Subject", mail.rendered.subject)
    checked_line("To", mail.envelope.address)
    said = {
        "from": f"{mail.sender.from_name} <{mail.sender.from_address}>",
        "to": mail.envelope.address,
        "reply_to": mail.sender.reply_to,
        "subject": mail.rendered.subject,
        "text": mail.rendered.text,
        "html": mail.rendered.html,
        "reference": str(mail.envelope.effect),
        "headers": list_headers(mail.envelope),
        "metadata": arguments(mail.envelope),
    }
    return json.dumps(said, sort_keys=True).encode()


def _unwelcome(because: str) -> Answer:
    return Answer(EffectOutcome.FAILED_DEFINITE, because, again=True, away=True, unwelcome=True)


async def _read(answer: httpx.Response) -> Mapping[str, object] | None:
    raw = b""
    async for chunk in answer.aiter_bytes():
        raw += chunk
        if len(raw) > LARGEST_ANSWER:
            return None
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
