"""`handrail replay`, `handrail recover`, and what runs a service's own program as the running system is set."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from handrail.cli_identity import HOME, Home
from handrail.cli_terminal import AWAY, USAGE, Failure

Some = Annotated[list[str] | None, typer.Option("--service", metavar="SERVICE", help="Of this one; all when left out.")]
TIMES = ["%Y-%m-%dT%H:%M:%S%z"]


def register(app: typer.Typer) -> None:
    app.command()(replay)
    app.command()(recover)


def replay(
    service: Some = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Of this one; all when left out.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=TIMES, help="What was kept then or later, RFC 3339.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=TIMES, help="And before then.")] = None,
    home: Home = HOME,
) -> None:
    """On a new Kafka cluster: say again what is kept, in order. Nothing is done twice."""
    arguments = [part for one in topic or [] for part in ("--topic", one)]
    for name, at in (("--from", since), ("--to", until)):
        arguments += [] if at is None else [name, at.isoformat()]
    of_each(home, service, "replay", *arguments)


def recover(service: Some = None, home: Home = HOME) -> None:
    """After a restore from a backup: learn again what the databases have forgotten. Nothing leaves twice."""
    of_each(home, service, "recover")


def of_each(home: Path, services: list[str] | None, *arguments: str) -> None:
    """Run a command of each service's program, all of them, and complain afterwards of those that failed."""
    from handrail.local.environment import SERVICES

    failed = [one for one in services or list(SERVICES) if run_program(home, one, *arguments)]
    if failed:
        raise Failure(f"{arguments[0]} failed for {', '.join(failed)}: see above")


def run_program(home: Path, service: str, *arguments: str) -> int:
    """The service's own program, with the environment of the running system; its exit code."""
    from handrail.local import environment

    if service not in environment.SERVICES:
        raise Failure(f"there is no service {service!r}: it is one of {', '.join(environment.SERVICES)}", USAGE)
    variables = {**os.environ, **environment.load(home).get(f"{service}-0", {})}
    if f"{service.upper()}_DSN" not in variables:
        raise Failure(f"nobody said where {service}'s database is: `handrail up`, or set {service.upper()}_DSN", AWAY)
    return subprocess.run([sys.executable, "-m", service, *arguments], env=variables).returncode
