"""A mail API with idempotency keys (class K): the effect's id is the key, so a lost answer is asked for again."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from contracts.plan import ActionClass
from executor.sending.tools.http import Account, HttpLine, as_json, connected, hand_over, searched
from executor.sending.tools.port import Answer, Capability, Idempotency, Line, Outgoing, Search, Seen

NAME = "mail_api"
PATH = "/v1/mails"
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class MailApi:
    account: Account
    key_lifetime: timedelta
    settle_window: timedelta | None = None
    """Where the provider can also be searched by our reference: what is left once a key has been forgotten."""

    @property
    def capability(self) -> Capability:
        return Capability(
            tool=NAME,
            scopes=frozenset({ActionClass.PUBLISH}),
            reversible=False,
            undo="none: a correction is another mail",
            sandbox="EXECUTOR_SANDBOX: nothing leaves, same code",
            idempotency=Idempotency.KEY,
            key_lifetime=self.key_lifetime,
            key_margin=min(MARGIN, self.key_lifetime / 4),
            settle_window=self.settle_window,
        )

    def prepare(self, mail: Outgoing) -> bytes:
        return as_json(mail)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Line]:
        async with connected(self.account) as line:
            yield _Line(line)

    def search(self) -> AbstractAsyncContextManager[Search] | None:
        return None if self.settle_window is None else self._search()

    @asynccontextmanager
    async def _search(self) -> AsyncIterator[Search]:
        async with connected(self.account) as line:
            yield _Line(line)


@dataclass(frozen=True, slots=True)
class _Line:
    line: HttpLine

    async def send(self, effect: UUID, address: str, body: bytes) -> Answer:
        key = {"idempotency-key": str(effect)}
        return await hand_over(self.line, effect, "POST", PATH, headers=key, body=body)

    async def look_up(self, effect: UUID) -> Seen:
        return await searched(self.line, effect, PATH)
