"""`handrail explain`, `handrail audit`, `handrail dead-letters` and `handrail events`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from handrail.cli_identity import HOME, As, Home, Token, client
from handrail.cli_operations import run_program
from handrail.cli_terminal import REFUSED, USAGE, Failure, out, progress

audit = typer.Typer(help="The record of everything, and its proof.", no_args_is_help=True)
letters = typer.Typer(help="What a service could not process.", no_args_is_help=True)
events = typer.Typer(help="Report events as another system would.", no_args_is_help=True)
READERS = ("auditor", "campaign_approver", "marketing_lead", "marketer", "operator", "viewer")
Service = Annotated[
    str, typer.Argument(metavar="SERVICE", help="briefing, executor, monitor, escalation, audit, tower")
]
LetterId = Annotated[int, typer.Argument(metavar="ID")]


def register(app: typer.Typer) -> None:
    app.command()(explain)
    app.add_typer(audit, name="audit")
    app.add_typer(letters, name="dead-letters")
    app.add_typer(events, name="events")


def explain(
    decision: Annotated[UUID, typer.Argument(metavar="DECISION")],
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Why it was decided: what was seen, decided, which tool, who approved which version, what came of it."""
    from handrail import cli_explain

    with client(home, token, as_, READERS) as handrail:
        found = handrail.explain(decision)
    out().print(cli_explain.explanation(found))


@audit.callback()
def _audit() -> None:
    """The record of everything, and its proof."""


@audit.command()
def export(
    file: Annotated[Path, typer.Argument(help="Written as JSON lines.")],
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Every record of the tenant, byte for byte, with its place in the chain."""
    with client(home, token, as_, ("auditor",)) as handrail, progress("exporting", every_seconds=1) as say:
        count = save_export(handrail.export(), file, say)
    out().print(f"{count} records in {file}")


@audit.command()
def verify(
    file: Annotated[Path, typer.Argument(help="An export.")],
    keys: Annotated[Path, typer.Option(help="JSON of public keys: signature-keys.json of the installation.")],
) -> None:
    """Check an export, offline: every leaf, the whole chain, every signature."""
    from handrail.verify import verify_file

    for given in (file, keys):
        if not given.is_file():
            raise Failure(f"there is no file {given}", USAGE)
    with progress("verifying"):
        report = verify_file(file, keys)
    if not report.ok:
        raise Failure(str(report))
    out().print(f"[green]verified[/] {report}")


@letters.callback()
def _letters() -> None:
    """What a service could not process."""


@letters.command("list")
def list_letters(service: Service, home: Home = HOME) -> None:
    """One JSON line each."""
    _letters_of(home, service, "list")


@letters.command("show")
def show_letter(service: Service, letter: LetterId, home: Home = HOME) -> None:
    """One, with its bytes."""
    _letters_of(home, service, "show", str(letter))


@letters.command()
def redrive(service: Service, letter: LetterId, home: Home = HOME) -> None:
    """Process it, and all of its campaign that waits behind it, in order."""
    _letters_of(home, service, "redrive", str(letter))


@letters.command()
def discard(
    service: Service,
    letter: LetterId,
    reason: Annotated[str, typer.Option(help="Recorded.")],
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Throw it away; two people must ask for it."""
    from handrail.cli_identity import token_for

    own = token_for(home, token, as_, ("operator", "marketing_lead"), deciding=True)
    _letters_of(home, service, "discard", str(letter), "--reason", reason, "--token", own)


@events.callback()
def _events() -> None:
    """Report events as another system would."""


@events.command()
def publish(
    file: Annotated[Path, typer.Argument(help="CloudEvents as JSON: one, an array, or one a line; - reads stdin.")],
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Hand CloudEvents to the monitor: all of them, or none."""
    found = _events_of(file)
    with client(home, token, as_, ("marketer", "operator")) as handrail:
        accepted = handrail.publish(found).accepted
    out().print(f"[green]accepted[/] {len(accepted)}")


def save_export(pieces: Iterator[bytes], file: Path, say: Callable[[str], None]) -> int:
    """Write an export; the file is there when all of it is. Returns how many records it has."""
    fresh = file.with_name(file.name + ".part")
    count = 0
    with fresh.open("wb") as target:
        for piece in pieces:
            target.write(piece)
            count += piece.count(b"\n")
            say(f"{count} records")
    fresh.replace(file)
    return count


def _events_of(file: Path) -> list[dict[str, object]]:
    import json

    text = sys.stdin.read() if str(file) == "-" else file.read_text()
    try:
        try:
            value = json.loads(text)
        except ValueError:
            value = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise Failure(f"{file}: neither JSON nor one JSON value a line: {error}", USAGE) from None
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(one, dict) for one in found):
        raise Failure(f"{file}: a CloudEvent is a JSON object, see docs/reference/events.md", USAGE)
    return found


def _letters_of(home: Path, service: str, *arguments: str) -> None:
    if run_program(home, service, "dead-letters", *arguments):
        raise typer.Exit(REFUSED)
