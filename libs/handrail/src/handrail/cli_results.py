"""A campaign's state and results on the console."""

from collections.abc import Sequence

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from handrail.case_views import Card
from handrail.cli_terminal import duration, out, percent, short, until
from handrail.views import Campaign, Clock, Results, Wave

VERDICTS = {"pass": "green", "fail": "red", "error": "red", "skipped": "yellow", "waived": "yellow"}
STATES = {"met": "green", "breached": "red", "running": "yellow"}


def campaign(work: Campaign, results: Results | None, cases: Sequence[Card]) -> None:
    """Everything in one look."""
    state = "[red]halted[/]" if work.halted else f"[bold]{work.finished or work.stage}[/]"
    out().print(f"[bold]{escape(work.name)}[/] {work.campaign_id}")
    because = f" because of {work.halt.because.replace('_', ' ')}" if work.halt else ""
    out().print(f"  stage {work.stage}, {state}{because}; plan version {work.plan_version}")
    if work.audience:
        seen = work.audience
        out().print(
            f"  audience {seen.members}, of these {seen.recipients} recipients; "
            f"{seen.without_consent} without consent, {seen.suppressed} suppressed, {seen.excluded} left out"
        )
    failing = [item for item in work.checklist if item.verdict.value in ("fail", "error")]
    if work.checklist:
        out().print(f"  checklist: {len(work.checklist)} items, {len(failing)} failing")
    for item in failing:
        out().print(f"    [red]{item.check}[/] {escape(item.evidence)}")
    if results:
        if results.waves:
            out().print(Padding(waves(results.waves), (0, 0, 0, 2)))
        if results.clocks:
            out().print(Padding(clocks(results.clocks), (0, 0, 0, 2)))
        out().print(f"  outcome {results.outcome}: {results.counted} counted")
    for case in cases:
        out().print(
            f"  [yellow]asks[/] {escape(case.asked)} ({case.needs.role}, {until(case.deadline)}): "
            f"handrail case show {short(case.case_id)}"
        )


def waves(found: Sequence[Wave]) -> Table:
    """What the monitor counted of each wave."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("wave", "sent", "delivered", "hard bounces", "rate", "by domain", "verdict"):
        table.add_column(name, justify="left" if name in ("by domain", "verdict") else "right")
    for one in found:
        domains = ", ".join(f"{domain} {count}" for domain, count in one.bounced_by_domain.items()) or "-"
        verdict = "[red]pause[/]" if one.paused else "[green]continue[/]" if one.judged else "not yet"
        table.add_row(
            str(one.wave), str(one.sent), str(one.delivered), str(one.bounced_hard), percent(one.hard_bounce_rate),
            escape(domains), verdict,
        )  # fmt: skip
    return table


def clocks(found: Sequence[Clock]) -> Table:
    """Each promise, met or missed."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("SLA", "state", "promised", "was"):
        table.add_column(name)
    for one in sorted(found, key=lambda clock: clock.sla):
        promised = f"within {duration(one.within)}" if one.within else f"at least {percent(one.at_least)}"
        was = duration(one.took) if one.took is not None else percent(one.rate)
        table.add_row(one.sla.replace("_", " "), f"[{STATES.get(one.state, 'white')}]{one.state}[/]", promised, was)
    return table
