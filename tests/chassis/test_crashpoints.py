"""A crash point kills its process where and as often as it was armed, and never otherwise."""

import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from chassis.crashpoints import Point, arm, crashpoint
arm(Path(sys.argv[1]) if sys.argv[1] else None, "service")
for step in range(3):
    print(step, flush=True)
    crashpoint(Point.COMMIT)
    crashpoint(Point.COMMITTED)
"""


def steps(folder: Path | None) -> tuple[int, int]:
    """(exit code, steps begun) of a process that passes both points three times."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder or "")], capture_output=True, text=True, timeout=60, check=False
    )
    assert not ran.stderr
    return ran.returncode, len(ran.stdout.split())


def test_the_second_occurrence_kills_once(tmp_path: Path) -> None:
    (tmp_path / "service").write_text("transaction.committed 2")
    assert steps(tmp_path) == (-signal.SIGKILL, 2)
    assert (tmp_path / "service.hit").read_text() == "transaction.committed 2"
    assert steps(tmp_path) == (0, 3)


def test_nothing_armed_kills_nothing(tmp_path: Path) -> None:
    (tmp_path / "another").write_text("transaction.commit 1")
    assert steps(tmp_path) == (0, 3)
    assert steps(None) == (0, 3)
