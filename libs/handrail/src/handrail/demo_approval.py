"""Steps 2 to 4: a brief becomes a plan, the plan two mails, and a person approves exactly these."""

import csv
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from contracts.framing import digest
from handrail import brief_file, cli_card, cli_case, cli_sheet
from handrail.case_views import Card
from handrail.cli_terminal import out, short
from handrail.client import Refused
from handrail.demo_stage import DidNotHold, Stage
from handrail.demo_system import DEAD_DOMAIN
from handrail.views import Submitted

AUTHOR, APPROVER = "maya", "ana"
SHEET_PARTS = 8


def hand_in(stage: Stage) -> Submitted:
    """Contacts, a vague brief, a good brief."""
    maya = stage.person(AUTHOR)
    file = stage.example / "contacts.csv"
    with file.open(newline="") as rows:
        domains = [row["email"].rpartition("@")[2] for row in csv.DictReader(rows)]
    draft = brief_file.read(stage.example / "brief.yaml")
    assert draft.audience is not None
    name = draft.audience.segment_ref
    taken = maya.upload_audience(name, file.read_bytes())
    stage.holds(
        taken.contacts == len(domains),
        f"{AUTHOR} uploads {name}: {taken.contacts} contacts, {taken.with_consent} with consent",
    )
    out().print(f"  {domains.count(DEAD_DOMAIN)} of them are at {DEAD_DOMAIN}, which nobody here knows yet to be dead")
    vague = brief_file.read(stage.example / "vague.yaml").model_dump_json(exclude_none=True)
    try:
        maya.submit_brief(vague, digest("demo", vague))
    except Refused as refused:
        goal = next((one for one in refused.errors if one.where.startswith(("goal", "objective"))), None)
        stage.holds(
            refused.status == 422 and goal, f"a vague brief is refused, {len(refused.errors)} problems by field"
        )
        cli_sheet.problems("“improve engagement”", refused.errors)
    else:
        raise DidNotHold("a brief that nobody could judge was accepted")
    text = draft.model_dump_json(exclude_none=True)
    made = maya.submit_brief(text, digest("demo", text))
    out().print()
    cli_sheet.submitted(made)
    plan = made.plan
    if plan is None:
        raise DidNotHold(f"the brief is {made.status}: there is no plan")
    again = maya.plan(made.campaign_id)
    stage.holds(
        again.plan and again.plan.hash == plan.hash, f"plan version {plan.version} is issued, its policy frozen in"
    )
    full = [part for part in plan.operating_sheet if part.lines]
    stage.holds(len(full) == SHEET_PARTS, f"its operating sheet has {SHEET_PARTS} parts, none empty")
    return made


def prepare(stage: Stage, campaign: UUID) -> Card:
    """Drafts, checks, one rendered mail per recipient, a launch checklist, a proposal."""
    maya = stage.person(AUTHOR)

    def asked() -> Card | None:
        return next((one for one in maya.cases() if one.campaign_id == campaign), None)

    def so_far() -> str:
        work = maya.campaign(campaign)
        drafted = sum(bool(one.content_hash) for one in work.artefacts.values())
        checked = sum(one.checked for one in work.artefacts.values())
        rendered = f", {work.audience.recipients} mails rendered" if work.audience else ""
        return f"{drafted} drafted, {checked} checked{rendered}"

    case = stage.until("the executor drafts, checks and renders", asked, 60, so_far)
    work = maya.campaign(campaign)
    for artefact in work.artefacts.values():
        passed = sum(one.verdict == "pass" for one in artefact.results)
        failed = [one.check for one in artefact.results if one.verdict in ("fail", "error")]
        stage.holds(
            artefact.checked and not failed,
            f"{artefact.name} [{short(artefact.content_hash)}]: {passed} of {len(artefact.results)} checks pass",
        )
    seen = work.audience
    if seen is None:
        raise DidNotHold("nothing was rendered")
    stage.holds(
        seen.recipients == seen.members - seen.without_consent - seen.suppressed - seen.excluded,
        f"{seen.recipients} mails rendered: {seen.members} contacts less {seen.without_consent} without consent",
    )
    table = Table(title="Launch checklist", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("", "item", "evidence"):
        table.add_column(column, overflow="fold")
    table.show_header = False
    for item in work.checklist:
        if ":" in item.check and item.verdict == "pass":  # the drafts' own checks were counted above
            continue
        mark = "[green]✓[/]" if item.verdict == "pass" else f"[yellow]{item.verdict}[/]"
        table.add_row(f"  {mark}", item.check.replace("_", " "), f"[dim]{escape(item.evidence)}[/]")
    out().print(table)
    blocking = [item.check for item in work.checklist if item.verdict in ("fail", "error")]
    stage.holds(work.checklist and not blocking, f"all {len(work.checklist)} items hold: the send may be proposed")
    return case


def approve(stage: Stage, found: Card) -> None:
    """The case, the mails behind it, and one person's word."""
    ana = stage.person(APPROVER)
    case = ana.case(found.case_id)
    mails = cli_case.rendered(ana, case)
    out().print(cli_card.card(case, mails))
    [option] = case.options
    stage.holds(
        len(mails.get(option.content_hash, ())) >= 2, f"{APPROVER} sees the mails by their hash, with her own token"
    )
    covered = sum(one.recipients for one in ana.previews(case.campaign_id, option.content_hash).mails)
    stage.holds(covered == option.recipients, f"the content covers exactly {covered} rendered mails")
    try:
        with stage.agent("planner-bot", "campaign_approver") as robot:
            robot.decide(case.case_id, option, "approve")
    except Refused as refused:
        stage.holds(refused.status == 403, "an agent that says “approve” is refused, whatever its roles")
    else:
        raise DidNotHold("an agent approved")
    if stage.asks and not typer.confirm(f"You are {APPROVER}. Send it to {option.recipients} people?", default=True):
        why = cli_case.reason((None,) * 4, "not to send", ("this campaign", "it is rewritten", ""))
        ana.decide(case.case_id, option, "refuse", why)
        raise DidNotHold("you refused: nothing was sent, and nothing will be")
    done = ana.decide(case.case_id, option, "approve")
    stage.holds(
        done.result == "cleared_by_people", f"{APPROVER} approves content {short(option.content_hash)}: cleared"
    )
