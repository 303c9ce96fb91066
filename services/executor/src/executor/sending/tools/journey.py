"""A journey platform that upserts by external id (class U): one message per effect, however often it is put there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from contracts.plan import ActionClass
from executor.sending.tools.http import Account, HttpLine, as_json, connected, hand_over
from executor.sending.tools.port import Answer, Capability, Idempotency, Line, Outgoing

NAME = "journey"


@dataclass(frozen=True, slots=True)
class Journey:
    account: Account

    @property
    def capability(self) -> Capability:
        return Capability(
            tool=NAME,
            scopes=frozenset({ActionClass.PUBLISH}),
            reversible=False,
            undo="none: a message that was put has left",
            sandbox="EXECUTOR_SANDBOX: nothing leaves, same code",
            idempotency=Idempotency.UPSERT,
        )

    def prepare(self, mail: Outgoing) -> bytes:
        return as_json(mail)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Line]:
        async with connected(self.account) as line:
            yield _Line(line)

    def search(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Line:
    line: HttpLine

    async def send(self, effect: UUID, address: str, body: bytes) -> Answer:
        return await hand_over(self.line, effect, "PUT", f"/v1/messages/{effect}", body=body)
