"""`handrail case`: what people are asked, and their answers."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from handrail.cli_identity import HOME, As, Home, Token, client
from handrail.cli_terminal import USAGE, Failure, interactive, out, progress, short, until

if TYPE_CHECKING:
    from handrail.case_views import Card, Option
    from handrail.client import Client
    from handrail.views import Mail

app = typer.Typer(help="What people are asked to decide.", no_args_is_help=True)
READERS = ("campaign_approver", "marketing_lead", "marketer", "operator", "auditor", "viewer")
DECIDERS = ("campaign_approver", "marketing_lead")
CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The case's id, or how it begins.")]
Which = Annotated[str | None, typer.Option("--option", help="Its number on the card, or its decision id.")]
What = Annotated[str | None, typer.Option(help="Reason: what you decided.")]
When = Annotated[str | None, typer.Option(help="Reason: in which situation this applies.")]
Until = Annotated[str | None, typer.Option(help="Reason: until when.")]
Why = Annotated[str | None, typer.Option(help="Reason: why.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not show the card and ask again.")]


@app.callback()
def _case() -> None:
    """What people are asked to decide."""


@app.command("list")
def list_cases(
    every: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False,
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Open cases, the most urgent first."""
    from rich.markup import escape
    from rich.table import Table

    with client(home, token, as_, READERS) as handrail:
        found = sorted(handrail.cases(every=every), key=lambda one: one.deadline)
    if not found:
        out().print("nobody is asked anything")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("case", "severity", "kind", "status", "needs", "deadline", "asked"):
        table.add_column(name, no_wrap=name != "asked")
    for one in found:
        table.add_row(
            short(one.case_id),
            one.severity,
            one.kind,
            one.standing,
            one.needs.role,
            until(one.deadline),
            escape(one.asked),
        )
    out().print(table)


