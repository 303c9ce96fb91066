"""Where Kafka and PostgreSQL come from."""

from pathlib import Path

import pytest

from handrail.local import sources
from handrail.local.failure import CannotStart
from handrail.local.processes import Processes


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (sources.KAFKA, sources.POSTGRES, sources.FORCED, "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_addresses_in_the_environment_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.KAFKA, "kafka.example:9092")
    monkeypatch.setenv(sources.POSTGRES, "postgresql://me@db.example:5432/postgres?sslmode=require")
    monkeypatch.setenv(sources.FORCED, "docker")
    with sources.infrastructure(tmp_path) as given:
        assert given.kafka == "kafka.example:9092"
        assert given.postgres.dsn("mine") == "postgresql://me@db.example:5432/mine?sslmode=require"
        assert Processes(tmp_path).running() == []


def test_one_address_alone_wins_for_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = Path("relative")
    monkeypatch.setenv(sources.KAFKA, "kafka.example:9092")
    monkeypatch.setenv(sources.FORCED, "processes")
    with sources.infrastructure(home) as given:
        assert given.kafka == "kafka.example:9092"
        assert [record.name for record in Processes(home).running()] == ["postgres"]
    assert Processes(home).running() == []


def test_an_engine_that_does_not_answer_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.KAFKA, "kafka.example:9092")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    said: list[str] = []
    with sources.infrastructure(tmp_path, on_progress=said.append):
        pass
    assert any("no Docker engine answers" in text for text in said)


def test_a_forced_engine_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.FORCED, "docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(CannotStart, match="no Docker engine answers"), sources.infrastructure(tmp_path):
        pass


def test_an_unknown_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sources.FORCED, "podman")
    with pytest.raises(CannotStart, match="it may be docker or processes"), sources.infrastructure(tmp_path):
        pass
