"""The demo as `make demo` runs it, without a terminal: all eight steps, or nothing stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from handrail.local.status import status
from tests.cli.command import RUN

pytestmark = pytest.mark.system
STEPS = 8


def begin(home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RUN, "demo", "--home", str(home)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home.parent,
        env={**os.environ, "HANDRAIL_LOCAL": "processes"},
    )


def left_behind(home: Path) -> list[str]:
    """Processes of the home folder that still run."""
    found = [each.name for each in status(home) if each.alive]
    for process in psutil.process_iter():
        try:
            if any(str(home) in word for word in process.cmdline()):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


@pytest.mark.timeout(400)
def test_all_eight_steps_hold_and_nothing_stays_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    demo = begin(home)
    said, _ = demo.communicate(timeout=360)
    assert demo.returncode == 0, said[-4000:]
    assert [step for step in range(1, STEPS + 1) if f"{step}/{STEPS} " not in said] == []
    assert "All eight steps held" in said
    assert "one byte changed in a copy is found: record" in said
    assert left_behind(home) == []


@pytest.mark.timeout(200)
def test_a_demo_that_is_told_to_stop_takes_everything_with_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    demo = begin(home)
    assert demo.stdout
    for line in demo.stdout:
        if f"3/{STEPS} " in line:
            break
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=90)
    assert demo.returncode == 128 + signal.SIGTERM
    assert left_behind(home) == []
