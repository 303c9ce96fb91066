"""From a plan to a proposal: draft, check, render, checklist. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.decision import Decision, Task
from contracts.briefing import PlanIssued
from contracts.event import Event, Meta
from contracts.executor import (
    ArtefactChecked,
    ArtefactDrafted,
    ArtefactKind,
    CampaignStage,
    ChecklistItemWaived,
    StepFailed,
    WorkBegun,
)
from executor.commands import WaiveItem
from executor.domain import proposing
from executor.domain.checklist import blocking, checklist, waivable
from executor.domain.flow import Here, Ruling, plan_of, step_done, to_stage
from executor.domain.state import Artefact, Audience, Campaign, Reason
from executor.drafts import SEGMENTS, Checked, CheckMail, Drafted, DraftMail, MailsRendered, RenderMails
from executor.effects import SetGuard


def begun(here: Here, issued: PlanIssued, meta: Meta) -> Ruling:
    """A plan arrived: work begins."""
    version = issued.plan.version
    if here.state is not None:
        return Decision(Reason.KNOWN, here.state)
    state = Campaign(
        plan_version=version,
        opens_at=_launch(issued, meta.occurred_at),
        plan_hash=issued.plan_hash,
        name=issued.plan.brief.name,
        steps={step.id: "open" for step in issued.plan.steps},
        artefacts={name: Artefact(name=name, revision=1) for name in sorted(SEGMENTS)},
    )
    state, moved = to_stage(state, CampaignStage.EXECUTION, "plan_issued")
    tasks = tuple(Task(DraftMail(artefact=name, plan_version=version, revision=1)) for name in sorted(SEGMENTS))
    shared = here.shared.asking(SetGuard(fence=0, halted=False))
    return Decision(Reason.WORK_BEGUN, state, (WorkBegun(plan_version=version), *moved), tasks, shared)


def drafted(state: Campaign, draft: Drafted) -> Ruling:
    known = state.artefacts[draft.artefact]
    made = replace(known, revision=draft.revision, template=draft.template, content_hash=draft.content_hash)
    state = replace(state, artefacts={**state.artefacts, draft.artefact: made})
    events: tuple[Event, ...] = (
        ArtefactDrafted(
            plan_version=draft.plan_version,
            artefact=draft.artefact,
            kind=ArtefactKind.EMAIL,
            revision=draft.revision,
            template=draft.template,
            drafted_by="templates",
            content_hash=draft.content_hash,
        ),
    )
    if all(one.content_hash for one in state.artefacts.values()):
        state, done = step_done(state, "draft", f"{len(state.artefacts)} mails drafted")
        events = (*events, *done)
    check = CheckMail(
        artefact=draft.artefact,
        plan_version=draft.plan_version,
        revision=draft.revision,
        content_hash=draft.content_hash,
    )
    return Decision(Reason.DRAFTED, state, events, (Task(check),))


def checked(state: Campaign, check: Checked) -> Ruling:
    artefact = replace(state.artefacts[check.artefact], results=check.results, checked=True)
    state = replace(state, artefacts={**state.artefacts, check.artefact: artefact})
    events: tuple[Event, ...] = (
        ArtefactChecked(
            plan_version=check.plan_version,
            artefact=check.artefact,
            revision=check.revision,
            content_hash=check.content_hash,
            results=check.results,
            passed=artefact.passed,
        ),
    )
    tasks: tuple[Task, ...] = ()
    if all(one.checked for one in state.artefacts.values()):
        tasks = (Task(RenderMails(plan_version=state.plan_version)),)
        if all(one.passed for one in state.artefacts.values()):
            state, done = step_done(state, "check", "every check passes")
            events = (*events, *done)
    return Decision(Reason.CHECKED if artefact.passed else Reason.CHECK_FAILED, state, events, tasks)


def rendered(here: Here, state: Campaign, mails: MailsRendered, meta: Meta) -> Ruling:
    audience = Audience(
        snapshot_hash=mails.snapshot_hash,
        content_hash=mails.content_hash,
        audience_hash=mails.audience_hash,
        members=mails.members,
        recipients=mails.recipients,
        without_consent=mails.without_consent,
        suppressed=mails.suppressed,
        checks=mails.checks,
    )
    state, done = step_done(
        replace(state, audience=audience), "render", f"{mails.recipients} mails rendered, one per eligible recipient"
    )
    return _propose(here, state, meta, done)


def waived(here: Here, state: Campaign, command: WaiveItem, meta: Meta) -> Ruling:
    """A named person lets one failing item pass; what the law asks for, nobody does."""
    open_items = [item.check for item in blocking(checklist(plan_of(here, state), state))]
    if not state.running or state.audience is None or command.item not in open_items:
        return Decision(Reason.NOTHING_TO_WAIVE, state)
    if not waivable(command.item):
        return Decision(Reason.NEVER_WAIVED, state)
    event = ChecklistItemWaived(
        plan_version=state.plan_version, item=command.item, actor=command.actor.subject, reason=command.reason
    )
    state = replace(state, waived={**state.waived, command.item: f"{command.actor.subject}: {command.reason}"})
    proposed = _propose(here, state, meta, (event,))
    return replace(proposed, reason=Reason.WAIVED)


def failed(state: Campaign, task: DraftMail | CheckMail | RenderMails, error: str) -> Ruling:
    event = StepFailed(plan_version=state.plan_version, step=task.kind, because=error[:4000])
    what = (task.kind, "" if isinstance(task, RenderMails) else task.artefact)
    state = replace(state, steps={**state.steps, task.kind: "failed"}, failures=(*state.failures, what))
    return Decision(Reason.STEP_FAILED, state, (event,))


def resumed(here: Here, state: Campaign, meta: Meta) -> Ruling:
    """Before anything was sent: failed work is done again, and a paused campaign asks anew."""
    if not state.running or (state.halt is None and not state.failures):
        return Decision(Reason.NOT_HALTED, state)
    tasks = tuple(Task(_again(state, kind, artefact)) for kind, artefact in state.failures)
    steps = {step: "open" if how == "failed" else how for step, how in state.steps.items()}
    state = replace(state, failures=(), steps=steps)
    if state.halt is None or state.audience is None:
        if state.halt is not None:
            state = replace(state, halt=replace(state.halt, resumed=True))
        return Decision(Reason.RESUMING, state, (), tasks)
    superseded = {
        decision: replace(one, state="superseded") if one.state == "pending" else one
        for decision, one in state.proposals.items()
    }
    state = replace(state, halt=replace(state.halt, resumed=True), proposals=superseded)
    return replace(_propose(here, state, meta, ()), reason=Reason.RESUMING)


def _again(state: Campaign, kind: str, artefact: str) -> DraftMail | CheckMail | RenderMails:
    if kind == RenderMails.kind:
        return RenderMails(plan_version=state.plan_version)
    known = state.artefacts[artefact]
    if kind == DraftMail.kind:
        return DraftMail(artefact=artefact, plan_version=state.plan_version, revision=known.revision)
    return CheckMail(
        artefact=artefact,
        plan_version=state.plan_version,
        revision=known.revision,
        content_hash=known.content_hash,
    )


def _propose(here: Here, state: Campaign, meta: Meta, before: tuple[Event, ...]) -> Ruling:
    """Ask for the ruling, once the whole checklist passes or is waived, and unless a person wants a pause."""
    issued = plan_of(here, state)
    if state.halt is not None and not state.halt.resumed:
        return Decision(Reason.HALTED_ALREADY, state, before)
    if blocking(checklist(issued, state)):
        return Decision(Reason.CHECKLIST_BLOCKS, state, before)
    assert state.audience is not None
    proposal = proposing.first_send(meta, issued, state)
    remembered = proposing.remembered(proposal, proposing.found_send(state.audience), state.halts)
    state = replace(state, proposals={**state.proposals, proposal.decision_id: remembered})
    return Decision(Reason.PROPOSED, state, (*before, proposal))


def _launch(issued: PlanIssued, accepted_at: datetime) -> datetime:
    """When the brief lets the first mail leave."""
    launch = issued.plan.brief.timing.launch
    return launch.at or accepted_at + (launch.by or timedelta(0))
