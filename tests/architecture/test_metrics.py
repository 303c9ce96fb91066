"""The page of metrics, the code, the rules and the dashboard say the same."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path

import pytest
import yaml

SERVICES = ("audit", "briefing", "escalation", "executor", "monitor", "tower")
FORBIDDEN = re.compile(
    r"campaign|brief|user|subject|person|recipient|e_?mail|address|url|uri|path|prompt|text|exception"
)
MOST_LABEL_SETS = 200
KINDS = ("counter", "gauge", "histogram")
# Not in this process: other tests count here too.
COLLECT = """
import importlib, json, pathlib, sys
from prometheus_client import REGISTRY

importlib.import_module("chassis.metrics")
for service in sys.argv[1:]:
    folder = importlib.import_module(service).__path__[0]
    if pathlib.Path(folder, "metrics.py").exists():
        importlib.import_module(f"{service}.metrics")
found = [
    {
        "name": family.name + ("_total" if family.type == "counter" else ""),
        "kind": family.type,
        "labels": collector._labelnames,
        "sets": [
            {name: value for name, value in sample.labels.items() if name != "le"}
            for sample in family.samples
            if not sample.name.endswith("_created")
        ],
    }
    for collector in set(REGISTRY._collector_to_names)
    for family in collector.collect()
    if family.name.startswith("handrail_")
]
print(json.dumps(found))
"""
NAME = re.compile(r"[a-z_]+:handrail_\w+:\w+|\bhandrail_\w+")


@dataclass(frozen=True)
class Exported:
    """A metric as the code declares it, with the label sets that are there from the start."""

    kind: str
    labels: tuple[str, ...]
    sets: frozenset[frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class Listed:
    """A row of the page: each label with its values, where the page names them."""

    kind: str
    labels: dict[str, frozenset[str]]


@pytest.fixture(scope="module")
def exported() -> dict[str, Exported]:
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, *SERVICES], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return {
        one["name"]: Exported(
            one["kind"], tuple(one["labels"]), frozenset(frozenset(each.items()) for each in one["sets"])
        )
        for one in json.loads(done.stdout)
    }


@pytest.fixture(scope="module")
def listed(repository: Path) -> dict[str, Listed]:
    rows = dict(_rows((repository / "docs/reference/metrics.md").read_text()))
    assert rows
    return rows


@pytest.fixture(scope="module")
def recorded(repository: Path) -> set[str]:
    return {
        rule["record"]
        for file in (repository / "deploy/prometheus/rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }


def _rows(page: str) -> Iterator[tuple[str, Listed]]:
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[1] in KINDS:
            yield cells[0].strip("`"), Listed(cells[1], dict(_label(text) for text in cells[2].split(", ") if text))


def _label(text: str) -> tuple[str, frozenset[str]]:
    name, _, values = text.partition("=")
    return name, frozenset(values.split("\\|") if values else ())


def named_in(text: str) -> set[str]:
    """Metrics that queries name, without what a histogram adds to its name."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in NAME.findall(text)}


def test_the_page_lists_exactly_what_the_code_exports(exported: dict[str, Exported], listed: dict[str, Listed]) -> None:
    assert sorted(exported) == sorted(listed)


def test_types_and_labels_are_as_listed(exported: dict[str, Exported], listed: dict[str, Listed]) -> None:
    for name in exported.keys() & listed.keys():
        assert exported[name].kind == listed[name].kind, name
        assert sorted(exported[name].labels) == sorted(listed[name].labels), name


def test_values_are_as_listed_and_counters_start_at_zero(
    exported: dict[str, Exported], listed: dict[str, Listed]
) -> None:
    for name in exported.keys() & listed.keys():
        code, page = exported[name], listed[name]
        if code.kind != "counter" or not page.labels:
            continue
        assert code.sets, f"{name}: no label set is there before its first event"
        if all(page.labels.values()):
            sets = {frozenset(zip(page.labels, values, strict=True)) for values in product(*page.labels.values())}
            assert code.sets == sets, name
        for label, values in page.labels.items():
            if values:
                assert {dict(one)[label] for one in code.sets} == values, f"{name}: {label}"


def test_no_label_can_grow_without_end(exported: dict[str, Exported], listed: dict[str, Listed]) -> None:
    for name, metric in exported.items():
        assert not [label for label in metric.labels if FORBIDDEN.search(label)], name
        assert len(metric.sets) <= MOST_LABEL_SETS, name
    for name, row in listed.items():
        assert prod(len(values) or 1 for values in row.labels.values()) <= MOST_LABEL_SETS, name


@pytest.mark.parametrize(
    "label", ["campaign_id", "brief_id", "user", "email", "e_mail", "url", "prompt", "recipient_hash"]
)
def test_a_label_without_end_is_caught(label: str) -> None:
    assert FORBIDDEN.search(label)


def test_names_follow_the_rules(listed: dict[str, Listed]) -> None:
    for name, row in listed.items():
        assert re.fullmatch(r"handrail_[a-z0-9_]+", name)
        assert name.endswith("_total") == (row.kind == "counter"), name
        assert not re.search(r"_(ms|millis|minutes|hours|percent|kb|mb)(_|$)", name), name


def test_recorded_names_are_on_the_page(repository: Path, recorded: set[str]) -> None:
    page = (repository / "docs/reference/metrics.md").read_text()
    rows = {name for name in re.findall(r"^\| `([^`]+)`", page, re.MULTILINE) if ":" in name}
    assert recorded == rows
    assert all(re.fullmatch(r"[a-z_]+:handrail_[a-z_]+:[a-z0-9_]+", name) for name in recorded)


@pytest.mark.parametrize("pattern", ["deploy/prometheus/**/*.yml", "deploy/grafana/*.json", "docs/runbooks/*.md"])
def test_what_rules_dashboards_and_runbooks_name_is_listed(
    repository: Path, listed: dict[str, Listed], recorded: set[str], pattern: str
) -> None:
    files = list(repository.glob(pattern))
    assert files
    unknown = {
        f"{file.name}: {name}" for file in files for name in named_in(file.read_text()) - listed.keys() - recorded
    }
    assert not unknown


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("rate(handrail_brief_response_seconds_bucket[5m])", {"handrail_brief_response_seconds"}),
        ("max(service:handrail_dead_letters:increase15m)", {"service:handrail_dead_letters:increase15m"}),
        ("handrail_unheard_of_total > 1", {"handrail_unheard_of_total"}),
    ],
)
def test_a_metric_in_a_query_is_found(text: str, names: set[str]) -> None:
    assert named_in(text) == names
