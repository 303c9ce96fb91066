"""A case as a person reads it before deciding: everything that is known, nothing that has to be looked up."""

from collections.abc import Callable, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from contracts.decision import Candidate
from handrail.case_views import Card, Difference, Option, PartChanged
from handrail.cli_terminal import duration, money, percent, short, until
from handrail.views import Mail

LEVELS = {"low": "green", "medium": "yellow", "high": "red", "critical": "bold red"}


def card(case: Card, mails: Mapping[str, Sequence[Mail]] | None = None) -> Panel:
    """The whole case; `mails` are the rendered mails by content hash, as the executor shows them."""
    needs = f"{case.needs.count} x {case.needs.role}" if case.needs.count > 1 else case.needs.role
    rows = [
        ("asked", f"[bold]{escape(case.asked)}[/]"),
        ("because", _because(case)),
        ("needs", f"{needs} (else {case.needs.backup_role}); told: {', '.join(case.told) or 'nobody yet'}"),
        ("deadline", f"{case.deadline:%Y-%m-%d %H:%M} UTC, {until(case.deadline)}"),
        ("if ignored", escape(case.if_ignored)),
    ]
    if case.acknowledged_by:
        rows.append(("looked at by", case.acknowledged_by))
    parts: list[RenderableType] = []
    shown = mails or {}
    if len(case.options) == 1:
        parts.append(_pairs([*rows, ("changes", _changes(case, case.options[0], shown)), *_facts(case.options[0])]))
    else:
        parts.append(_pairs(rows + _common(case.options)))
        if case.options:
            parts += [Text(), _comparison(case, shown)]
    parts += _mails(case, shown)
    for vote in case.votes:
        word = "approved" if vote.approve else "refused"
        why = f": {escape(vote.reason.why)}" if vote.reason else ""
        parts.append(Text.from_markup(f"{vote.subject} ({vote.role}) {word} {short(vote.decision_id)}{why}"))
    colour = LEVELS.get(case.severity, "white")
    title = f"[bold]case {short(case.case_id)}[/] {case.kind} [{colour}]{case.severity}[/] {case.standing}"
    return Panel(Group(*parts), title=title, title_align="left", border_style=colour, padding=(0, 1))


def option_line(option: Option, number: int) -> str:
    """One option in one line."""
    return f"[bold]{number}[/] {escape(option.title)} [dim]({option.recipients} recipients)[/]"


FACTS: tuple[tuple[str, Callable[[Option], str]], ...] = (
    ("why", lambda option: escape(option.strategy)),
    ("predicted", lambda option: _predicted(option)),
    ("confidence", lambda option: percent(option.confidence)),
    ("reversible", lambda option: _reversible(option)),
    ("blast radius", lambda option: _reach(option)),
    ("cost of an error", lambda option: money(option.cost_of_error)),
    ("cost of waiting", lambda option: f"{money(option.cost_of_waiting)} a day"),
    ("if ignored", lambda option: escape(option.if_ignored)),
    ("sources", lambda option: _sources(option)),
    ("content", lambda option: f"[dim]{option.content_hash}[/]"),
)


def _facts(option: Option) -> list[tuple[str, str]]:
    chosen = next((_candidate(one) for one in option.candidates if one.id == option.chosen), option.chosen)
    others = [_candidate(one) for one in option.candidates if one.id != option.chosen]
    listed = [(name, fact(option)) for name, fact in FACTS if name != "if ignored"]
    return [("proposed", escape(chosen)), ("instead of", escape("; ".join(others) or "-")), *listed]


def _common(options: Sequence[Option]) -> list[tuple[str, str]]:
    """What all options share is said once."""
    return [
        (name, values[0])
        for name, fact in FACTS
        if name != "if ignored" and len(set(values := [fact(option) for option in options])) == 1
    ]


def _comparison(case: Card, mails: Mapping[str, Sequence[Mail]]) -> Table:
    """Where they differ, side by side."""
    options = case.options
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", style="cyan", no_wrap=True)
    for number, option in enumerate(options, 1):
        state = " [red]refused[/]" if option.refused else ""
        table.add_column(f"{number}: {option.chosen.replace('_', ' ')}{state}", overflow="fold", ratio=1)
    table.add_row("proposed", *(escape(option.title) for option in options))
    table.add_row("changes", *(_changes(case, option, mails) for option in options))
    for name, fact in FACTS:
        values = [fact(option) for option in options]
        if name == "content":
            values = [f"[dim]{short(option.content_hash)}[/]" for option in options]
        if len(set(values)) > 1:
            table.add_row(name, *values)
    return table


