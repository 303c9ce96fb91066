"""Small moves that several parts of the fold make."""

from dataclasses import replace
from typing import TypeAlias
from uuid import UUID

from chassis.decision import Decision, Loaded
from contracts.briefing import PlanIssued
from contracts.event import Event
from contracts.executor import CampaignFinished, CampaignOutcome, CampaignStage, StageChanged, StepCompleted
from executor.domain.state import Campaign, Sending
from executor.effects import Dispatch, Shared

Here: TypeAlias = Loaded[Campaign, Shared]
Ruling: TypeAlias = Decision[Campaign, Shared]


PAST = -1
"""The fence of an order under which nothing leaves: it settles and tells of what is on its way already."""


def plan_of(here: Here, state: Campaign) -> PlanIssued:
    return here.plans[state.plan_version]


def dispatch_of(state: Campaign, sending: Sending) -> Dispatch:
    """Send what is planned of the wave in hand, under the fence of now."""
    return Dispatch(
        decision_id=sending.decision_id,
        grant_id=sending.grant_id,
        plan_version=state.plan_version,
        wave=sending.wave,
        fence=state.fence,
    )


def to_stage(state: Campaign, stage: CampaignStage, because: str) -> tuple[Campaign, tuple[Event, ...]]:
    """Move to `stage`; while a case is open the campaign stays in escalation and goes there afterwards."""
    if state.stage is CampaignStage.ESCALATION and stage is not CampaignStage.CLOSED:
        return replace(state, stage_before=stage), ()
    if state.stage is stage:
        return state, ()
    event = StageChanged(plan_version=state.plan_version, before=state.stage, after=stage, because=because)
    return replace(state, stage=stage), (event,)


def step_done(state: Campaign, step: str, verified: str) -> tuple[Campaign, tuple[Event, ...]]:
    if state.steps.get(step) == "done":
        return state, ()
    event = StepCompleted(plan_version=state.plan_version, step=step, verified=verified)
    return replace(state, steps={**state.steps, step: "done"}), (event,)


def closed(state: Campaign) -> tuple[Campaign, tuple[UUID, ...]]:
    """Whatever people are still asked about the campaign is no question any more."""
    others = [decision for decision, one in state.proposals.items() if one.state in ("pending", "superseded")]
    over = {decision: replace(state.proposals[decision], state="over") for decision in others}
    after = replace(state, proposals={**state.proposals, **over}, asked_about=())
    return after, (*state.asked_about, *others)


def finished(state: Campaign, outcome: CampaignOutcome, because: str) -> tuple[Campaign, tuple[Event, ...]]:
    over = CampaignFinished(plan_version=state.plan_version, outcome=outcome, because=because)
    state, moved = to_stage(replace(state, finished=outcome, halt=None), CampaignStage.CLOSED, because)
    return state, (over, *moved)
