"""Commands that start, stop and look at a system, and those that run inside an image."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from handrail.cli_identity import HOME, Home, examples
from handrail.cli_terminal import REFUSED, USAGE, Failure, out, progress

Service = Annotated[
    str, typer.Argument(metavar="SERVICE", help="briefing, executor, monitor, escalation, audit, tower")
]
Seed = Annotated[int, typer.Option(help="How the recipients behave: the same seed, the same behaviour.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for command in (up, down, url, status, logs, run, migrate, demo):
        app.command()(command)
    app.add_typer(keys, name="keys")


keys = typer.Typer(help="Keys of an installation.", no_args_is_help=True)


def up(
    home: Home = HOME,
    organisation: Annotated[Path | None, typer.Option(help="organisation.yaml; the example's when left out.")] = None,
    people: Annotated[Path | None, typer.Option(help="people.yaml; the example's when left out.")] = None,
    smtp: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Hand mail to this server. Left out: a local one, nothing leaves."),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="With --smtp: the https address of the unsubscribe pages.")
    ] = None,
    seed: Seed = 7,
) -> None:
    """Start Kafka, PostgreSQL, the six services and a local outside world."""
    from handrail.demo_system import Outside, build

    folder = examples()
    organisation = organisation or (folder and folder / "organisation.yaml")
    people = people or (folder and folder / "people.yaml")
    if organisation is None or people is None:
        raise Failure("say --organisation and --people: the examples are not below this folder", USAGE)
    for file in (organisation, people):
        if not file.is_file():
            raise Failure(f"there is no file {file}", USAGE)
    outside = Outside.at(smtp, public_url) if smtp else Outside.local(seed)
    with progress("starting") as say:
        system, reached_at = build(home, organisation, people, outside, say)
        system.start()
        outside.start(system, reached_at)
    out().print("[green]up[/]: every service is ready")
    for service in ("tower", "briefing", "executor", "monitor", "escalation", "audit"):
        out().print(f"  {service:<11}{system.urls(service)[0]}")
    out().print(f"Tokens: `handrail dev token --role marketer`. Stop with `handrail down`. Home: {system.home}")


def down(home: Home = HOME) -> None:
    """Stop everything that `handrail up` or a demo started in this home."""
    from handrail.local import system
    from handrail.local.status import status as look

    running = [each.name for each in look(home) if each.alive]
    with progress("stopping"):
        system.down(home)
    out().print(f"stopped {', '.join(running)}" if running else f"nothing runs in {home}")


def url(service: Annotated[str, typer.Argument(help="Such as briefing.")], home: Home = HOME) -> None:
    """Where a service answers, for curl and other tools."""
    from handrail.client import Places

    out().print(Places.found(home, os.environ).of(service), highlight=False)


def status(home: Home = HOME) -> None:
    """What runs, whether it is ready, and what it costs."""
    from rich.table import Table

    from handrail.local.status import status as look

    found = look(home)
    if not found:
        raise Failure(f"nothing runs in {home.resolve()}: start it with `handrail up`")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("process", "state", "address"):
        table.add_column(name)
    for name in ("pid", "memory", "cpu"):
        table.add_column(name, justify="right")
    for each in found:
        state = "[green]ready[/]" if each.ready else "[yellow]not ready[/]" if each.alive else "[red]gone[/]"
        address = f"127.0.0.1:{each.port}" if each.port else "-"
        memory, cpu = f"{each.resident_bytes / 2**20:.0f} MB", f"{each.cpu_seconds:.1f} s"
        table.add_row(each.name, state, address, str(each.pid), memory, cpu)
    out().print(table)
    total = sum(each.resident_bytes for each in found) / 2**20
    out().print(f"{len(found)} processes, {total:.0f} MB resident", style="dim")
    if not all(each.ready for each in found):
        raise typer.Exit(REFUSED)


def logs(
    service: Annotated[str | None, typer.Argument(help="One process, or all of them.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of each to begin with.")] = 20,
    home: Home = HOME,
) -> None:
    """The end of the logs."""
    from handrail import cli_logs

    cli_logs.show(home, service, follow, lines)


def run(service: Service) -> None:
    """Serve until SIGTERM, with settings from the environment (the command of the image)."""
    _known(service)
    os.execv(sys.executable, [sys.executable, "-m", service, "run"])


def migrate(
    services: Annotated[list[str] | None, typer.Argument(metavar="[SERVICE]...", help="All when left out.")] = None,
    home: Home = HOME,
) -> None:
    """Apply what is missing to the services' databases."""
    from handrail.local import environment

    saved = environment.load(home)
    failed: list[str] = []
    for service in services or list(environment.SERVICES):
        _known(service)
        variables = {**os.environ, **saved.get(f"{service}-0", {})}
        if f"{service.upper()}_DSN" not in variables:
            raise Failure(f"no database for {service}: set {service.upper()}_DSN, or start a system", USAGE)
        if subprocess.run([sys.executable, "-m", service, "migrate"], env=variables).returncode:
            failed.append(service)
    if failed:
        raise Failure(f"not migrated: {', '.join(failed)}")


def demo(
    home: Home = HOME,
    seed: Seed = 7,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running at the end.")] = False,
) -> None:
    """One whole campaign, for real: eight steps, each checked."""
    from handrail.demo import run as run_demo

    run_demo(home, seed, keep)


@keys.callback()
def _keys() -> None:
    """Keys of an installation."""


@keys.command("init")
def keys_init(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Create the keys that are missing in a folder; what is there stays as it is."""
    from handrail import keys as made

    before = set(folder.iterdir()) if folder.is_dir() else set()
    made.init(folder)
    for file in sorted(set(folder.iterdir()) - before):
        if not file.name.startswith("."):
            out().print(f"created {file}")
    out().print(f"the keys are in {folder}")


def _known(service: str) -> None:
    from handrail.local.environment import SERVICES

    if service not in SERVICES:
        raise Failure(f"there is no service {service!r}: it is one of {', '.join(SERVICES)}", USAGE)