def _mails(case: Card, mails: Mapping[str, Sequence[Mail]]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    shown: set[str] = set()
    for option in case.options:
        for mail in mails.get(option.content_hash, ()):
            if mail.digest not in shown:
                shown.add(mail.digest)
                title = f"{mail.variant} [bold]{escape(mail.subject)}[/]"
                text = Text(mail.body_text.strip(), overflow="fold")
                parts += [Text(), Panel(text, title=title, title_align="left", border_style="dim")]
    return parts


def _changes(case: Card, option: Option, mails: Mapping[str, Sequence[Mail]]) -> str:
    """What is not as it was when something of this kind was approved last."""
    diff = option.diff
    if diff is None:
        return "[bold]new[/]: nothing of this kind was approved before"
    where = "in this campaign" if diff.campaign_id == case.campaign_id else f"in campaign {short(diff.campaign_id)}"
    lines = [_people(diff)] if diff.recipients_before != diff.recipients_after else []
    lines += [_part(part, mails.get(diff.content_hash, ()), mails.get(option.content_hash, ())) for part in diff.parts]
    lines += [f"{_words(fact.what)}: {escape(fact.before)} -> {escape(fact.after)}" for fact in diff.facts]
    if diff.policy:
        lines.append(f"policy: {', '.join(_words(name) for name in diff.policy)}")
    since = f"[dim]since {diff.approved_at:%Y-%m-%d %H:%M} UTC, approved {where}[/]"
    return "\n".join([*(lines or ["nothing"]), since])


def _people(diff: Difference) -> str:
    net = f"{diff.more} more" if diff.more else f"{diff.fewer} fewer"
    return f"people: {diff.recipients_before} -> {diff.recipients_after} ({net})"


def _part(part: PartChanged, before: Sequence[Mail], after: Sequence[Mail]) -> str:
    """A part by name; a mail with both subjects, where they can be read and differ."""
    name = part.ref.removeprefix("artefact ")
    was, now = (
        next((mail.subject for mail in mails if mail.variant == name), None) if given else None
        for given, mails in ((part.before, before), (part.after, after))
    )
    how = "new" if part.before is None else "gone" if part.after is None else "another text"
    if was is not None and now is not None and was != now:
        how += f", subject '{escape(was)}' -> '{escape(now)}'"
    return f"{escape(name)}: {how}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _because(case: Card) -> str:
    """The reason, with what the deciding stage saw."""
    said = case.because.replace("_", " ")
    seen = [
        ", ".join(stage.inputs)
        for option in case.options
        for stage in option.stages
        if stage.stage == case.because and stage.inputs
    ]
    more = case.finding if case.finding and case.finding != case.asked else (seen[0] if seen else "")
    return escape(f"{said}: {more}" if more else said)


def _predicted(option: Option) -> str:
    predicted = option.predicted
    low, mid, high = (_number(value) for value in (predicted.low, predicted.mid, predicted.high))
    within = duration(predicted.horizon)
    return f"{mid} {predicted.metric.replace('_', ' ')} [bold]({low} to {high})[/] within {within}"


def _reversible(option: Option) -> str:
    back = option.reversibility
    undo = f"undo within {duration(back.undo_window)}" if back.undo_window else "no undo"
    return f"{back.reversibility_class.replace('_', ' ')}, {undo}"


def _reach(option: Option) -> str:
    radius = option.blast_radius
    left_out = f" and {radius.excluded} left out" if radius.excluded else ""
    return (
        f"{radius.people} people{left_out}, {percent(radius.irreversible_share)} cannot be undone, "
        f"{money(radius.money_at_risk)}, {radius.legal_class.replace('_', ' ')}"
    )


def _sources(option: Option) -> str:
    return "\n".join(f"{escape(one.ref)} [dim]{short(one.hash)} {one.taint}[/]" for one in option.sources) or "-"


def _candidate(one: Candidate) -> str:
    return f"{one.id.replace('_', ' ')} ({one.summary})"


def _pairs(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"
