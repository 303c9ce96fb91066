"""A mail provider that can only be searched by our reference (class L): after a lost answer it is asked first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from contracts.plan import ActionClass
from executor.sending.tools.http import Account, HttpLine, as_json, connected, hand_over, searched
from executor.sending.tools.port import Answer, Capability, Idempotency, Line, Outgoing, Search, Seen

NAME = "esp"
PATH = "/v1/mails"


@dataclass(frozen=True, slots=True)
class Esp:
    account: Account
    settle_window: timedelta

    @property
    def capability(self) -> Capability:
        return Capability(
            tool=NAME,
            scopes=frozenset({ActionClass.PUBLISH}),
            reversible=False,
            undo="none: a correction is another mail",
            sandbox="EXECUTOR_SANDBOX: nothing leaves, same code",
            idempotency=Idempotency.LOOK_UP,
            settle_window=self.settle_window,
        )

    def prepare(self, mail: Outgoing) -> bytes:
        return as_json(mail)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Line]:
        async with connected(self.account) as line:
            yield _Line(line)

    @asynccontextmanager
    async def search(self) -> AsyncIterator[Search]:
        async with connected(self.account) as line:
            yield _Line(line)


@dataclass(frozen=True, slots=True)
class _Line:
    line: HttpLine

    async def send(self, effect: UUID, address: str, body: bytes) -> Answer:
        return await hand_over(self.line, effect, "POST", PATH, body=body)

    async def look_up(self, effect: UUID) -> Seen:
        return await searched(self.line, effect, PATH)
