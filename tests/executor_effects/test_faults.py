"""Whatever an outside tool does wrong: each mail leaves at most once, and its outcome is what the table says.

One campaign per class of tool meets every fault at once, in a world that is a process of its own; its ledger judges.
`HANDRAIL_MAILS_PER_FAULT` makes the campaigns larger.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.actions import EffectOutcome
from handrail.keys import Keys
from handrail.local.sources import Infrastructure
from tests.builders import plan_issued
from tests.conftest import databases
from tests.executor_effects.campaigns import Send, cleared, dispatcher
from tests.executor_effects.outside import CLASSES, applied, doors, drive, tools, world
from tests.world.conftest import Running
from world.faults import Fault

pytestmark = pytest.mark.proof

OF_EACH = int(os.environ.get("HANDRAIL_MAILS_PER_FAULT", "3"))
ONCE = (EffectOutcome.SUCCEEDED, 1)
CLAIMED = (EffectOutcome.SUCCEEDED, 0)
REFUSED = (EffectOutcome.FAILED_DEFINITE, 0)
OPEN, OPEN_TAKEN = (EffectOutcome.UNKNOWN, 0), (EffectOutcome.UNKNOWN, 1)

TABLE: dict[str, tuple[tuple[EffectOutcome, int], tuple[EffectOutcome, int]]] = {
    # fault: outcome and mails taken, for K, U and L; for N
    "none": (ONCE, ONCE),
    Fault.REFUSED: (REFUSED, REFUSED),
    Fault.LATE: (ONCE, ONCE),  # 409 while it is in progress; SMTP is just busy
    Fault.BUSY: (ONCE, ONCE),
    Fault.UNAVAILABLE: (ONCE, ONCE),
    Fault.SLOW_BEFORE: (ONCE, OPEN),
    Fault.SLOW_AFTER: (ONCE, OPEN_TAKEN),
    Fault.RESET_BEFORE: (ONCE, OPEN),
    Fault.RESET_AFTER: (ONCE, OPEN_TAKEN),
    Fault.EOF_BEFORE: (ONCE, OPEN),
    Fault.EOF_AFTER: (ONCE, OPEN_TAKEN),
    Fault.ERROR_BEFORE: (ONCE, OPEN),
    Fault.ERROR_AFTER: (ONCE, OPEN_TAKEN),
    Fault.GARBAGE_BEFORE: (ONCE, OPEN),
    Fault.GARBAGE_AFTER: (ONCE, OPEN_TAKEN),
    Fault.WRONG_ID_BEFORE: (ONCE, CLAIMED),  # SMTP's answer names nobody
    Fault.WRONG_ID_AFTER: (ONCE, ONCE),
    Fault.SILENT: (CLAIMED, CLAIMED),  # no answer can tell: the missing report does
}


@dataclass(frozen=True)
class Told:
    """How one campaign ended: what we say of each mail, and what the world has of it."""

    send: Send
    running: Running

    def of(self, fault: str) -> list[tuple[EffectOutcome, int]]:
        outcomes, taken = self.send.outcomes(), applied(self.running)
        return [(outcomes[who], taken[who]) for who in addresses(fault)]


def addresses(fault: str) -> list[str]:
    return [f"{fault}+{n}@simulator.example" for n in range(OF_EACH)]


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=CLASSES)
async def told(
    request: pytest.FixtureRequest,
    servers: Infrastructure,
    templates: dict[str, str],
    keys: Keys,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[str, Told]]:
    folder: Path = tmp_path_factory.mktemp("faults")
    everybody = [who for fault in TABLE for who in addresses(fault)]
    async with databases(servers, templates) as make:
        with world(folder, keys) as running:
            db = await make("executor")
            issued = plan_issued(mail_tool=CLASSES[request.param])
            send = await cleared(db, everybody, issued=issued, first_wave=len(everybody))
            await drive(dispatcher(db, 0, folder / "journal", keys, tools=tools(doors(running), keys)), send)
            yield request.param, Told(send, running)


@pytest.mark.parametrize("fault", TABLE)
def test_a_fault_has_the_outcome_that_the_table_says_and_no_mail_leaves_twice(
    told: tuple[str, Told], fault: str
) -> None:
    name, ended = told
    with_promise, without = TABLE[fault]
    assert ended.of(fault) == [without if name == "N" else with_promise] * OF_EACH


def test_every_fault_is_in_the_table() -> None:
    assert set(TABLE) == {"none", *Fault} - {Fault.LOCKED_OUT}  # that one refuses us, and stops the send
