"""docker-compose.yml and Dockerfile, judged without an engine."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from handrail.keys import Keys
from handrail.local import containers
from handrail.local.environment import SERVICES, Place, of

INIT, OBSERVABILITY = "init", {"prometheus", "grafana"}
EVERYTHING = {"kafka", "postgres", INIT, *SERVICES, *OBSERVABILITY}
# What differs because each service has a container, and a host name, of its own.
OWN = {"DSN", "HTTP_HOST", "HTTP_PORT", "SMTP_HOST"}
# The launcher's commands decide on it; here the ports, open to this machine only, stand for that.
ADDED = {"TOWER_OPEN_TENANT"}


@pytest.fixture(scope="module")
def compose(repository: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((repository / "docker-compose.yml").read_text())
    return read


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = compose["services"]
    return read


def launched(service: str) -> dict[str, str]:
    """What the local launcher would tell the service, in the places of the containers."""
    place = Place(
        "kafka:19092",
        {name: f"dsn of {name}" for name in SERVICES},
        {name: f"http://{name}:8000" for name in SERVICES},
        Keys(Path("/keys")),
        Path("/config/organisation.yaml"),
        Path("/config/people.yaml"),
        Path("/journal"),
    )
    return of(service, f"{service}-0", 8000, place)


def default(value: str) -> str:
    """A value with the defaults of its variables put in."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_nothing_is_missing_and_nothing_unknown(compose: dict[str, Any], services: dict[str, Any]) -> None:
    assert compose["name"] == "handrail"
    assert set(services) == EVERYTHING
    assert {name for name, service in services.items() if service.get("profiles")} == OBSERVABILITY
    assert all(services[name]["profiles"] == ["observability"] for name in OBSERVABILITY)


@pytest.mark.parametrize("name", sorted(EVERYTHING - {INIT}))
def test_a_service_shows_its_health(services: dict[str, Any], name: str) -> None:
    check = services[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert "start_interval" not in check, "older engines refuse the whole file"


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_a_container_has_limits_and_few_rights(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["user"].partition(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_ports_are_open_to_this_machine_only(services: dict[str, Any], name: str) -> None:
    for port in services[name].get("ports", ()):
        assert port.startswith("127.0.0.1:")


def test_no_port_is_used_twice(services: dict[str, Any]) -> None:
    ports = [default(port).split(":")[1] for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == len(set(ports)) == len(EVERYTHING) - 1


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_what_the_launcher_would_tell_it(services: dict[str, Any], service: str) -> None:
    told = {name: default(value) for name, value in services[service]["environment"].items()}
    expected = launched(service)
    assert set(told) - ADDED == set(expected)
    differing = {name for name in expected if told[name] != expected[name]}
    assert {name.removeprefix(f"{service.upper()}_") for name in differing} <= OWN
    assert services[service]["command"] == ["handrail", "run", service]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reaches_its_own_database_only(services: dict[str, Any], service: str) -> None:
    dsn = default(services[service]["environment"][f"{service.upper()}_DSN"])
    assert dsn == f"postgresql://{service}:handrail@postgres:5432/{service}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_file_that_a_service_is_told_of_is_mounted(services: dict[str, Any], service: str) -> None:
    mounted = {default(volume).split(":")[1] for volume in services[service]["volumes"]}
    for name, value in services[service]["environment"].items():
        if default(value).startswith("/"):
            assert any(default(value).startswith(place) for place in mounted), name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_what_it_needs(services: dict[str, Any], service: str) -> None:
    conditions = {name: need["condition"] for name, need in services[service]["depends_on"].items()}
    assert conditions == {
        INIT: "service_completed_successfully",
        "kafka": "service_healthy",
        "postgres": "service_healthy",
    }
    assert "/readyz" in " ".join(services[service]["healthcheck"]["test"])
    assert services[service]["read_only"] is True


def test_the_job_is_told_what_every_service_is_told(services: dict[str, Any]) -> None:
    told = services[INIT]["environment"]
    for service in SERVICES:
        assert services[service]["environment"].items() <= told.items()
    assert {"HANDRAIL_POSTGRES", "HANDRAIL_KAFKA", "HANDRAIL_KEYS", "HANDRAIL_PARTITIONS"} <= set(told)
    assert services[INIT]["restart"] == "no"


def test_images_are_pinned_and_the_same_as_the_launchers(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == containers.KAFKA_IMAGE
    assert services["postgres"]["image"] == containers.POSTGRES_IMAGE
    for name in EVERYTHING:
        assert re.search(r":[^:]+$", services[name]["image"]), name
        assert not services[name]["image"].endswith(":latest"), name


def test_kafka_gets_the_launchers_settings(services: dict[str, Any]) -> None:
    told = {name: str(value) for name, value in services["kafka"]["environment"].items()}
    network = {
        "KAFKA_LISTENERS", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "KAFKA_CONTROLLER_QUORUM_VOTERS",
    }  # fmt: skip
    for name, value in containers.KAFKA_SETTINGS.items():
        assert name in told
        assert name in network or told[name] == value, name


def test_every_scrape_target_is_a_service_here(repository: Path) -> None:
    [job] = yaml.safe_load((repository / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    targets = {target["labels"]["service"]: target["targets"] for target in job["static_configs"]}
    assert targets == {service: [f"{service}:8000"] for service in SERVICES}


def test_the_image_is_built_without_rights_and_without_a_frontend(repository: Path) -> None:
    lines = (repository / "Dockerfile").read_text().splitlines()
    assert not lines[0].startswith("# syntax"), "that line pulls an image"
    bases = {line.split()[1] for line in lines if line.startswith("FROM")}
    assert len(bases) == 1, "paths of the environment are absolute: both stages need the same Python"
    [base] = bases
    required = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["requires-python"]
    assert base == f"python:{required.removeprefix('>=')}-slim-bookworm"
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]


def test_only_sources_enter_the_image(repository: Path) -> None:
    kept = [line for line in (repository / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert kept == ["!pyproject.toml", "!uv.lock", "!libs", "!services"]
