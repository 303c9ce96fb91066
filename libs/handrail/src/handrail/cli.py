"""The command `handrail`. Each command imports what it needs when it runs, so that help is quick."""

import os
import sys

import typer

from handrail import (
    cli_audience,
    cli_audit,
    cli_brief,
    cli_campaign,
    cli_case,
    cli_dev,
    cli_operations,
    cli_people,
    cli_system,
)
from handrail.cli_terminal import AWAY, REFUSED, USAGE, Failure, err

app = typer.Typer(
    name="handrail",
    help="Marketing campaigns hands-off where possible, human-led where it counts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli_system.register(app)
cli_operations.register(app)
app.add_typer(cli_dev.dev, name="dev")
app.add_typer(cli_brief.app, name="brief")
app.add_typer(cli_audience.app, name="audience")
app.add_typer(cli_campaign.app, name="campaign")
app.add_typer(cli_case.app, name="case")
app.add_typer(cli_people.app, name="people")
cli_campaign.register(app)
cli_audit.register(app)


def main() -> None:
    """Run the command line; whatever goes wrong is one clear line and an exit code."""
    try:
        app()
    except Failure as failure:
        _end(str(failure), failure.code)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except Exception as error:  # a person at a terminal gets no traceback
        if os.environ.get("HANDRAIL_DEBUG"):
            raise
        _end(*_told(error))


def _told(error: Exception) -> tuple[str, int]:
    from handrail.client import Refused, Unreachable
    from handrail.local.failure import CannotStart

    match error:
        case Refused():
            lines = [f"{one.where}: {one.problem} {one.fix}".rstrip() for one in error.errors]
            return "\n  ".join([str(error).replace("_", " "), *lines]), REFUSED
        case Unreachable() | CannotStart():
            return str(error), AWAY
        case OSError() if error.filename is not None:
            return f"{error.filename}: {error.strerror}", USAGE
        case _:
            return f"{type(error).__name__}: {error} (a bug? HANDRAIL_DEBUG=1 shows where)", REFUSED


def _end(text: str, code: int) -> None:
    err().print(f"[bold red]error[/] {_plain(text)}")
    sys.exit(code)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
