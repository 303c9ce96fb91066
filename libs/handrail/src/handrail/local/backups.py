"""A service's database as a file, and back: PostgreSQL's own tools, as an operator uses them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from handrail.local.failure import CannotStart
from handrail.local.postgres import binaries

PATIENCE_SECONDS = 600


def dump(dsn: str, file: Path) -> None:
    """Write all of a database, as it is at one moment; the service may run meanwhile."""
    _run("pg_dump", "--format=custom", f"--file={file}", dsn)


def restore(dsn: str, file: Path) -> None:
    """Put a database back as it was: all of it or nothing. Nobody may be using it."""
    _run(
        "pg_restore", "--clean", "--if-exists", "--single-transaction", "--exit-on-error", f"--dbname={dsn}", str(file)
    )


def _run(*command: str) -> None:
    argv: Sequence[str] = [str(binaries() / command[0]), *command[1:]]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    if done.returncode:
        raise CannotStart(f"{command[0]}: {done.stderr.strip()}")
