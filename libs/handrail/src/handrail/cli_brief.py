"""`handrail brief submit`: contacts and brief in, campaign and operating sheet out."""

from pathlib import Path
from typing import Annotated

import typer

from handrail import cli_audience
from handrail.cli_identity import HOME, As, Home, Token, client
from handrail.cli_terminal import REFUSED, Failure, out, progress

app = typer.Typer(help="Hand in a brief.", no_args_is_help=True)


@app.callback()
def _brief() -> None:
    """Hand in a brief."""


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="The brief, as YAML or JSON.")],
    contacts: Annotated[
        Path | None, typer.Option(help="CSV of the audience that the brief names; uploaded first.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Names the submission; the same key is the same campaign. Default: the content.")
    ] = None,
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Upload the audience, submit the brief, and show the plan or what must be mended."""
    from contracts.framing import digest
    from handrail import brief_file, cli_sheet
    from handrail.client import Refused

    draft = brief_file.read(file)
    text = draft.model_dump_json(exclude_none=True)
    rows = contacts.read_bytes() if contacts else b""
    with client(home, token, as_, ("marketer",)) as handrail:
        if contacts:
            if draft.audience is None:
                raise Failure(f"{file}: audience.segment_ref: name the audience that {contacts} is for")
            cli_audience.put(handrail, draft.audience.segment_ref, contacts, rows)
        with progress("submitting the brief"):
            try:
                made = handrail.submit_brief(text, key or digest("handrail/submission/v1", text, rows))
            except Refused as refused:
                cli_sheet.problems(f"{file}: {refused.title}", refused.errors)
                if refused.campaign_id:
                    out().print(f"recorded as campaign {refused.campaign_id}", style="dim")
                raise typer.Exit(REFUSED) from None
    cli_sheet.submitted(made)
    out().print(f"Next: handrail campaign status {made.campaign_id}")
