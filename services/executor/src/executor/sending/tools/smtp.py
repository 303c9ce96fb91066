"""SMTP, which knows no key and no look-up, so that a lost answer is never repeated (class N)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import aiosmtplib

from contracts.actions import EffectOutcome
from contracts.plan import ActionClass
from executor.preparing.mail import Stamp, compose
from executor.sending.tools.port import Answer, Capability, Idempotency, Outgoing
from executor.sending.tools.port import Line as MailLine

NAME = "smtp"
SMTP = Capability(
    tool=NAME,
    scopes=frozenset({ActionClass.PUBLISH}),
    reversible=False,
    undo="none: a correction is another mail",
    sandbox="EXECUTOR_SANDBOX: nothing leaves, same code",
    idempotency=Idempotency.NONE,
)


@dataclass(frozen=True, slots=True)
class SmtpTool:
    host: str
    port: int
    from_address: str
    stamp: Stamp
    timeout_seconds: float = 20

    @property
    def capability(self) -> Capability:
        return SMTP

    def prepare(self, mail: Outgoing) -> bytes:
        return compose(mail.rendered, mail.envelope, mail.sender, self.stamp)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[MailLine]:
        """One connection for several mails; opened when the first is sent."""
        line = Line(self)
        try:
            yield line
        finally:
            await line.close()

    def search(self) -> None:
        return None


class Line:
    """One SMTP connection, made anew after a failure."""

    def __init__(self, tool: SmtpTool) -> None:
        self._tool = tool
        self._client: aiosmtplib.SMTP | None = None

    async def send(self, effect: UUID, address: str, body: bytes) -> Answer:
        """Hand over one mail. Whatever is lost once its text was on the way is UNKNOWN, never tried again."""
        recipient = _ascii(address)
        if recipient is None:
            return Answer(EffectOutcome.FAILED_DEFINITE, "address_not_ascii")
        try:
            client = await self._connected()
            await client.mail(self._tool.from_address)
        except aiosmtplib.SMTPResponseException as error:
            await self.close()
            unwelcome = 500 <= error.code < 600  # it does not want us, whoever the recipient is
            because = f"refused_us_{error.code}" if unwelcome else "not_reached"
            return Answer(EffectOutcome.FAILED_DEFINITE, because, again=True, away=True, unwelcome=unwelcome)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):  # whatever it is, it is not the recipient
            await self.close()
            return Answer(EffectOutcome.FAILED_DEFINITE, "not_reached", again=True, away=True)
        try:
            await client.rcpt(recipient)
        except aiosmtplib.SMTPResponseException as error:
            await self._reset()
            if 500 <= error.code < 600:
                return Answer(EffectOutcome.FAILED_DEFINITE, f"refused_{error.code}")
            return Answer(EffectOutcome.FAILED_DEFINITE, f"busy_{error.code}", again=True)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            await self.close()
            return Answer(EffectOutcome.FAILED_DEFINITE, "not_reached", again=True, away=True)
        try:
            await client.data(body)
        except aiosmtplib.SMTPDataError as error:
            if 400 <= error.code < 500:
                return Answer(EffectOutcome.FAILED_DEFINITE, f"busy_{error.code}", again=True)
            if 500 <= error.code < 600:
                return Answer(EffectOutcome.FAILED_DEFINITE, f"refused_{error.code}")
            await self.close()
            return Answer(EffectOutcome.UNKNOWN, "answer_unreadable")
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            await self.close()
            return Answer(EffectOutcome.UNKNOWN, "answer_lost")
        return Answer(EffectOutcome.SUCCEEDED, "accepted")

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError, asyncio.CancelledError):
                await client.quit()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is None or not self._client.is_connected:
            client = aiosmtplib.SMTP(hostname=self._tool.host, port=self._tool.port, timeout=self._tool.timeout_seconds)
            await client.connect()
            self._client = client
        return self._client

    async def _reset(self) -> None:
        try:
            if self._client is not None:
                await self._client.rset()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            await self.close()


def _ascii(address: str) -> str | None:
    """The address as SMTP without extensions carries it; None when it cannot."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local.encode('ascii').decode()}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return None
