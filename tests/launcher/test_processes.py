"""What was started is found and stopped, and nothing else."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import psutil
import pytest

from handrail.local.failure import CannotStart
from handrail.local.ports import LOOPBACK
from handrail.local.processes import Processes, Program
from handrail.local.readiness import await_ready

SLEEP = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path)
    yield started
    started.stop_all(grace_seconds=1)


def program(folder: Path, code: str = SLEEP) -> Program:
    return Program("sleeper", [sys.executable, "-c", code], folder / "sleeper.log")


def test_a_reused_pid_is_never_killed(processes: Processes, tmp_path: Path) -> None:
    record = processes.start(program(tmp_path))
    processes.state.add(replace(record, create_time=record.create_time - 60))
    assert processes.find("sleeper") is None
    processes.stop("sleeper")
    assert psutil.Process(record.pid).is_running()
    processes.state.add(record)


def test_a_later_launcher_stops_what_an_earlier_one_left(processes: Processes, tmp_path: Path) -> None:
    record = processes.start(program(tmp_path))
    Processes(tmp_path).stop_all()
    assert record.process() is None
    assert processes.running() == []


def test_who_does_not_listen_is_killed_after_the_grace_period(processes: Processes, tmp_path: Path) -> None:
    record = processes.start(program(tmp_path, DEAF))
    await_text(tmp_path / "sleeper.log", "deaf")
    processes.stop("sleeper", grace_seconds=0.2)
    assert record.process() is None


def test_a_killed_process_can_be_started_again(processes: Processes, tmp_path: Path) -> None:
    first = processes.start(program(tmp_path))
    processes.kill("sleeper")
    second = processes.restart("sleeper")
    assert first.process() is None
    assert second.process() is not None


def test_ctrl_c_in_the_terminal_does_not_reach_what_was_started(processes: Processes, tmp_path: Path) -> None:
    record = processes.start(program(tmp_path))
    assert os.getsid(record.pid) == record.pid != os.getsid(0)


def test_a_process_that_ends_while_starting_shows_its_log(processes: Processes, tmp_path: Path) -> None:
    processes.start(program(tmp_path, "raise SystemExit('no such setting')"))
    deadline = time.monotonic() + 10
    with pytest.raises(CannotStart, match="no such setting"):
        while time.monotonic() < deadline:
            processes.check("sleeper")


def test_the_wanted_signal_stops_it(processes: Processes, tmp_path: Path) -> None:
    code = "import time; print('up', flush=True); time.sleep(600)"
    processes.start(replace(program(tmp_path, code), stop_signal=signal.SIGINT))
    await_text(tmp_path / "sleeper.log", "up")
    processes.stop("sleeper")
    assert "KeyboardInterrupt" in (tmp_path / "sleeper.log").read_text()


def await_text(log: Path, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in log.read_text():
        assert time.monotonic() < deadline


def test_who_has_ended_is_not_ready_whoever_answers_at_its_port(processes: Processes, tmp_path: Path) -> None:
    with HTTPServer((LOOPBACK, 0), SimpleHTTPRequestHandler) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        ended = replace(program(tmp_path, "raise SystemExit(1)"), port=other.server_port, readiness="/")
        record = processes.start(ended)
        psutil.wait_procs([psutil.Process(record.pid)], 10)
        with pytest.raises(CannotStart):
            await_ready(processes, [record], 10, lambda text: None)
        other.shutdown()
