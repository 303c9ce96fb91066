"""`handrail dev`: tokens, and the disasters of docs/runbooks/operations, on a local system."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from handrail.cli_identity import HOME, Home, dev_token, directory
from handrail.cli_terminal import AWAY, USAGE, Failure, err, out, progress

dev = typer.Typer(help="For development on a local system.", no_args_is_help=True)
Service = Annotated[
    str, typer.Argument(metavar="SERVICE", help="briefing, executor, monitor, escalation, audit, tower")
]
BackupFile = Annotated[Path, typer.Argument(metavar="FILE")]
Services = Annotated[list[str] | None, typer.Argument(metavar="[SERVICE]...", help="All when left out.")]


@dev.callback()
def _dev() -> None:
    """For development on a local system."""


@dev.command("token")
def token(
    role: Annotated[list[str], typer.Option("--role", help="May be given several times.")],
    subject: Annotated[str | None, typer.Option(help="Whose; somebody with the role when left out.")] = None,
    agent: Annotated[bool, typer.Option("--agent", help="For a system, not a person.")] = False,
    home: Home = HOME,
) -> None:
    """Print a token of the local issuer: good for eight hours, believed by this home's services only."""
    named = subject or _somebody(home, role)
    made = dev_token(home, named, role, human=not agent)
    if subject is None:
        err().print(f"for {named}", style="dim")
    sys.stdout.write(made + "\n")


@dev.command("stop")
def stop(services: Services = None, home: Home = HOME) -> None:
    """Stop services; Kafka and the databases go on."""
    from handrail.local.environment import SERVICES
    from handrail.local.restart import stop_services

    with progress("stopping"):
        stopped = stop_services(home, services or SERVICES)
    out().print(f"stopped {', '.join(stopped) or 'nothing'}")


@dev.command("start")
def start(services: Services = None, home: Home = HOME) -> None:
    """Start services again, as `handrail up` had started them."""
    from handrail.local.environment import SERVICES
    from handrail.local.restart import start_services

    with progress("starting") as say:
        started = start_services(home, services or SERVICES, say)
    out().print(f"started {', '.join(started) or 'nothing'}")


@dev.command("new-kafka")
def new_kafka(home: Home = HOME) -> None:
    """Delete all that Kafka holds, as a lost disk would, and put an empty cluster in its place."""
    from contracts.catalogue import TOPICS
    from handrail.demo_system import PARTITIONS
    from handrail.local.restart import replace_kafka

    with progress("replacing Kafka") as say:
        replace_kafka(home, dict.fromkeys(TOPICS, PARTITIONS), say)
    out().print("a new and empty Kafka cluster, at the old address")


@dev.command("backup")
def backup(service: Service, file: BackupFile, home: Home = HOME) -> None:
    """Write a service's database to a file, with pg_dump; the service may run."""
    from handrail.local.backups import dump

    dump(_database(home, service), file)
    out().print(f"{service}'s database is in {file}")


@dev.command("restore")
def restore(service: Service, file: BackupFile, home: Home = HOME) -> None:
    """Put a service's database back as it was in the file, with pg_restore; the service must be stopped."""
    from handrail.local.backups import restore as put_back

    if not file.is_file():
        raise Failure(f"there is no file {file}", USAGE)
    put_back(_database(home, service), file)
    out().print(f"{service}'s database is as it was in {file}: say `handrail recover --service {service}`")


def _database(home: Path, service: str) -> str:
    from handrail.local import environment

    known = environment.load(home).get(f"{service}-0", {}).get(f"{service.upper()}_DSN")
    if known is None:
        raise Failure(f"no database of {service!r} in {home.resolve()}: start one with `handrail up`", AWAY)
    return known


def _somebody(home: Path, roles: list[str]) -> str:
    try:
        known = next((one.subject for one in directory(home) if set(roles) <= set(one.roles)), None)
    except Failure:
        known = None
    return known or f"dev-{roles[0].replace('_', '-')}"
