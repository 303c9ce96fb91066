"""An explanation on the console; every part names the record of the audit it rests on."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from handrail.cli_terminal import percent, short
from handrail.explained import Explanation, Said


def explanation(why: Explanation) -> Panel:
    """What was seen, decided, which tool, who approved which version, what came of it."""
    saw, decided, tool = why.saw, why.decided, why.tool
    rows: list[tuple[str, str]] = [
        ("saw", "\n".join(f"{escape(one.ref)} [dim]{short(one.hash)} ({one.taint})[/]" for one in saw.sources)),
        (
            "",
            f"plan version {saw.plan_version} [dim]{short(saw.plan_hash)}[/], policy [dim]{short(saw.policy_hash)}[/]"
            + _record(saw.record),
        ),
    ]
    if saw.trigger:
        rows.append(("", f"trigger: {escape(saw.trigger.finding)}{_record(saw.trigger.record)}"))
    picked = next((one.summary for one in decided.candidates if one.id == decided.chosen), "")
    others = ", ".join(one.id.replace("_", " ") for one in decided.candidates if one.id != decided.chosen)
    rows += [
        ("decided", f"[bold]{escape(decided.chosen.replace('_', ' '))}[/]: {escape(picked)}{_record(decided.record)}"),
        ("", f"instead of: {escape(others) or '-'}; {escape(decided.strategy)}"),
        (
            "",
            f"by {decided.handled_by}, confidence {percent(decided.confidence)}, "
            f"rules {', '.join(decided.rule_versions)}",
        ),
        ("tool", f"{tool.tool} {tool.verb} on {tool.target}: {escape(tool.why)}"),
    ]
    if tool.effects:
        rows.append(("", ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in tool.effects.items())))
    rows += _said("approved", why.approvals)
    rows += _said("ruling", why.ruling)
    rows += _said("refused", why.refused)
    rows += _said("outcome", why.outcome)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, text)
    parts: list[RenderableType] = [Text.from_markup(f"[bold]{escape(why.title)}[/]"), table]
    return Panel(Group(*parts), title=f"decision {why.decision_id}", title_align="left", padding=(0, 1))


def _said(name: str, found: Sequence[Said]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for one in found:
        people = [one.approver] if one.approver else list(one.approvers)
        who = ", ".join(f"{person.subject} ({person.role})" for person in people)
        what = {
            "ApprovalGiven": f"{who} approved content [dim]{short(one.content_hash)}[/]",
            "ApprovalRefused": f"{who} refused content [dim]{short(one.content_hash)}[/]",
            "ActionCleared": f"cleared by {who or 'rule'} for content [dim]{short(one.content_hash)}[/]",
            "ActionDenied": f"denied: {one.because.replace('_', ' ')}",
            "OutcomeVerified": f"verified: {one.counted} of {one.target}",
            "OutcomeRejected": f"rejected: {one.counted} of {one.target}",
            "OverrideRecorded": "override recorded",
        }.get(one.type, f"{one.type} {one.because}".strip())
        signed = f", signature [green]{one.signature}[/]" if one.signature else ""
        rows.append((name if not rows else "", f"{what}{signed}{_record(one.record)}"))
        if one.reason and one.type == "ApprovalGiven":
            given = one.reason
            rows.append(
                (
                    "",
                    f"[dim]reason:[/] {escape(given.what)}; when {escape(given.when)}; until "
                    f"{escape(given.until)}; because {escape(given.why)}",
                )
            )
        if one.type == "ActionCleared":
            stages = ", ".join(
                f"{stage.stage.replace('_', ' ')}: {stage.verdict.replace('_', ' ')}" for stage in one.stages
            )
            rows.append(("", f"[dim]{escape(stages)}[/]"))
    return rows


def _record(number: int) -> str:
    return f" [dim]record {number}[/]"
