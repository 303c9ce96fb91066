"""The dashboard and the rules, asked of a real Prometheus that scrapes the running system."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
import yaml

from deploy.grafana import sla
from handrail.local import ports
from handrail.local.environment import SERVICES
from tests.architecture.test_metrics import named_in
from tests.system.running import Running, until

pytestmark = pytest.mark.system
SCRAPED_SECONDS = 60
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$service": ".+"}


@pytest.fixture(scope="module")
def prometheus(system: Running, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a Prometheus that has seen every service and evaluated every rule."""
    binary = shutil.which("prometheus")
    if binary is None:
        missing = "there is no prometheus: `make tools` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(repository, system)))
    [port] = ports.free(1)
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={ports.LOOPBACK}:{port}",
    ]
    url = f"http://{ports.LOOPBACK}:{port}"
    system.system.add("prometheus", [binary, *arguments], {}, port, "/-/ready")
    try:
        await_series(url)
        yield url
    finally:
        system.system.processes.stop("prometheus")


def configuration(repository: Path, system: Running) -> dict[str, Any]:
    """The shipped one, with the running replicas as targets, and quicker."""
    shipped: dict[str, Any] = yaml.safe_load((repository / "deploy/prometheus/prometheus.yml").read_text())
    shipped["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(repository / "deploy/prometheus" / files) for files in shipped["rule_files"]]
    [job] = shipped["scrape_configs"]
    for target in job["static_configs"]:
        target["targets"] = [urlsplit(url).netloc for url in system.system.urls(target["labels"]["service"])]
    return shipped


def get(url: str, path: str, **parameters: str) -> Any:
    """What the API answers; its complaint when it refuses."""
    try:
        with urlopen(f"{url}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            read = json.load(answer)
    except HTTPError as refused:
        pytest.fail(f"{parameters}: {refused.read().decode()}")
    assert read["status"] == "success" and not read.get("warnings"), read
    return read["data"]


def series(url: str, expression: str) -> list[Any]:
    found: list[Any] = get(url, "query", query=expression)["result"]
    return found


def await_series(url: str) -> None:
    """Every service twice scraped, every rule evaluated: a rate needs two points."""

    def scraped() -> bool | None:
        seen = series(url, 'count(max by (service) (count_over_time(up{job="handrail"}[1m]) >= 2 and up == 1))')
        rules = [rule for group in get(url, "rules")["groups"] for rule in group["rules"]]
        everything = bool(seen) and int(seen[0]["value"][1]) == len(SERVICES)
        return True if everything and all(rule["health"] != "unknown" for rule in rules) else None

    until(scraped, "a scrape of every service", SCRAPED_SECONDS)


def queries() -> list[tuple[str, str]]:
    """(panel, PromQL) of the whole dashboard, its annotations included."""
    made: dict[str, Any] = json.loads(sla.rendered())
    found = [(panel["title"], target["expr"]) for panel in made["panels"] for target in panel.get("targets", ())] + [
        (each["name"], each["expr"]) for each in made["annotations"]["list"]
    ]
    return [(title, _filled(expression)) for title, expression in found]


def _filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def expressions(repository: Path) -> Iterator[str]:
    """PromQL of the dashboard and of all rules."""
    yield from (expression for _, expression in queries())
    for file in (repository / "deploy/prometheus/rules").glob("*.yml"):
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from (rule["expr"] for rule in group["rules"])


@pytest.mark.parametrize(("panel", "expression"), queries())
def test_a_panel_has_its_answer(prometheus: str, panel: str, expression: str) -> None:
    now = time.time()
    series(prometheus, expression)
    get(prometheus, "query_range", query=expression, start=str(now - 60), end=str(now), step="5")


def test_every_metric_that_is_asked_for_has_series(prometheus: str, repository: Path) -> None:
    names = {name for expression in expressions(repository) for name in named_in(expression) if ":" not in name}
    assert names
    stored = set(get(prometheus, "label/__name__/values"))
    missing = {name for name in names if not {name, f"{name}_bucket"} & stored}
    assert not missing


def test_every_label_that_is_asked_for_is_there(prometheus: str, repository: Path) -> None:
    selectors = {
        found
        for expression in expressions(repository)
        for found in re.findall(r"\bhandrail_\w+\{[^}]*\}", expression)
        if "increase" not in found
    }
    assert selectors
    assert not [selector for selector in selectors if not series(prometheus, selector)]


def test_every_rule_is_evaluated_and_nothing_is_on_fire(prometheus: str) -> None:
    groups = get(prometheus, "rules")["groups"]
    broken = [rule for group in groups for rule in group["rules"] if rule["health"] != "ok"]
    assert groups and not broken
    down = [
        alert["labels"]
        for alert in get(prometheus, "alerts")["alerts"]
        if alert["labels"]["alertname"] in ("HandrailComponentDown", "HandrailAuditChainBroken")
    ]
    assert not down


def test_what_needs_no_traffic_has_a_value(prometheus: str) -> None:
    shown = {title: series(prometheus, expression) for title, expression in queries()}
    for title in ("Open cases", "Services that answer", "Oldest unsent event", "Dead letters", "Kill switches engaged"):
        assert shown[title], title
    assert shown["Services that answer"][0]["value"][1] == str(len(SERVICES))
