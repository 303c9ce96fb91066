"""A tool of which nothing leaves: everything before it and after it is the same code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from contracts.actions import EffectOutcome
from executor.sending.tools.port import Answer, Capability, Line, Outgoing, Tool


@dataclass(frozen=True, slots=True)
class Sandboxed:
    tool: Tool

    @property
    def capability(self) -> Capability:
        return self.tool.capability

    def prepare(self, mail: Outgoing) -> bytes:
        return self.tool.prepare(mail)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Line]:
        yield _Nowhere()

    def search(self) -> None:
        return None


class _Nowhere:
    async def send(self, effect: UUID, address: str, body: bytes) -> Answer:
        return Answer(EffectOutcome.SUCCEEDED, "sandbox")
