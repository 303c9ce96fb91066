"""`handrail audience`: lists of contacts, by name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handrail.cli_identity import HOME, As, Home, Token, client
from handrail.cli_terminal import REFUSED, out, progress

if TYPE_CHECKING:
    from handrail.client import Client

app = typer.Typer(help="Lists of contacts.", no_args_is_help=True)


@app.callback()
def _audience() -> None:
    """Lists of contacts."""


@app.command()
def upload(
    name: Annotated[str, typer.Argument(help="As the brief calls it: audience.segment_ref, or an exclusion.")],
    file: Annotated[Path, typer.Argument(help="CSV of its contacts; it replaces what is there under that name.")],
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Upload a list; campaigns that its check holds up are prepared again, and nothing that was proposed changes."""
    rows = file.read_bytes()
    with client(home, token, as_, ("marketer",)) as handrail:
        put(handrail, name, file, rows)


def put(handrail: "Client", name: str, file: Path, rows: bytes) -> None:
    """Upload `rows` as audience `name`, and say what came of it. Raises Exit when a line must be mended."""
    from handrail import cli_sheet
    from handrail.client import Refused

    with progress(f"uploading {file.name}"):
        try:
            taken = handrail.upload_audience(name, rows)
        except Refused as refused:
            cli_sheet.problems(f"{file}: {refused.title}", refused.errors)
            raise typer.Exit(REFUSED) from None
    out().print(f"audience [bold]{name}[/]: {taken.contacts} contacts, {taken.with_consent} with consent")
    for campaign in taken.waiting:
        out().print(f"  if it waits for this list, it is prepared again: handrail campaign status {campaign}")
