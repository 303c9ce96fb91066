"""Do the times of a brief fit each other? Pure: what depends on the launch is counted from the launch asked for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from contracts.brief import Anchor, Brief, Moment
from contracts.briefing import Problem

_LATER = {"timing.launch": {Anchor.LAUNCH, Anchor.END_OF_SENDING}, "timing.deadline": {Anchor.END_OF_SENDING}}


def problems(brief: Brief, accepted_at: datetime) -> Iterator[Problem]:
    """What contradicts itself, were the brief accepted at `accepted_at`."""
    timing, closes = brief.timing, brief.objective.window_closes
    misplaced = [
        Problem(field=name, problem=f"cannot be counted from {moment.after}", fix="count it from acceptance")
        for name, moment in (("timing.launch", timing.launch), ("timing.deadline", timing.deadline))
        if moment.after in _LATER[name]
    ]
    if timing.send_window <= timedelta(0):
        misplaced.append(
            Problem(field="timing.send_window", problem="no time to send in", fix="an ISO 8601 duration such as PT2H")
        )
    if misplaced:
        yield from misplaced
        return
    launch = _when(timing.launch, accepted_at, accepted_at, accepted_at)
    sent = launch + timing.send_window
    deadline = _when(timing.deadline, accepted_at, launch, sent)
    closing = _when(closes, accepted_at, launch, sent)
    if launch < accepted_at:
        now = "choose a later one, or {after: acceptance, by: PT0S} for at once"
        yield Problem(field="timing.launch", problem="is over already", fix=now)
    if late := _late_deadline(deadline, accepted_at, launch, sent):
        yield Problem(field="timing.deadline", problem=late, fix="choose a later one")
    if closing <= launch or closes.by == timedelta(0):
        window = "let it close some time after launch or end_of_sending"
        yield Problem(
            field="objective.window_closes", problem="leaves no time after the launch to count in", fix=window
        )
    elif not late and closing > deadline:
        earlier = "close it earlier, or move timing.deadline"
        yield Problem(field="objective.window_closes", problem="may lie after the campaign's deadline", fix=earlier)


def _late_deadline(deadline: datetime, accepted_at: datetime, launch: datetime, sent: datetime) -> str | None:
    if deadline <= accepted_at:
        return "is over already"
    if deadline <= launch:
        return "is not after the launch"
    return "comes before the send window ends" if deadline < sent else None


def _when(moment: Moment, accepted_at: datetime, launch: datetime, sent: datetime) -> datetime:
    """When it is, at the latest."""
    if moment.at is not None:
        return moment.at
    start = {Anchor.ACCEPTANCE: accepted_at, Anchor.LAUNCH: launch, Anchor.END_OF_SENDING: sent}
    return start[moment.after or Anchor.ACCEPTANCE] + (moment.by or timedelta(0))
