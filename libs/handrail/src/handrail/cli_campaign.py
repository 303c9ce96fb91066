"""`handrail campaign` and `handrail kill`: look at a campaign, stop it, set it going again."""

from typing import Annotated
from uuid import UUID

import typer

from handrail.cli_identity import HOME, As, Home, Token, client
from handrail.cli_terminal import USAGE, Failure, out

app = typer.Typer(help="Look at campaigns, stop them, set them going again.", no_args_is_help=True)
kill = typer.Typer(help="The kill switch: nothing leaves while it is engaged.", no_args_is_help=True)
READERS = ("marketer", "campaign_approver", "marketing_lead", "operator", "auditor", "viewer")
PEOPLE = ("marketer", "campaign_approver", "marketing_lead", "operator")
CampaignId = Annotated[UUID, typer.Argument(metavar="ID", help="The campaign's id.")]
Because = Annotated[str, typer.Option("--reason", help="Recorded, and shown to everybody.")]
Scope = Annotated[str, typer.Argument(metavar="SCOPE", help="global, tenant, or campaigns/ID.")]


def register(root: typer.Typer) -> None:
    root.add_typer(kill, name="kill")


@app.callback()
def _campaign() -> None:
    """Look at campaigns, stop them, set them going again."""


@app.command("list")
def list_campaigns(home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """All campaigns of the tenant."""
    from rich.markup import escape
    from rich.table import Table

    with client(home, token, as_, READERS) as handrail:
        found = handrail.campaigns()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("campaign", "stage", "name"):
        table.add_column(name, no_wrap=name != "name")
    for one in found:
        table.add_row(str(one.campaign_id), one.stage + (" (halted)" if one.halted else ""), escape(one.name))
    out().print(table if found else "no campaign yet: handrail brief submit FILE")


@app.command()
def status(campaign: CampaignId, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """Where a campaign is: stage, checklist, waves, results, promises, open cases."""
    from handrail import cli_results
    from handrail.client import Refused

    with client(home, token, as_, READERS) as handrail:
        work = handrail.campaign(campaign)
        try:
            results = handrail.results(campaign)
        except Refused as refused:
            if refused.status != 404:
                raise
            results = None
        cases = [one for one in handrail.cases() if one.campaign_id == campaign]
    cli_results.campaign(work, results, cases)


@app.command()
def pause(campaign: CampaignId, reason: Because, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """Halt it at once; nothing more leaves until a person resumes it."""
    with client(home, token, as_, PEOPLE) as handrail:
        done = handrail.pause(campaign, reason)
    out().print(f"[green]{done.result.replace('_', ' ')}[/] resume: handrail campaign resume {campaign} --reason ...")


@app.command()
def cancel(campaign: CampaignId, reason: Because, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """End it at once; what has left has left."""
    with client(home, token, as_, PEOPLE) as handrail:
        done = handrail.cancel(campaign, reason)
    out().print(f"[green]{done.result.replace('_', ' ')}[/]")


@app.command()
def resume(campaign: CampaignId, reason: Because, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """Propose to go on; whoever may decide that is asked."""
    with client(home, token, as_, ("marketer", "campaign_approver", "marketing_lead")) as handrail:
        done = handrail.resume(campaign, reason)
    out().print(f"[green]{done.result.replace('_', ' ')}[/] see: handrail case list")


@app.command()
def waive(
    campaign: CampaignId,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="As the checklist names it: mail.attended:lengths.")],
    reason: Because,
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Let one failing item of the launch checklist pass, in your name; what the law asks for, nobody can."""
    with client(home, token, as_, ("campaign_approver", "marketing_lead"), deciding=True) as handrail:
        done = handrail.waive(campaign, item, reason)
    out().print(f"[green]{done.result.replace('_', ' ')}[/]")


@app.command("test-send")
def test_send(
    campaign: CampaignId,
    mail: Annotated[str, typer.Option(metavar="MAIL", help="Which draft: mail.attended or mail.no_show.")],
    home: Home = HOME,
    token: Token = None,
    as_: As = None,
) -> None:
    """Send a draft to yourself, at the address that the directory has for you; nobody else gets it."""
    with client(home, token, as_, ("marketer", "campaign_approver", "marketing_lead"), deciding=True) as handrail:
        done = handrail.test_send(campaign, mail)
    out().print(f"[green]{done.result.replace('_', ' ')}[/] it is on its way to you, marked as a test")


@kill.callback()
def _kill() -> None:
    """The kill switch: nothing leaves while it is engaged."""


@kill.command()
def engage(scope: Scope, reason: Because, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """Stop every effect in the scope, at once."""
    _switch(scope, True, reason, home, token, as_)


@kill.command()
def release(scope: Scope, reason: Because, home: Home = HOME, token: Token = None, as_: As = None) -> None:
    """Let effects happen again; two people must release it."""
    _switch(scope, False, reason, home, token, as_)


def _switch(scope: str, engaged: bool, reason: str, home: Home, token: str | None, as_: str | None) -> None:
    if scope not in ("global", "tenant") and not scope.startswith("campaigns/"):
        raise Failure(f"{scope!r} is no scope: global, tenant or campaigns/ID", USAGE)
    with client(
        home, token, as_, ("operator", "campaign_approver", "marketing_lead"), deciding=not engaged
    ) as handrail:
        done = handrail.kill_switch(scope, engaged, reason)
    out().print(f"[bold]{scope}[/]: {done.result.replace('_', ' ')}")
    if done.result == "release_asked":
        out().print(f"  a second person must release it too: handrail kill release {scope} --reason ...")
