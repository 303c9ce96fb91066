"""After a restore from a backup: what was under way stops until people have looked, and what left is told. Pure."""

from dataclasses import replace

from chassis.decision import Decision, Task
from contracts.event import Event
from contracts.executor import CampaignStage
from executor.domain import halting
from executor.domain.flow import Here, Ruling
from executor.domain.sending import added, counted, recorded
from executor.domain.state import Campaign, Reason
from executor.effects import (
    AbandonPlanned,
    Change,
    EffectsFound,
    MarkReported,
    Recovered,
    RememberStop,
    SetGuard,
)

BECAUSE = "recovered"


def recovered(here: Here, said: Recovered) -> Ruling:
    """Older dispatches are void everywhere; what went on after the backup is halted, or is over as it was."""
    state = here.state
    if state is None:
        shared = here.shared.asking(RememberStop(said.fence, said.finished), SetGuard(said.fence + 1, halted=True))
        return Decision(Reason.RECOVERED, None, shared=shared)
    if state.sending is not None:
        told = said.told.get(state.sending.decision_id, {})
        state = replace(state, sending=added(state.sending, told))
    if not state.running:
        return Decision(Reason.NOTED, state)
    fence = max(state.fence, said.fence)
    if said.finished is not None:
        return _over(here, replace(state, finished=said.finished), fence + 1)
    if said.lost or (state.sending is not None and not state.sending.ended):
        halted = halting.halted(here, replace(state, fence=fence), BECAUSE)
        return replace(halted, reason=Reason.RECOVERED)
    held = state.halt is not None or bool(state.holds)
    shared = here.shared.asking(SetGuard(fence + 1, halted=held))
    return Decision(Reason.RECOVERED, replace(state, fence=fence + 1), shared=shared)


def _over(here: Here, state: Campaign, fence: int) -> Ruling:
    """Its end was told before: nothing is said again."""
    changes: list[Change] = [SetGuard(fence, halted=True)]
    if state.sending is not None:
        changes.append(AbandonPlanned(state.sending.decision_id))
    state = replace(state, stage=CampaignStage.CLOSED, halt=None, fence=fence)
    return Decision(Reason.RECOVERED, state, shared=here.shared.asking(*changes))


def begun_again(
    here: Here, state: Campaign, stopped: RememberStop, events: tuple[Event, ...], tasks: tuple[Task, ...]
) -> Ruling:
    """The plan of a campaign that the database had forgotten: its work is done again, and nothing leaves by itself."""
    if stopped.finished is not None:
        return _over(here, replace(state, finished=stopped.finished), stopped.fence + 1)
    halted = halting.halted(here, replace(state, fence=stopped.fence), BECAUSE, after=events)
    return replace(halted, reason=Reason.RECOVERED, tasks=tasks)


def found(here: Here, said: EffectsFound) -> Ruling:
    """What became of effects that the database had forgotten: an uncertain one gets its case."""
    state = here.state
    if state is not None and state.sending is not None and state.sending.decision_id == said.decision_id:
        state = replace(state, sending=counted(state.sending, said.effects))
    marked = MarkReported(said.decision_id, tuple(effect.effect_id for effect in said.effects))
    events = tuple(recorded(said.plan_version, said, said.wave_size))
    return Decision(Reason.RECOVERED, state, events, shared=here.shared.asking(marked))
