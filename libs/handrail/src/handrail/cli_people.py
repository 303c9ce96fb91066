"""`handrail people`: who can be asked, and whether everything that may be asked reaches somebody."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handrail.cli_case import READERS, CaseId, find
from handrail.cli_identity import HOME, As, Home, Token, client, examples
from handrail.cli_terminal import REFUSED, USAGE, Failure, out, until

if TYPE_CHECKING:
    from rich.table import Table

    from handrail.case_views import Person

app = typer.Typer(help="Who can be asked.", no_args_is_help=True)
WORDS = {"told": "was asked", "next": "is asked next", "in_reserve": "in reserve", "busy": "asked enough this hour"}


@app.callback()
def _people() -> None:
    """Who can be asked."""


@app.command("list")
def list_people(home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """The directory: roles, channels, who is on call, who is away."""
    with client(home, token, as_, READERS) as handrail:
        people = handrail.people()
    table = _table("who", "roles", "channels", "there", "asked this hour")
    for one in people:
        row = (one.subject, ", ".join(one.roles), ", ".join(one.channels), _there(one), str(one.requests_this_hour))
        table.add_row(*row)
    out().print(table)


@app.command("of")
def of_case(case: CaseId, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """Who can answer a case now, in the order of asking."""
    with client(home, token, as_, READERS) as handrail:
        found = handrail.people_of(find(handrail, case).case_id)
    if not found.candidates:
        raise Failure("nobody has the role or its backup: see `handrail people check`", REFUSED)
    table = _table("who", "role", "now", "asked this hour")
    for one in found.candidates:
        table.add_row(one.subject, one.role, WORDS.get(one.standing, one.standing), str(one.requests_this_hour))
    out().print(table)


@app.command()
def check(
    organisation: Annotated[Path | None, typer.Option(help="organisation.yaml; the example's when left out.")] = None,
    people: Annotated[Path | None, typer.Option(help="people.yaml; the example's when left out.")] = None,
) -> None:
    """Whether each role that the policy asks has a holder and a backup. Ends with 1 where one has not."""
    from pydantic import ValidationError

    from policy.directory import load_directory
    from policy.lint import lint_people
    from policy.organisation import load_organisation

    folder = examples() or Path("examples")
    try:
        matrix = load_organisation(organisation or folder / "organisation.yaml").policy.matrix
        findings = lint_people(matrix, load_directory(people or folder / "people.yaml"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Failure(f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}", USAGE) from None
    if findings:
        raise Failure("\n  ".join(["some questions would reach nobody:", *findings]), REFUSED)
    out().print("[green]every question reaches somebody, and a backup[/]")


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _there(person: "Person") -> str:
    if person.absent:
        return f"away, back {until(person.back_at)}" if person.back_at else "away"
    return "on call" if person.on_call else "yes"
