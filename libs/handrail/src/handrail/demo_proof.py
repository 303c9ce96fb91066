"""Step 8 and the end: why it was decided, that the record of it holds, and where to look."""

from uuid import UUID

from rich import box
from rich.markup import escape
from rich.table import Table

from handrail import cli_explain
from handrail.cli_audit import save_export
from handrail.cli_terminal import out, progress
from handrail.demo_sending import Chosen
from handrail.demo_stage import DidNotHold, Stage
from handrail.verify import verify_file
from handrail.views import Row

AUDITOR = "sam"
COLUMNS = (
    ("campaign", 4),
    ("phase", 2),
    ("owner", 2),
    ("next action", 3),
    ("budget", 3),
    ("SLA", 3),
    ("anomalies", 5),
    ("escalation", 3),
)
"""With their share of the width."""


def prove(stage: Stage, campaign: UUID, chosen: Chosen) -> None:
    """Explain a decision, verify the whole record, and show that one byte changed is found."""
    sam = stage.person(AUDITOR)
    decision = chosen.option.decision_id

    def complete() -> bool | None:
        return True if sam.explain(decision).outcome else None

    stage.until("the audit takes in the last records", complete, 30)
    why = sam.explain(decision)
    out().print(cli_explain.explanation(why))
    people = {one.approver.subject for one in why.approvals if one.approver}
    stage.holds(people, f"it names who approved which version: {', '.join(sorted(people))}")
    stage.holds(
        all(one.content_hash == chosen.option.content_hash for one in why.approvals if one.type == "ApprovalGiven"),
        "they approved exactly the content that was sent",
    )
    stage.holds(all(one.signature in ("", "valid") for one in why.ruling), "the ruling's signature holds")
    export = stage.home / "audit-export.jsonl"
    with progress("exporting the audit", every_seconds=1) as say:
        count = save_export(sam.export(), export, say)
    with progress("verifying"):
        report = verify_file(export, stage.system.keys.signature_keys)
    stage.holds(
        report.ok and report.records == count,
        f"{count} records exported and verified offline, signed {report.checkpoints} times, up to {report.sealed}",
    )
    copy, changed = stage.home / "audit-export-changed.jsonl", count // 2
    record = change_one_byte(export.read_bytes(), changed)
    copy.write_bytes(record)
    report = verify_file(copy, stage.system.keys.signature_keys)
    first = str(report.problems[0]) if report.problems else "nothing"
    stage.holds(f"record {changed + 1} " in first, f"one byte changed in a copy is found: {first}")
    out().print(f"  the same by hand: handrail audit verify {export} --keys {stage.system.keys.signature_keys}")


def change_one_byte(export: bytes, line: int) -> bytes:
    """The export with one byte of the value of one record changed."""
    lines = export.split(b"\n")
    mark = b'"value": "'
    at = lines[line].find(mark)
    if at < 0:
        raise DidNotHold(f"line {line + 1} of the export has no value")
    place = at + len(mark) + 4
    other = b"A" if lines[line][place : place + 1] != b"A" else b"B"
    lines[line] = lines[line][:place] + other + lines[line][place + 1 :]
    return b"\n".join(lines)


def towers_table(stage: Stage, campaign: UUID) -> None:
    """What the tower shows: seven columns, one verdict and one next step per campaign."""
    watcher = stage.person("maya")

    def complete() -> tuple[Row, ...] | None:
        found = watcher.tower()
        return found if any(one.campaign_id == campaign and one.phase == "closed" for one in found) else None

    rows = stage.until("the tower takes in the last events", complete, 30)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=True, expand=True)
    for column, ratio in COLUMNS:
        table.add_column(column, overflow="fold", ratio=ratio)
    for row in rows:
        name = escape(row.name) + (f"\n[dim]{escape(row.outcome)}[/]" if row.outcome else "")
        missed = f"\nmissed: {', '.join(row.sla_missed).replace('_', ' ')}" if row.sla_missed else ""
        anomalies = "\n".join(row.anomalies) or "none"
        cells = (row.phase, row.owner, row.next_action, row.budget, row.sla + missed, anomalies, row.escalation)
        table.add_row(name, *(escape(cell) for cell in cells))
    out().print(table)
    out().print(f"The tower, live: [bold]{stage.system.urls('tower')[0]}/[/]")
