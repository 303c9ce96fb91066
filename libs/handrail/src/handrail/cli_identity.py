"""In whose name a command speaks: a token given, or one for development from the local issuer."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handrail.cli_terminal import USAGE, Failure

if TYPE_CHECKING:
    from handrail.client import Client
    from policy.directory import Person

TENANT = "demo"
Home = Annotated[Path, typer.Option("--home", envvar="HANDRAIL_HOME", help="Where the local system lives.")]
Token = Annotated[str | None, typer.Option("--token", envvar="HANDRAIL_TOKEN", help="A bearer token.")]
As = Annotated[str | None, typer.Option("--as", envvar="HANDRAIL_AS", help="Local system only: speak as this person.")]
HOME = Path(".handrail")


def examples() -> Path | None:
    """The folder of examples: below where we are, or of the checkout that this program runs from."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[4]):
        if (root / "examples" / "people.yaml").is_file():
            return root / "examples"
    return None


def directory(home: Path) -> tuple["Person", ...]:
    """The people that the local system knows."""
    from pydantic import ValidationError
    from yaml import YAMLError

    from handrail.local import environment
    from policy.directory import load_directory

    given = environment.load(home).get("escalation-0", {}).get("ESCALATION_PEOPLE")
    found = Path(given) if given else (examples() or Path("examples")) / "people.yaml"
    try:
        return load_directory(found).people
    except FileNotFoundError:
        raise Failure(f"there is no directory of people at {found}", USAGE) from None
    except (YAMLError, ValidationError):
        raise Failure(
            f"{found} is no directory: people: [{{subject: ana, roles: [campaign_approver]}}]", USAGE
        ) from None


def dev_token(
    home: Path, subject: str, roles: Sequence[str], *, human: bool = True, ttl: timedelta = timedelta(hours=8)
) -> str:
    """A token of the local issuer, which exists once the system was started or `handrail keys init` ran."""
    from handrail import keys

    folder = home / "keys"
    if not keys.Keys(folder).issuer.is_file():
        raise Failure(
            f"there is no issuer in {folder}: give --token or HANDRAIL_TOKEN, or start a system with `handrail up`",
            USAGE,
        )
    return keys.dev_token(folder, subject, tuple(roles), TENANT, "human" if human else "agent", ttl)


def token_for(home: Path, given: str | None, name: str | None, roles: Sequence[str], *, deciding: bool) -> str:
    """The token to send. Who decides a case says so: that is never picked for them."""
    if given:
        return given
    people = directory(home)
    if name is not None:
        for person in people:
            if person.subject == name:
                return dev_token(home, person.subject, person.roles, human=person.is_human)
        raise Failure(f"nobody is called {name!r}: there are {', '.join(one.subject for one in people)}", USAGE)
    able = [one for one in people if set(roles) & set(one.roles) and one.is_human]
    if deciding:
        names = f": locally --as {' or '.join(one.subject for one in able)}" if able else ""
        raise Failure(f"say who decides, by --token or HANDRAIL_TOKEN{names}", USAGE)
    if not able:
        raise Failure(f"nobody in the directory is {' or '.join(roles)}: give --token or --as", USAGE)
    return dev_token(home, able[0].subject, able[0].roles)


def client(
    home: Path, given: str | None, name: str | None, roles: Sequence[str], *, deciding: bool = False
) -> "Client":
    """The doors of the running system, in somebody's name."""
    from handrail.client import Client, Places

    places = Places.found(home, os.environ)
    return Client(places, token_for(home, given, name, roles, deciding=deciding))
