"""Alerting rules and the dashboard hold what they promise, judged by promtool where there is one."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana import sla

SEVERITIES = {"critical", "warning", "info"}
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation"]
RUNBOOKS = "https://handrail.example/runbooks/"


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        missing = "there is no promtool: `make tools` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="module")
def rules(repository: Path) -> list[Path]:
    found = sorted((repository / "deploy/prometheus/rules").glob("*.yml"))
    assert found
    return found


@pytest.fixture(scope="module")
def alerts(rules: list[Path]) -> list[dict[str, Any]]:
    return [
        rule
        for file in rules
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


@pytest.fixture(scope="module")
def cases(repository: Path) -> list[dict[str, Any]]:
    files = (repository / "deploy/prometheus/tests").glob("*.yml")
    return [case for file in files for case in yaml.safe_load(file.read_text())["tests"]]


@pytest.fixture(scope="module")
def panels() -> list[dict[str, Any]]:
    dashboard: dict[str, Any] = json.loads(sla.rendered())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_prometheus_accepts_the_rules(promtool: str, rules: list[Path]) -> None:
    done = subprocess.run([promtool, "check", "rules", *rules], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_its_configuration(promtool: str, repository: Path) -> None:
    done = subprocess.run(
        [promtool, "check", "config", repository / "deploy/prometheus/prometheus.yml"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_case_of_the_rules_holds(promtool: str, repository: Path) -> None:
    files = sorted((repository / "deploy/prometheus/tests").glob("*.yml"))
    done = subprocess.run([promtool, "test", "rules", *files], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_case_that_does_not_hold_is_noticed(promtool: str, repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "deploy/prometheus", tmp_path / "prometheus")
    file = tmp_path / "prometheus/tests/handrail-alerts.yml"
    [case] = [
        case for case in yaml.safe_load(file.read_text())["tests"] if case["name"] == "HandrailOutboxStalled fires"
    ]
    case["alert_rule_test"][0]["exp_alerts"] = []
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": ["../rules/handrail-records.yml", "../rules/handrail-alerts.yml"],
                "evaluation_interval": "1m",
                "tests": [case],
            }
        )
    )
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1


def test_every_alert_says_what_it_is(alerts: list[dict[str, Any]]) -> None:
    for alert in alerts:
        name = alert["alert"]
        assert re.fullmatch(r"Handrail([A-Z][a-z]+)+", name)
        assert alert["labels"]["severity"] in SEVERITIES, name
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}, name
        assert alert["annotations"]["runbook_url"] == RUNBOOKS + name


def test_every_alert_has_a_firing_and_a_silent_case(alerts: list[dict[str, Any]], cases: list[dict[str, Any]]) -> None:
    fires, silent = set(), set()
    for case in cases:
        for expected in case.get("alert_rule_test", ()):
            assert case["name"].startswith(expected["alertname"]), case["name"]
            if expected["exp_alerts"]:
                assert case["name"].endswith(" fires")
                fires |= {(expected["alertname"], one["exp_labels"]["severity"]) for one in expected["exp_alerts"]}
            elif " silent" in case["name"]:
                silent.add(expected["alertname"])
    assert fires == {(alert["alert"], alert["labels"]["severity"]) for alert in alerts}
    assert silent == {alert["alert"] for alert in alerts}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert(repository: Path, alerts: list[dict[str, Any]]) -> None:
    books = {path.stem: path.read_text() for path in (repository / "docs/runbooks").glob("*.md")}
    assert set(books) == {alert["alert"] for alert in alerts}
    for name, text in books.items():
        assert text.startswith(f"# {name}\n"), name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS, name


def test_a_runbook_names_commands_that_exist(repository: Path) -> None:
    from typer.main import get_command

    from handrail.cli import app

    root = get_command(app)
    for path in sorted((repository / "docs/runbooks").rglob("*.md")):
        for words in _commands(path.read_text()):
            command: Any = root
            for word in words:
                if not hasattr(command, "commands"):
                    break
                assert word in command.commands, f"{path.name}: handrail {' '.join(words)}"
                command = command.commands[word]
            options = {option for one in command.params for option in one.opts}
            used = {word for word in words if word.startswith("--") and word != "--help"}
            assert used <= options, f"{path.name}: handrail {' '.join(words)}"


def _commands(text: str) -> Iterator[list[str]]:
    """What follows `handrail` in code, without what is in quotes."""
    for found in re.findall(r"(?:^\s*|`)handrail ([a-z][^`\n]*)", text, re.MULTILINE):
        yield re.sub(r'"[^"]*"', "TEXT", found).split()


def test_the_dashboard_is_what_its_source_makes(repository: Path) -> None:
    assert (repository / "deploy/grafana/sla.json").read_text() == sla.rendered(), "python deploy/grafana/sla.py"


def test_every_panel_explains_itself(panels: list[dict[str, Any]]) -> None:
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"] and len(panel["description"]) > 20, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert not re.search(r"rate\([^)]*\[\d+[smh]\]", target["expr"]), "use $__rate_interval"


def test_no_panel_covers_another(panels: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= sla.WIDTH
        assert not taken & cells, panel["title"]
        taken |= cells


def test_grafana_finds_what_compose_mounts(repository: Path) -> None:
    compose = yaml.safe_load((repository / "docker-compose.yml").read_text())
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    folder = repository / "deploy/grafana/provisioning"
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    [provider] = yaml.safe_load((folder / "dashboards/handrail.yml").read_text())["providers"]
    assert mounts["./deploy/grafana/sla.json"].startswith(provider["options"]["path"])
    [source] = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090" and source["isDefault"]
