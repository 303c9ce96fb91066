"""A process dies at each point where it can: another goes on, and no mail leaves twice or is forgotten."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.postgres import Database
from executor.sending.dispatch_points import DispatchPoint
from handrail.keys import Keys
from handrail.local.sources import Infrastructure
from tests.builders import plan_issued
from tests.conftest import MakeDb
from tests.executor_effects.campaigns import Send, cleared, dispatcher, states
from tests.executor_effects.outside import CLASSES, applied, doors, drive, forward, tools, world
from tests.world.conftest import Running

pytestmark = pytest.mark.proof

POINTS = [
    *(("K", point) for point in DispatchPoint if not point.name.startswith("LOOK")),
    ("U", DispatchPoint.REPEATED),
    ("L", DispatchPoint.BEGUN),
    ("L", DispatchPoint.LOOKING_UP),
    ("L", DispatchPoint.LOOKED_UP),
    ("L", DispatchPoint.LOOK_UP_RECORDED),
    ("N", DispatchPoint.BEGUN),
    ("N", DispatchPoint.ANSWERED),
]


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Running]:
    with world(tmp_path_factory.mktemp("crashes"), keys) as running:
        yield running


@pytest.mark.parametrize(("name", "point"), POINTS, ids=[f"{name}-{point}" for name, point in POINTS])
async def test_a_death_at_any_point_loses_no_mail_and_doubles_none(
    name: str,
    point: DispatchPoint,
    servers: Infrastructure,
    db_for: MakeDb,
    outside: Running,
    folder: Path,
    keys: Keys,
    tmp_path: Path,
) -> None:
    db = await db_for("executor")
    tag = f"{name}.{point}"
    to = tuple(f"{fault}+{tag}.{n}@simulator.example" for fault in ("none", "reset_after", "eof_before") for n in "12")
    if name == "N":
        to = to[:2]
    send = await cleared(db, to, issued=plan_issued(mail_tool=CLASSES[name]))
    dsn = servers.postgres.dsn(await db.pool.fetchval("SELECT current_database()"))
    if point is DispatchPoint.LEFT_BEHIND:  # somebody else must have died before
        assert dies(send, DispatchPoint.ANSWERED, dsn, outside, folder, keys, tmp_path)
    assert dies(send, point, dsn, outside, folder, keys, tmp_path)
    await forward(db)
    await drive(dispatcher(db, 0, folder, keys, tools=tools(doors(outside), keys)), send)
    await settled(db, send, name, outside)


async def settled(db: Database, send: Send, name: str, outside: Running) -> None:
    ledger, known = applied(outside), await states(db, send)
    assert all(ledger[who] <= 1 for who in send.addresses)
    if name == "N":  # what was in hand at the time is open, whether it left or not
        assert set(known.values()) <= {"succeeded", "unknown"}
        assert all(ledger[who] == 1 for who in send.addresses if known[who] == "succeeded")
    else:
        assert known == dict.fromkeys(send.addresses, "succeeded")
        assert [ledger[who] for who in send.addresses] == [1] * len(send.addresses)


def dies(
    send: Send, point: DispatchPoint, dsn: str, outside: Running, folder: Path, keys: Keys, tmp_path: Path
) -> bool:
    """Whether a process that sends reached the point and was killed there."""
    crashes = tmp_path / f"crashes-{point}"
    crashes.mkdir()
    (crashes / "executor").write_text(f"{point} 1")
    told = {
        "SENDER_DSN": dsn,
        "SENDER_SMTP": str(outside.smtp_port),
        "SENDER_API": str(outside.api_port),
        "SENDER_FOLDER": str(folder),
        "SENDER_KEYS": str(keys.folder),
        "SENDER_CAMPAIGN": str(send.key.campaign),
        "SENDER_TASK": send.task.model_dump_json(),
        "SENDER_CRASHES": str(crashes),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent.parent), *sys.path]),
    }
    ended = subprocess.run([sys.executable, "-m", "tests.executor_effects.sender"], env=os.environ | told, timeout=120)
    return ended.returncode == -signal.SIGKILL and (crashes / "executor.hit").exists()


def test_every_point_is_reached_by_some_class() -> None:
    assert {point for _, point in POINTS} == set(DispatchPoint)
