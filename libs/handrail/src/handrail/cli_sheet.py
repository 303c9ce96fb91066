"""Problems, plans and operating sheets on the console."""

from collections.abc import Iterable

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from handrail.cli_terminal import money, out, short
from handrail.client import FieldProblem
from handrail.views import Submitted

SHOWN_AT_MOST = 50


def problems(title: str, found: Iterable[FieldProblem]) -> None:
    """Each problem with what would mend it."""
    listed = list(found)
    out().print(f"[red]refused[/] {escape(title)}")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="yellow", no_wrap=True)
    table.add_column()
    for one in listed[:SHOWN_AT_MOST]:
        fix = f"[green]{escape(one.fix)}[/]" if one.fix else ""
        table.add_row(escape(one.where), f"{escape(one.problem)}: {fix}" if one.problem else fix)
    out().print(Padding(table, (0, 0, 0, 2)))
    if len(listed) > SHOWN_AT_MOST:
        out().print(f"  and {len(listed) - SHOWN_AT_MOST} more")


def submitted(made: Submitted) -> None:
    """The accepted brief, its warnings, its plan."""
    out().print(f"[green]accepted[/] campaign [bold]{made.campaign_id}[/] {escape(made.name)}")
    for warning in made.warnings:
        said = f"[yellow]mind {warning.field}[/] {escape(warning.problem)}: {escape(warning.fix)}"
        out().print(Padding(said, (0, 0, 0, 2)))
    if made.plan is None:
        out().print("  waits for a person to vouch for offer, message hierarchy and business case")
        return
    plan = made.plan
    out().print(
        f"  plan version {plan.version} [dim]{short(plan.hash)}[/], policy [dim]{short(plan.policy_hash)}[/], "
        f"framework {plan.framework}"
    )
    gate = "a person approves" if plan.costs.human_gate else "may run without a person"
    costs = plan.costs
    out().print(f"  cost of an error {money(costs.of_error)}, of a day's delay {money(costs.of_delay_per_day)}: {gate}")
    table = Table(title="Operating sheet", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    table.show_header = False
    for part in plan.operating_sheet:
        table.add_row(part.part.replace("_", " "), escape("\n".join(part.lines)))
    out().print(Padding(table, (0, 0, 0, 2)))
