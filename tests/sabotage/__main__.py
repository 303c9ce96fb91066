"""`python -m tests.sabotage [NAME ...]`: is every known-bad build caught by the test that it names?

Each build is made in a copy of the checkout and its test run there. First all of the tests run on the untouched copy: a
test that fails anyway catches nothing. The table of docs/reference/proof.md is written anew when all builds were run.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory

from tests.sabotage.builds import BUILDS, Build

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/reference/proof.md"
BEGIN, END = "<!-- sabotage: begin -->", "<!-- sabotage: end -->"
SECONDS = 300
ALL_SECONDS = 1800
"""For the tests of all builds together, on the untouched copy."""
JOBS = 4
"""At a time: whoever waits for what a bad build never does needs no processor."""
PASSED, FAILED = 0, 1
"""pytest's exit codes: 2 and more say that the tests did not run, which catches nothing."""


def copied(folder: Path) -> Path:
    """The checkout as it is, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def tested(copy: Path, tests: Iterable[str], seconds: float = SECONDS) -> tuple[int, str]:
    """pytest's exit code in `copy`, and the first test that failed. The copy's packages come before the installed."""
    sources = [str(path) for parent in ("libs", "services") for path in sorted((copy / parent).glob("*/src"))]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=copy, env=env, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return FAILED, f"no end within {seconds} s"
    failed = [line.split(" - ")[0].removeprefix("FAILED ") for line in ran.stdout.splitlines() if "FAILED " in line]
    return ran.returncode, failed[0].strip() if failed else ""


def main(names: list[str]) -> int:
    chosen = [build for build in BUILDS if not names or build.name in names]
    with TemporaryDirectory(prefix="handrail-sabotage-") as folder:
        copies: Queue[Path] = Queue()
        for nth in range(JOBS):
            copies.put(copied(Path(folder) / str(nth)))
        code, failed = tested(copies.queue[0], sorted({build.caught_by for build in chosen}), ALL_SECONDS)
        if code != PASSED:
            print(f"the tests fail on the untouched checkout: {failed or f'exit {code}'}")
            return 1
        print(f"{len(chosen)} builds; their tests pass on the untouched checkout")
        with ThreadPoolExecutor(JOBS) as pool:
            rows = list(pool.map(lambda build: (build, *_caught(copies, build)), chosen))
    escaped = [build.name for build, caught, _ in rows if not caught]
    print(f"{len(rows) - len(escaped)} of {len(rows)} caught" + "".join(f"; NOT caught: {name}" for name in escaped))
    if not names and not escaped:
        _write(rows)
    return 1 if escaped else 0


def _caught(copies: "Queue[Path]", build: Build) -> tuple[bool, str]:
    copy = copies.get()
    file, begun = copy / build.file, time.monotonic()
    sound = file.read_text()
    file.write_text(sound.replace(build.now, build.then, 1))
    try:
        code, failed = tested(copy, [build.caught_by])
    finally:
        file.write_text(sound)
        copies.put(copy)
    caught = code == FAILED
    print(f"{'caught' if caught else 'ESCAPED':8}{build.name} ({time.monotonic() - begun:.0f} s) {failed}", flush=True)
    return caught, failed or build.caught_by


def _write(rows: Iterable[tuple[Build, bool, str]]) -> None:
    page = PAGE.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    lines = ["| known-bad build | what it breaks | caught by |", "|---|---|---|"]
    lines += [
        f"| {build.name} | {build.breaks} | `{failed.split('::')[-1].split('[')[0]}` |" for build, _, failed in rows
    ]
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
