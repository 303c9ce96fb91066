"""A row as pages and JSON show it: seven columns, one verdict, one next step. Pure."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel

from contracts.event import CampaignId
from tower.row import Row, Wave
from tower.verdict import RANK, SEVERITIES, Verdict, judge, most_urgent


class Line(BaseModel):
    """One campaign: phase, owner, next action, budget, SLA, anomalies, escalation."""

    campaign_id: CampaignId
    name: str
    verdict: Verdict
    phase: str
    owner: str
    next_action: str
    budget: str
    budget_share: float
    sla: str
    sla_missed: list[str]
    anomalies: list[str]
    escalation: str
    case_id: str | None
    case_severity: str | None
    case_deadline: datetime | None
    waves: dict[int, Wave]
    sent: int
    recipients: int
    uncertain: int
    outcome: str
    clocks: dict[str, str]


def lines(rows: Mapping[CampaignId, Row], now: datetime) -> list[Line]:
    """Sorted by need for attention."""
    made = [line(campaign, row, now) for campaign, row in rows.items()]
    return sorted(made, key=_attention)


def _attention(one: Line) -> tuple[int, int, float, str]:
    severity = SEVERITIES.index(one.case_severity) if one.case_severity else len(SEVERITIES)
    due = one.case_deadline.timestamp() if one.case_deadline else float("inf")
    return RANK[one.verdict], severity, due, one.name


def line(campaign: CampaignId, row: Row, now: datetime) -> Line:
    judged = judge(row, now)
    spent = (row.sent + row.uncertain) * row.per_mail_micros
    missed = sorted(sla for sla, state in row.clocks.items() if state == "missed")
    met = sum(1 for state in row.clocks.values() if state == "met")
    running = sum(1 for state in row.clocks.values() if state == "running")
    counts = (f"{met} met", f"{len(missed)} missed", f"{running} running")
    case = most_urgent(row)
    total = row.total_micros or 1
    return Line(
        campaign_id=campaign,
        name=row.name or "a new brief",
        verdict=judged.verdict,
        phase=("halted, " if row.halted else "") + ("refused" if row.refused else row.stage),
        owner=row.owner or "nobody yet",
        next_action=judged.next_step,
        budget=f"{spent / 1e6:.2f} of {row.total_micros / 1e6:.2f} {row.currency}" if row.total_micros else "none",
        budget_share=min(1.0, spent / total),
        sla=", ".join(said for said in counts if not said.startswith("0 ")) or "not started",
        sla_missed=missed,
        anomalies=list(row.anomalies),
        escalation=f"{len(row.cases)} open: {case.title}" if case else "none open",
        case_id=str(case.case_id) if case else None,
        case_severity=case.severity if case else None,
        case_deadline=case.deadline if case else None,
        waves=dict(sorted(row.waves.items())),
        sent=row.sent,
        recipients=row.recipients,
        uncertain=row.uncertain,
        outcome=f"{row.counted} of {row.target} {row.goal}, {row.outcome}" if row.outcome else "",
        clocks=dict(sorted(row.clocks.items())),
    )