@app.command()
def show(case: CaseId, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """The card: everything there is to know before deciding."""
    from handrail import cli_card

    with client(home, token, as_, DECIDERS) as handrail, progress("looking at the case"):
        found = find(handrail, case)
        mails = rendered(handrail, found)
    out().print(cli_card.card(found, mails))


@app.command()
def approve(
    case: CaseId,
    option: Which = None,
    what: What = None,
    when: When = None,
    until: Until = None,
    why: Why = None,
    yes: Yes = False,
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Approve exactly what the card shows; of several options one."""
    _decide(home, token, as_, case, option, "approve", (what, when, until, why), yes)


@app.command()
def refuse(
    case: CaseId,
    option: Which = None,
    what: What = None,
    when: When = None,
    until: Until = None,
    why: Why = None,
    yes: Yes = False,
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Refuse it, and say why."""
    _decide(home, token, as_, case, option, "refuse", (what, when, until, why), yes)


@app.command()
def settle(
    case: CaseId,
    settled: Annotated[str, typer.Argument(metavar="applied|not_applied", help="What became of the effect.")],
    what: What = None,
    when: When = None,
    until: Until = None,
    why: Why = None,
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Say what became of an effect whose answer was lost."""
    if settled not in ("applied", "not_applied"):
        raise Failure(f"{settled!r} is neither applied nor not_applied", USAGE)
    with client(home, token, as_, DECIDERS, deciding=True) as handrail:
        found = find(handrail, case)
        done = handrail.settle(found.case_id, settled, reason((what, when, until, why), f"it was {settled}") or {})
    out().print(f"[green]{done.result.replace('_', ' ')}[/]")


@app.command()
def acknowledge(case: CaseId, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """Tell the others that you look at it."""
    with client(home, token, as_, DECIDERS, deciding=True) as handrail:
        done = handrail.acknowledge(find(handrail, case).case_id)
    out().print(f"[green]{done.result.replace('_', ' ')}[/]")


def find(handrail: "Client", beginning: str) -> "Card":
    """The one case whose id begins so. Raises Failure when there is none, or more."""
    found = [one for one in handrail.cases(every=True) if str(one.case_id).startswith(beginning.lower())]
    if len(found) != 1:
        many = "several cases begin" if found else "no case begins"
        raise Failure(f"{many} with {beginning!r}: see `handrail case list --all`", USAGE)
    return handrail.case(found[0].case_id)


def rendered(handrail: "Client", case: "Card") -> dict[str, list["Mail"]]:
    """The mails of each option, and of what was approved before where they are still kept: by content hash.

    As the executor would send them, with the person's own token.
    """
    from handrail.client import Refused

    mails: dict[str, list[Mail]] = {}
    for option in case.options:
        if not option.preview:
            continue
        mails[option.content_hash] = _mails(handrail, case.campaign_id, option.content_hash)
        if (diff := option.diff) is not None and diff.parts:
            with suppress(Refused):
                mails[diff.content_hash] = _mails(handrail, diff.campaign_id, diff.content_hash)
    return mails


def _mails(handrail: "Client", campaign: UUID, content_hash: str) -> list["Mail"]:
    made = handrail.previews(campaign, content_hash).mails
    return [handrail.preview(campaign, content_hash, artefact=one.variant) for one in made]


def pick(case: "Card", which: str | None) -> "Option":
    """The option that `which` names, by number or decision id; asked for when a person is there."""
    left = [(number, one) for number, one in enumerate(case.options, 1) if not one.refused]
    if which is None and len(left) == 1:
        return left[0][1]
    if which is None and interactive():
        which = typer.prompt("Which option (its number)")
    for number, one in left:
        if which is not None and (which == str(number) or str(one.decision_id).startswith(which.lower())):
            return one
    listed = "; ".join(f"{number}: {one.title}" for number, one in left) or "none is left"
    raise Failure(f"say --option, one of {listed}", USAGE)


def reason(given: Sequence[str | None], what: str, defaults: Sequence[str] = ("", "", "")) -> dict[str, str] | None:
    """The structured reason: as given, or asked for part by part; None when nothing was given and nobody is there."""
    names = ("what", "when", "until", "why")
    if not interactive():
        if not any(given):
            return None
        missing = [f"--{name}" for name, text in zip(names, given, strict=True) if not text]
        if missing:
            raise Failure(f"a reason has four parts: also say {' '.join(missing)}", USAGE)
        return {name: text for name, text in zip(names, given, strict=True) if text}
    asked = (
        "What did you decide",
        "When does it apply (in which situation)",
        "Until when does it hold",
        "Why",
    )
    said: dict[str, str] = {}
    for name, text, question, default in zip(names, given, asked, (what, *defaults), strict=True):
        said[name] = text or typer.prompt(question, default=default or None)
    return said


def _decide(
    home: "Home",
    token: str | None,
    as_: str | None,
    case: str,
    which: str | None,
    choice: str,
    given: Sequence[str | None],
    yes: bool,
) -> None:
    from handrail import cli_card

    with client(home, token, as_, DECIDERS, deciding=True) as handrail:
        found = find(handrail, case)
        if found.status != "open":
            raise Failure(f"the case is {found.standing}")
        if not yes:
            out().print(cli_card.card(found, rendered(handrail, found)))
        option = pick(found, which)
        needed = choice == "refuse" or found.kind == "trigger"
        why = reason(given, f"{choice} {option.title}") if needed or any(given) else None
        if needed and why is None:
            raise Failure("this needs a reason: --what --when --until --why", USAGE)
        if interactive() and not yes:
            typer.confirm(f"{choice.capitalize()} {option.title!r} ({option.recipients} recipients)?", abort=True)
        done = handrail.decide(found.case_id, option, choice, why)
    out().print(f"[green]{done.result.replace('_', ' ')}[/] {short(option.decision_id)} {option.title}")
    if done.result == "cleared_by_people":
        out().print(f"Why, later: handrail explain {option.decision_id}")
