"""The outcome's window: it opens with the launch, stands still while the campaign is halted, and closes once. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.decision import Task
from contracts.brief import Anchor
from contracts.event import Event
from contracts.monitor import OutcomeRejected, OutcomeVerified
from contracts.plan import Plan
from monitor.domain.state import COUNTS, Watch, WindowCloses


def anchored(state: Watch, plan: Plan, anchor: Anchor | None, at: datetime) -> tuple[Watch, tuple[Task, ...]]:
    """`anchor` was reached (None: the plan arrived, for a window that closes at a fixed time)."""
    closes = plan.brief.objective.window_closes
    if state.closes_at is not None or closes.after is not anchor:
        return state, ()
    when = closes.at if closes.at is not None else at + (closes.by or timedelta(0))
    return replace(state, closes_at=when), (Task(WindowCloses(plan_version=plan.version), when),)


def halted(state: Watch, at: datetime) -> Watch:
    return state if state.halted_at is not None else replace(state, halted_at=at)


def resumed(state: Watch, plan: Plan, at: datetime) -> tuple[Watch, tuple[Task, ...]]:
    """The window goes on with the time it had left; a fixed closing time stays fixed."""
    if state.halted_at is None:
        return state, ()
    closes = plan.brief.objective.window_closes
    begun = state.closes_at - closes.by if state.closes_at and closes.by is not None else state.halted_at
    stood = max(timedelta(0), at - max(state.halted_at, begun))  # what stood before the window began is not its time
    state = replace(state, halted_at=None)
    if state.closes_at is None or plan.brief.objective.window_closes.at is not None:
        return state, ()
    when = state.closes_at + stood
    return replace(state, closes_at=when), (Task(WindowCloses(plan_version=plan.version), when),)


def closed(state: Watch, plan: Plan, now: datetime) -> tuple[Watch, tuple[Event, ...]]:
    """Count what the brief's exact metric says."""
    objective = plan.brief.objective
    verified = state.counted >= objective.target
    wanted = COUNTS.get(objective.outcome)
    made = OutcomeVerified if verified else OutcomeRejected
    event = made(
        plan_version=plan.version,
        outcome=objective.outcome,
        target=objective.target,
        counted=state.counted,
        baseline=objective.baseline,
        window_opened_at=state.launched_at or now,
        window_closed_at=state.closes_at or now,
        source_of_truth=objective.source_of_truth,
        formula=f"recipients mailed in this campaign with {wanted.value if wanted else 'nothing'}, each once",
    )
    return replace(state, outcome="verified" if verified else "rejected"), (event,)
