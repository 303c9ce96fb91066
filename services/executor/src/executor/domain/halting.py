"""What reduces risk happens at once; what goes on again only as a new proposal. Pure."""

from dataclasses import replace
from uuid import UUID

from chassis.decision import Decision, Task
from contracts.event import Event, Meta
from contracts.executor import CampaignHalted, CampaignOutcome
from contracts.monitor import TriggerFired
from executor.commands import PauseCampaign
from executor.domain import proposing
from executor.domain.flow import Here, Ruling, finished, plan_of
from executor.domain.state import Campaign, Halt, Reason
from executor.effects import AbandonPlanned, AssembleOptions, OptionsAssembled, SetGuard

BLAMED_SHARE = 0.5
"""A domain where at least every second mail fails is to blame for the trigger."""


def triggered(here: Here, state: Campaign, fired: TriggerFired, meta: Meta) -> Ruling:
    """Halt, and find out what could be done instead."""
    if not state.running or not state.launched:
        return Decision(Reason.NOTED, state)
    if state.halt is not None:
        return Decision(Reason.HALTED_ALREADY, state)
    bad = tuple(
        one.value
        for one in fired.evidence
        if one.dimension == "domain" and one.of and one.count / one.of >= BLAMED_SHARE
    )
    return _halt(here, state, fired.rule, meta.event_id, None, bad)


def paused(here: Here, state: Campaign, command: PauseCampaign) -> Ruling:
    if not state.running:
        return Decision(Reason.NOT_RUNNING, state)
    if state.halt is not None:
        return Decision(Reason.HALTED_ALREADY, state)
    halted = _halt(here, state, "paused_by_person", None, command.actor.subject, ())
    return replace(halted, tasks=())


def resume(state: Campaign) -> Ruling:
    """A person wants to go on: that is a proposal, and escalation rules on it."""
    if state.halt is None or not state.running:
        return Decision(Reason.NOT_HALTED, state)
    if state.sending is None:
        return Decision(Reason.NOT_HALTED, replace(state, halt=None))
    task = AssembleOptions(trigger_id=None, plan_version=state.plan_version, bad_domains=())
    return Decision(Reason.NOTED, state, (), (Task(task),))


def cancelled(here: Here, state: Campaign) -> Ruling:
    if not state.running:
        return Decision(Reason.NOT_RUNNING, state)
    fence = state.fence + 1
    changes: list[SetGuard | AbandonPlanned] = [SetGuard(fence=fence, halted=True)]
    if state.sending is not None:
        changes.append(AbandonPlanned(state.sending.decision_id))
    state, events = finished(replace(state, fence=fence), CampaignOutcome.CANCELLED, "cancelled_by_person")
    return Decision(Reason.CANCELLED, state, events, shared=here.shared.asking(*changes))


def assembled(here: Here, state: Campaign, found: OptionsAssembled, meta: Meta) -> Ruling:
    """Each option is itself the proposal, over exactly its recipients."""
    if state.halt is None or not state.running:
        return Decision(Reason.NOT_HALTED, state)
    issued = plan_of(here, state)
    events: list[Event] = []
    for nth, option in enumerate(found.options):
        proposal = proposing.option_of(meta, issued, state, found.options, nth)
        remembered = proposing.remembered(proposal, option)
        state = replace(state, proposals={**state.proposals, proposal.decision_id: remembered})
        events.append(proposal)
    return Decision(Reason.OPTIONS_PROPOSED, state, tuple(events))


def _halt(
    here: Here, state: Campaign, because: str, trigger: UUID | None, actor: str | None, bad: tuple[str, ...]
) -> Ruling:
    fence = state.fence + 1
    send = state.sending
    sent = state.sent_before + (send.succeeded + send.unknown + send.failed if send else 0)
    remaining = sum(send.waves.values()) - send.settled if send else 0
    event = CampaignHalted(
        plan_version=state.plan_version,
        because=because,
        trigger_id=trigger,
        actor=actor,
        fence=fence,
        sent=sent,
        remaining=remaining,
    )
    state = replace(state, fence=fence, halt=Halt(because=because, trigger_id=trigger))
    task = AssembleOptions(trigger_id=trigger, plan_version=state.plan_version, bad_domains=bad)
    shared = here.shared.asking(SetGuard(fence=fence, halted=True))
    return Decision(Reason.HALTED, state, (event,), (Task(task),), shared)
