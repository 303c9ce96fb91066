"""The world: takes mail at every door, keeps its ledger, and has people react to it."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
from aiosmtpd.smtp import SMTP, Envelope, Session

from world import mail as mails
from world.browser import Browser
from world.config import Config
from world.crm import Booking, Crm
from world.desk import Desk
from world.door import Door
from world.faults import Fault, Faults
from world.ledger import SMTP as SMTP_TOOL
from world.ledger import Ledger
from world.mail import Received
from world.people import Does, reactions
from world.provider import KINDS, Provider, Report

PENDING_LIMIT = 50_000
"""Reactions that may wait; beyond, no mail is taken until some are gone."""


class Outside:
    """Handler of the SMTP server; one per process."""

    def __init__(self, config: Config, client: httpx.AsyncClient) -> None:
        self._config = config
        self._dns = mails.dns_of(config.dkim_record)
        self.ledger = Ledger(config.ledger)
        self.provider = Door(
            "the webhook", Provider(config.monitor, config.sendgrid_key).call, client, random.Random(f"{config.seed}|p")
        )
        self.crm = Door(
            "the events door", Crm(config.monitor, config.token_file).call, client, random.Random(f"{config.seed}|c")
        )
        self.browser = Browser(client, config.resolve)
        self.faults = Faults(config.seed, config.faults)
        self.desk = Desk(self.ledger, self._take, config.habits, self.faults, config.api_token)
        self._one_at_a_time = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        return self.provider.pending + self.crm.pending + self.browser.waiting

    # aiosmtpd calls handlers by these names.
    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if any(one.door in (SMTP_TOOL, "*") and one.kind is Fault.LOCKED_OUT for one in self.faults.rules):
            return "550 5.7.1 this sender is not welcome"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.ledger.full or self.pending > PENDING_LIMIT:
            return "452 4.3.1 too much mail, try again later"
        raw = envelope.original_content or b""
        fault = None
        for address in envelope.rcpt_tos:
            received = await asyncio.to_thread(mails.read, raw, address, self._dns)
            fault = fault or self.faults.next(SMTP_TOOL, received.effect_id, address)
            if fault is None or fault.endswith("_after"):
                await self._take(received, SMTP_TOOL)
        return "250 2.0.0 taken" if fault is None else await self._spoilt(fault, server)

    async def _spoilt(self, fault: Fault, server: SMTP) -> str:
        match fault:
            case Fault.BUSY | Fault.UNAVAILABLE | Fault.LATE:
                return "451 4.3.2 too busy, try again later"
            case Fault.REFUSED | Fault.LOCKED_OUT:
                return "554 5.7.1 not taken"
            case Fault.SILENT | Fault.WRONG_ID_BEFORE | Fault.WRONG_ID_AFTER:
                return "250 2.0.0 taken as another"
            case Fault.GARBAGE_BEFORE | Fault.GARBAGE_AFTER:
                return "It works!"
            case Fault.SLOW_BEFORE | Fault.SLOW_AFTER:
                await asyncio.sleep(self._config.habits.slow_seconds)
            case _:
                pass
        if isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return "421 4.3.2 gone"

    async def _take(self, received: Received, tool: str, reference: str = "", request: str = "") -> None:
        async with self._one_at_a_time:
            await asyncio.to_thread(self.ledger.append, received, tool, reference, request)
        self._react(received)

    def summary(self) -> Mapping[str, object]:
        """The ledger and the reports, in numbers."""
        counts = self.ledger.counts
        return {
            "mails": counts.mails,
            "recipients": len(counts.by_address),
            "most_mails_to_one_recipient": max(counts.by_address.values(), default=0),
            "effects": len(counts.by_effect),
            "dkim_failed": counts.dkim_failed,
            "without_one_click": counts.without_one_click,
            "by_domain": dict(counts.by_domain.most_common(100)),
            "by_tool": dict(counts.by_tool),
            "faults": dict(self.faults.met),
            "replayed": self.desk.replayed,
            "replaced": self.desk.replaced,
            "pending": self.pending,
            "reports": {
                door.name: {
                    "taken": door.taken,
                    "repeated": door.repeated,
                    "refused": door.refused,
                    "attempts": door.attempts,
                    "pending": door.pending,
                    "last_refusal": door.last_refusal,
                }
                for door in (self.provider, self.crm)
            },
            "unsubscribed": self.browser.left,
            "unsubscribe_failed": self.browser.failed,
        }

    def _react(self, received: Received) -> None:
        if not received.traceable:
            return
        now = datetime.now(UTC)
        for reaction in reactions(
            self._config.seed, received.address, self._config.dead_domains, authentic=received.dkim is not False
        ):
            wait = reaction.after_seconds * self._config.pace
            at = now + timedelta(seconds=wait)
            if reaction.does in KINDS:
                self.provider.report(Report(received, reaction.does, at), wait)
            elif reaction.does is Does.BOOKS_DEMO:
                self.crm.report(Booking(received, at), wait)
            elif received.unsubscribe_url:
                task = asyncio.create_task(self.browser.unsubscribe(received.unsubscribe_url, wait))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
