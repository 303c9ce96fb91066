"""What every checkout must hold, whoever changes it."""

import subprocess
from pathlib import Path

import pytest

LIMITS = {"README.md": 150, "ARCHITECTURE.md": 200}


def sources(repository: Path) -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True).stdout
    return [repository / name for name in listed.splitlines()]


def test_no_source_file_is_over_three_hundred_lines(repository: Path) -> None:
    long = {
        path.relative_to(repository).as_posix(): lines
        for path in sources(repository)
        if path.suffix == ".py"
        and path.is_relative_to(repository / "libs") | path.is_relative_to(repository / "services")
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert not long


@pytest.mark.parametrize("name", LIMITS)
def test_a_page_for_people_stays_short(repository: Path, name: str) -> None:
    path = repository / name
    assert path.exists()
    assert len(path.read_text().splitlines()) <= LIMITS[name]


def test_no_file_is_a_bag_of_things(repository: Path) -> None:
    bags = ("utils", "helpers", "common", "misc", "manager", "base")
    assert not [path for path in sources(repository) if path.suffix == ".py" and path.stem.startswith(bags)]


def test_no_absolute_path_of_a_machine_is_committed(repository: Path) -> None:
    places = ("/" + "root/", "/" + "home/", "/" + "work/")
    text = {".py", ".md", ".yml", ".yaml", ".toml", ".sql", ".json", ".html", ".sh"}
    found = [
        f"{path.relative_to(repository)}: {place}"
        for path in sources(repository)
        if path.suffix in text and path.name != "uv.lock" and path.is_file()
        for place in places
        if place in path.read_text(errors="replace")
    ]
    assert not found
