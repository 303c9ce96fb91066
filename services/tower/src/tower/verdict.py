"""Are we on track, and if not, what should happen next? One verdict and one step per campaign. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tower.row import OpenCase, Row, words


class Verdict(StrEnum):
    """In the order of need for attention."""

    HALTED = "halted"
    WAITING = "waiting for a person"
    HELD = "held"
    AT_RISK = "at risk"
    ON_TRACK = "on track"
    MISSED = "finished, target missed"
    FAILED = "failed"
    REFUSED = "brief refused"
    CANCELLED = "cancelled"
    MET = "finished, target met"


RANK = {verdict: nth for nth, verdict in enumerate(Verdict)}
SEVERITIES = ("critical", "high", "medium", "low")
STEPS = {
    "draft": "Drafting the mails",
    "check": "Checking the drafts",
    "render": "Rendering each mail",
    "approve": "Asking for approval",
    "send": "Sending, wave by wave",
    "watch": "Watching the outcome's window",
}


@dataclass(frozen=True, slots=True)
class Judged:
    verdict: Verdict
    next_step: str


def judge(row: Row, now: datetime) -> Judged:
    """The verdict on a row and the one step that comes next."""
    if row.finished == "completed" and not row.outcome:
        return Judged(Verdict.ON_TRACK, "Nothing: the outcome's verdict is on its way")
    if row.finished:
        return Judged(_finished(row), "Nothing: it is over")
    if row.killed:
        return Judged(Verdict.HALTED, f"Release the kill switch, when this is mended: {row.killed}")
    if row.refused and not row.stage_order[1] > 0:
        return Judged(Verdict.REFUSED, "Mend the brief and hand it in again")
    if row.waiting_for_author:
        return Judged(Verdict.WAITING, "A marketer vouches for offer, messages and business case")
    case = most_urgent(row)
    if row.halted == "plan_changed":
        return Judged(Verdict.HALTED, "Cancel it, and hand in a new brief: its plan was changed")
    if row.halted:
        step = f"{_who(case)} chooses how to go on, {left(case.deadline, now)}" if case else "Resume it, or cancel it"
        return Judged(Verdict.HALTED, step)
    if case is not None:
        return Judged(Verdict.WAITING, f"{_who(case)} decides, {left(case.deadline, now)}")
    if row.holds:
        return Judged(Verdict.HELD, f"Clear the hold: {', '.join(map(words, sorted(row.holds)))}")
    step = _waiting_for_word(row) or next(
        (text for name, text in STEPS.items() if name not in row.steps_done), "Closing"
    )
    missed = [sla for sla, state in row.clocks.items() if state == "missed"]
    if row.fired - row.answered:
        return Judged(Verdict.AT_RISK, f"Look at this: {row.anomalies[-1]}")
    if missed:
        return Judged(Verdict.AT_RISK, f"{step}, although {', '.join(map(words, sorted(missed)))} was missed")
    return Judged(Verdict.ON_TRACK, step)


def _waiting_for_word(row: Row) -> str:
    """The send stands still between two waves until enough is reported of the last one."""
    last = max(row.waves, default=0)
    if row.sending_ended or not last or not row.waves[last].done or last in row.judged:
        return ""
    return f"Waiting for reports on wave {last}: the next one starts when they say that it went well"


def _who(case: OpenCase) -> str:
    return words(case.role).capitalize()


def _finished(row: Row) -> Verdict:
    if row.outcome == "verified":
        return Verdict.MET
    if row.outcome == "rejected":
        return Verdict.MISSED
    return Verdict.CANCELLED if row.finished == "cancelled" else Verdict.FAILED


def most_urgent(row: Row) -> OpenCase | None:
    """The open case that needs somebody first."""
    return min(row.cases.values(), key=lambda case: (SEVERITIES.index(case.severity), case.deadline), default=None)


def left(deadline: datetime, now: datetime) -> str:
    """How long there is, in words."""
    time = deadline - now
    if time <= timedelta(0):
        return "overdue"
    minutes = int(time.total_seconds() // 60)
    if minutes < 1:
        return "within a minute"
    return f"within {minutes} min" if minutes < 120 else f"within {minutes // 60} h"
