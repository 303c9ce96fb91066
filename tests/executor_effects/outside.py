"""The world as a process, and the four tools that reach it: one of each promise about a request that comes twice."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chassis.postgres import Database
from executor.sending.dispatch import Dispatcher
from executor.sending.tools.esp import Esp
from executor.sending.tools.http import Account
from executor.sending.tools.journey import Journey
from executor.sending.tools.mail_api import MailApi
from executor.sending.tools.port import Tool
from executor.sending.tools.smtp import SmtpTool
from handrail.keys import Keys
from tests.executor_effects.campaigns import SENDER, Send, run, stamp
from tests.world.conftest import SENDERS_TOKEN, Running
from tests.world.conftest import outside as place_of

CLASSES = {"K": "mail_api", "U": "journey", "L": "esp", "N": "smtp"}
SETTLE_SECONDS = 3.0
LATE_SECONDS = 0.5
INDEX_SECONDS = 0.2
PATIENCE_SECONDS = 4.0


@dataclass(frozen=True)
class Doors:
    """Where the world's tools are, and a folder for what is needed there."""

    smtp_port: int
    api_port: int
    folder: Path


def doors(running: Running) -> Doors:
    return Doors(running.smtp_port, running.api_port, running.folder)


@contextmanager
def world(folder: Path, keys: Keys, *more: str) -> Iterator[Running]:
    """A world that nobody kills; where it reports to does not answer."""
    folder.mkdir(exist_ok=True)
    with place_of(folder, keys) as running:
        running.start_world(
            "--index-delay", str(INDEX_SECONDS), "--late-seconds", str(LATE_SECONDS), "--slow-seconds", "60", *more
        )
        yield running


def tools(
    doors: Doors,
    keys: Keys,
    *,
    key_lifetime: timedelta = timedelta(days=1),
    settle: timedelta | None = None,
    base: str | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Mapping[str, Tool]:
    """All four; `settle` lets the mail API be searched too, `base` is where the tools over HTTP are looked for."""
    token = doors.folder / "tools-token"
    token.write_text(SENDERS_TOKEN)
    base = base or f"http://127.0.0.1:{doors.api_port}"
    window = timedelta(seconds=SETTLE_SECONDS)
    return {
        "mail_api": MailApi(Account(f"{base}/mail_api", token, patience), key_lifetime, settle),
        "journey": Journey(Account(f"{base}/journey", token, patience)),
        "esp": Esp(Account(f"{base}/esp", token, patience), window),
        "smtp": SmtpTool("127.0.0.1", doors.smtp_port, SENDER.from_address, stamp(keys), patience),
    }


def applied(running: Running, domain: str = "") -> Counter[str]:
    """Mails in the world's ledger by recipient: the judge."""
    lines = [json.loads(line) for line in running.ledger.read_text().splitlines()] if running.ledger.exists() else []
    return Counter(line["recipient"] for line in lines if line["recipient"].endswith(domain))


FORWARD = """
UPDATE effect_intent SET not_before = NULL WHERE state = 'planned' AND NOT (tool = 'esp' AND lost_at IS NOT NULL)
"""


async def forward(db: Database) -> None:
    """Waits are over, but for those of a look-up: the world's index really takes its time."""
    await db.pool.execute(FORWARD)


async def drive(one: Dispatcher, send: Send) -> None:
    """Runs until all is settled."""
    done = await run(one, send)
    while done.left_in_wave:
        assert done.refused is None
        await forward(one.db)
        if done.retry_at is not None:
            soonest = await one.db.pool.fetchval(
                "SELECT extract(epoch FROM min(not_before) - clock_timestamp())::float FROM effect_intent "
                "WHERE state = 'planned' AND NOT EXISTS (SELECT 1 FROM effect_intent "
                "WHERE state = 'planned' AND not_before IS NULL)"
            )
            await asyncio.sleep(max(0.0, soonest or 0.0))
        done = await run(one, send)
