"""Each rule of the code is fed a violation and must catch it; and no service is left out of any rule."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SERVICES = ("audit", "briefing", "escalation", "executor", "monitor", "tower")
PLANTED = {
    "layers": ("services/briefing/src/briefing/planted.py", "import executor"),
    "contracts": ("libs/contracts/src/contracts/planted.py", "import asyncpg"),
    "policy": ("libs/policy/src/policy/planted.py", "import starlette"),
    "handrail": ("libs/handrail/src/handrail/planted.py", "import chassis.fold"),
    "world": ("libs/world/src/world/planted.py", "import executor"),
    "domains": ("services/monitor/src/monitor/domain/planted.py", "import asyncpg"),
}
SOURCES = (
    *(f"libs/{name}" for name in ("contracts", "policy", "chassis", "handrail", "world")),
    *(f"services/{service}" for service in SERVICES),
)


PLACE = "services/monitor/src/monitor/planted.py"


@pytest.fixture(scope="module")
def checkout(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources to plant violations in."""
    copy = tmp_path_factory.mktemp("checkout")
    for source in SOURCES:
        shutil.copytree(repository / source / "src", copy / source / "src")
    shutil.copy(repository / "pyproject.toml", copy)
    return copy


def lint_imports(checkout: Path, contract: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(checkout / source / "src") for source in SOURCES)
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--contract", contract, "--no-cache"], cwd=checkout, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("contract", PLANTED)
def test_an_import_rule_catches_a_planted_violation(checkout: Path, contract: str) -> None:
    place, line = PLANTED[contract]
    planted = checkout / place
    made = [planted]
    if not planted.parent.is_dir():  # a domain may be one file: plant beside it
        planted = planted.parent.with_suffix(".py")
        text = planted.read_text()
        planted.write_text(f"{line}\n{text}")
        made = []
    else:
        text = ""
        planted.write_text(f"{line}\n")
    try:
        found = lint_imports(checkout, contract)
    finally:
        if made:
            planted.unlink()
        else:
            planted.write_text(text)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "BROKEN" in found.stdout


def test_every_service_is_in_the_rules(repository: Path) -> None:
    assert {path.name for path in (repository / "services").iterdir() if path.is_dir()} == set(SERVICES)
    rules = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(SERVICES) < set(rules["root_packages"])
    contracts = {contract["id"]: contract for contract in rules["contracts"]}
    assert set(PLANTED) == set(contracts)
    assert set(contracts["layers"]["layers"][0].split(" | ")) == set(SERVICES)
    for outsider in ("handrail", "world"):
        assert set(SERVICES) <= set(contracts[outsider]["forbidden_modules"])


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("from datetime import datetime\n\nNOW = datetime.now()", "TID251"),
        ("import time\n\nNOW = time.time()", "TID251"),
        ("import os\n\nHOME = os.environ", "TID251"),
        ("import random\n\nDICE = random", "TID251"),
        ("from unittest import mock\n\nFAKE = mock", "TID251"),
        ("from uuid6 import uuid7\n\nID = uuid7()", "TID251"),
        ("from . import domain\n\nHERE = domain", "TID252"),
        ('print("hello")', "T201"),
        ("try:\n    pass\nexcept Exception:\n    pass", "BLE001"),
        ("# x = 1\n", "ERA001"),
        ("x = 1  # noqa\n", "PGH004"),
    ],
)
def test_a_lint_rule_catches_a_violation(repository: Path, line: str, rule: str) -> None:
    program = Path(sys.executable).parent / "ruff"
    found = subprocess.run(
        [program, "check", "--no-cache", "--output-format", "concise", "--stdin-filename", PLACE, "-"],
        cwd=repository, input=line, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert rule in found.stdout


def test_the_type_checker_wants_every_event_decided(repository: Path, tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(
        "from typing import assert_never\n"
        "from contracts.monitor import SignalEvent, TriggerFired\n"
        "def decide(event: SignalEvent) -> int:\n"
        "    match event:\n"
        "        case TriggerFired():\n"
        "            return 1\n"
        "        case _:\n"
        "            assert_never(event)\n"
    )
    program = Path(sys.executable).parent / "mypy"
    found = subprocess.run(
        [program, "--config-file", repository / "pyproject.toml", "--cache-dir", tmp_path / "cache", planted],
        cwd=repository, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert "assert_never" in found.stdout
