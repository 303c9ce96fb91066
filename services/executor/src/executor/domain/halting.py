"""What reduces risk happens at once; what goes on again only as a new proposal. Pure."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.decision import Decision, Task
from contracts.briefing import PlanIssued
from contracts.escalation import HoldPlaced, HoldReleased
from contracts.event import Event, Meta
from contracts.executor import CampaignHalted, CampaignOutcome, StepFailed
from contracts.monitor import TriggerFired
from executor.commands import PauseCampaign
from executor.domain import proposing
from executor.domain.flow import Here, Ruling, closed, dispatch_of, finished, plan_of
from executor.domain.state import Campaign, Halt, Reason
from executor.effects import AbandonPlanned, AssembleOptions, OptionsAssembled, SetGuard

PLAN_CHANGED = "plan_changed"
BLAMED_SHARE = 0.2
"""A domain where every fifth mail is known to fail already is to blame: its other reports may still be on the way."""


def triggered(here: Here, state: Campaign, fired: TriggerFired, meta: Meta) -> Ruling:
    """Halt, and find out what could be done instead. A campaign that is halted already only gets more options."""
    if not state.running or not state.launched:
        return Decision(Reason.NOTED, state)
    bad = tuple(
        one.value
        for one in fired.evidence
        if one.dimension == "domain"
        and one.of
        and one.count / one.of >= BLAMED_SHARE
        and one.value not in state.left_out
    )
    if state.halt is not None:
        trigger = state.halt.trigger_id or meta.event_id
        blamed = tuple(dict.fromkeys((*state.halt.blamed, *bad)))
        asked_about = (*state.asked_about, meta.event_id)
        state = replace(state, halt=replace(state.halt, trigger_id=trigger, blamed=blamed), asked_about=asked_about)
        return Decision(Reason.HALTED_ALREADY, state, (), (Task(_options(state, meta.event_id, blamed)),))
    halt = halted(here, state, fired.rule, trigger=meta.event_id, blamed=bad)
    assert halt.state is not None
    state = replace(halt.state, asked_about=(meta.event_id,))
    return replace(halt, state=state, tasks=(Task(_options(state, meta.event_id, bad)),))


def _options(state: Campaign, trigger: UUID | None, bad: tuple[str, ...]) -> AssembleOptions:
    return AssembleOptions(
        trigger_id=trigger, plan_version=state.plan_version, bad_domains=bad, left_out=state.left_out
    )


def paused(here: Here, state: Campaign, command: PauseCampaign) -> Ruling:
    if not state.running:
        return Decision(Reason.NOT_RUNNING, state)
    if state.halt is not None:
        return Decision(Reason.HALTED_ALREADY, state)
    return halted(here, state, "paused_by_person", actor=command.actor.subject)


def resume(state: Campaign) -> Ruling:
    """A person wants to go on with the sending: that is a proposal, and escalation rules on it."""
    if state.halt is None or not state.running:
        return Decision(Reason.NOT_HALTED, state)
    return Decision(Reason.RESUMING, state, (), (Task(_options(state, None, ())),))


def cancelled(here: Here, state: Campaign) -> Ruling:
    if not state.running:
        return Decision(Reason.NOT_RUNNING, state)
    fence = state.fence + 1
    changes: list[SetGuard | AbandonPlanned] = [SetGuard(fence=fence, halted=True)]
    if state.sending is not None:
        changes.append(AbandonPlanned(state.sending.decision_id))
    state, events = finished(replace(state, fence=fence), CampaignOutcome.CANCELLED, "cancelled_by_person")
    return Decision(Reason.CANCELLED, state, events, shared=here.shared.asking(*changes))


def assembled(here: Here, state: Campaign, found: OptionsAssembled, meta: Meta, now: datetime) -> Ruling:
    """Each option is itself the proposal, over exactly its recipients."""
    if state.halt is None or not state.running:
        return Decision(Reason.NOT_HALTED, state)
    if found.trigger_id is not None and found.trigger_id not in state.asked_about:  # of a halt that is over
        return Decision(Reason.NOTED, state)
    issued = plan_of(here, state)
    events: list[Event] = []
    for nth, option in enumerate(found.options):
        proposal = proposing.option_of(meta, issued, state, found, nth, now)
        remembered = proposing.remembered(proposal, option, state.halts)
        state = replace(state, proposals={**state.proposals, proposal.decision_id: remembered})
        events.append(proposal)
    return Decision(Reason.OPTIONS_PROPOSED, state, tuple(events))


def no_options(state: Campaign, error: str) -> Ruling:
    """Nobody could find out what is left: the campaign stays halted, and a person may ask again."""
    event = StepFailed(plan_version=state.plan_version, step="options", because=error[:4000])
    return Decision(Reason.STEP_FAILED, state, (event,))


def held(here: Here, state: Campaign, hold: HoldPlaced) -> Ruling:
    """Escalation holds the whole campaign. A hold on one decision needs nothing here: its grant does not come."""
    if hold.decision_id is not None or hold.because in state.holds:
        return Decision(Reason.NOTED, state)
    state = replace(state, holds=(*state.holds, hold.because), fence=state.fence + 1)
    return Decision(Reason.HELD, state, shared=here.shared.asking(SetGuard(fence=state.fence, halted=True)))


def released(here: Here, state: Campaign, hold: HoldReleased) -> Ruling:
    if hold.because not in state.holds:
        return Decision(Reason.NOTED, state)
    state = replace(state, holds=tuple(one for one in state.holds if one != hold.because))
    if state.holds or state.halt is not None or not state.running:
        return Decision(Reason.RELEASED, state)
    sending = state.sending
    tasks = (Task(dispatch_of(state, sending)),) if sending is not None and not sending.wave_done else ()
    shared = here.shared.asking(SetGuard(fence=state.fence, halted=False))
    return Decision(Reason.RELEASED, state, (), tasks, shared)


def another_plan(here: Here, state: Campaign, issued: PlanIssued) -> Ruling:
    """A campaign cannot change its plan yet: what was approved rests on the old one, so nothing more leaves by it."""
    if issued.plan_hash == state.plan_hash or not state.running:
        return Decision(Reason.KNOWN, state)
    because = (
        f"plan version {issued.plan.version} was issued while version {state.plan_version} is worked on, and a running "
        "campaign cannot change its plan: cancel it, and hand in a new brief"
    )
    failed = StepFailed(plan_version=state.plan_version, step="plan", because=because)
    return replace(halted(here, state, PLAN_CHANGED, after=(failed,)), reason=Reason.PLAN_CHANGED)


def halted(
    here: Here,
    state: Campaign,
    because: str,
    *,
    trigger: UUID | None = None,
    blamed: tuple[str, ...] = (),
    actor: str | None = None,
    after: tuple[Event, ...] = (),
) -> Ruling:
    """Nothing more leaves, and whatever was proposed before is stale; `after` are the events that led here."""
    fence = state.fence + 1
    send = state.sending
    state, closes = closed(state)
    event = CampaignHalted(
        plan_version=state.plan_version,
        because=because,
        trigger_id=trigger,
        actor=actor,
        fence=fence,
        sent=state.sent_before + (send.succeeded + send.unknown if send else 0),
        remaining=send.left if send else 0,
        closes=closes,
    )
    state = replace(
        state, fence=fence, halt=Halt(because=because, trigger_id=trigger, blamed=blamed), halts=state.halts + 1
    )
    shared = here.shared.asking(SetGuard(fence=fence, halted=True))
    return Decision(Reason.HALTED, state, (*after, event), (), shared)
