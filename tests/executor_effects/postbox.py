"""A real SMTP server in its own thread: it takes mail, refuses it, or goes away in the middle, as each address says."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from handrail.local import ports


@dataclass
class Postbox:
    """What arrived, and how each address is answered. `taken` is the outside's own ledger: it never forgets."""

    port: int
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    at_rcpt: dict[str, list[str]] = field(default_factory=dict)
    """Answers to give at RCPT, one after the other; then 250."""
    at_data: dict[str, str] = field(default_factory=dict)
    """The answer after the final dot."""
    lose: set[str] = field(default_factory=set)
    """Takes the mail, and hangs up before it answers."""
    hold: set[str] = field(default_factory=set)
    """Takes the mail, and answers only once `release` is set."""
    held: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    release: threading.Event = field(default_factory=threading.Event)
    asked: Counter[str] = field(default_factory=Counter)
    """RCPT commands by address."""

    def count(self) -> Counter[str]:
        return Counter(address for address, _ in self.taken)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked[address] += 1
        if answers := self.at_rcpt.get(address):
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        [address] = envelope.rcpt_tos
        refusal = self.at_data.get(address)
        if refusal is not None:
            return refusal
        assert isinstance(envelope.original_content, bytes)
        self.taken.append((address, envelope.original_content))
        if address in self.lose:
            assert server.transport is not None
            server.transport.close()
        if address in self.hold:
            self.held.release()
            await asyncio.get_running_loop().run_in_executor(None, self.release.wait)
        return "250 taken"


@contextmanager
def postbox() -> Iterator[Postbox]:
    [port] = ports.free(1)
    box = Postbox(port)
    controller = Controller(box, hostname="127.0.0.1", port=port, server_hostname="mx.example")
    controller.start()
    try:
        yield box
    finally:
        box.release.set()
        controller.stop()
