"""The whole comes up, tells what it costs, and goes down."""

import os
from pathlib import Path

import pytest

from handrail.local import environment, restart, sources, system
from handrail.local.failure import CannotStart
from handrail.local.processes import Processes
from handrail.local.status import memory, status
from handrail.local.system import System

STAND_IN = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

if sys.argv[1] == "migrate":
    sys.exit(os.environ.get("BROKEN_MIGRATION"))
if complaint := os.environ.get("BROKEN"):
    sys.exit(complaint)

class Doors(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

prefix = __spec__.parent.upper()
HTTPServer((os.environ[f"{prefix}_HTTP_HOST"], int(os.environ[f"{prefix}_HTTP_PORT"])), Doors).serve_forever()
"""


@pytest.fixture
def stand_ins(tmp_path: Path) -> dict[str, dict[str, str]]:
    """Services that only open their doors, found before the real ones."""
    for service in environment.SERVICES:
        (tmp_path / "stand_ins" / service).mkdir(parents=True)
        (tmp_path / "stand_ins" / service / "__init__.py").touch()
        (tmp_path / "stand_ins" / service / "__main__.py").write_text(STAND_IN)
    return {service: {"PYTHONPATH": str(tmp_path / "stand_ins")} for service in environment.SERVICES}


@pytest.fixture(autouse=True)
def given_infrastructure(own_infrastructure: sources.Infrastructure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.KAFKA, own_infrastructure.kafka)
    monkeypatch.setenv(sources.POSTGRES, own_infrastructure.postgres.dsn("postgres"))


def build(folder: Path, overrides: dict[str, dict[str, str]]) -> System:
    return System(
        {"launcher.system": 3},
        organisation=folder / "organisation.yaml",
        people=folder / "people.yaml",
        home=folder / "home",
        replicas={"executor": 2},
        overrides=overrides,
    )


def test_all_replicas_are_ready_and_a_later_command_stops_them(
    tmp_path: Path, stand_ins: dict[str, dict[str, str]]
) -> None:
    built = build(tmp_path, stand_ins)
    try:
        built.start()
        seen = status(built.home)
        assert sorted(each.name for each in seen) == sorted(
            [*(f"{service}-0" for service in environment.SERVICES), "executor-1"]
        )
        assert all(each.alive and each.ready for each in seen)
        assert memory(built.home) > 0
        settings = environment.load(built.home)
        assert settings["executor-0"]["EXECUTOR_JOURNAL"] == settings["executor-1"]["EXECUTOR_JOURNAL"]
        assert settings["executor-1"]["EXECUTOR_REPLICA"] == "executor-1"
        assert settings["executor-1"]["EXECUTOR_HTTP_PORT"] == built.urls("executor")[1].rpartition(":")[2]
        with pytest.raises(CannotStart, match="already running"):
            build(tmp_path, stand_ins).start()
        built.processes.kill("executor-1")
        built.processes.restart("executor-1")
        built.await_ready("executor-1")
        stopped = restart.stop_services(built.home, ["executor", "tower"])
        assert sorted(stopped) == ["executor-0", "executor-1", "tower-0"]
        assert not set(stopped) & {each.name for each in status(built.home) if each.alive}
        built.processes.kill("audit-0")
        started = restart.start_services(built.home, ["tower", "audit", "monitor"], print)
        assert sorted(started) == ["audit-0", "tower-0"]
        assert {"audit-0", "tower-0"} <= {each.name for each in status(built.home) if each.ready}
    finally:
        system.down(built.home)
    assert status(built.home) == []


@pytest.mark.parametrize(("variable", "said"), [("BROKEN", "monitor-0 does not run"), ("BROKEN_MIGRATION", "migrated")])
def test_a_service_that_fails_shows_its_log_and_nothing_stays(
    tmp_path: Path, stand_ins: dict[str, dict[str, str]], variable: str, said: str
) -> None:
    stand_ins["monitor"][variable] = "the moon is missing"
    built = build(tmp_path, stand_ins)
    with pytest.raises(CannotStart, match=rf"(?s){said}.*the moon is missing"):
        built.start()
    assert Processes(built.home).running() == []
    assert os.listdir(built.home / "logs")
