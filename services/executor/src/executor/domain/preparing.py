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
from executor.domain import halting, lists, proposing, recovering
from executor.domain.checklist import blocking, checklist, waivable
from executor.domain.flow import Here, Ruling, plan_of, step_done, to_stage
from executor.domain.state import Artefact, Audience, Campaign, Failure, Reason
from executor.effects import SetGuard
from executor.preparing.candidates import PlanSend, SendPlanned, Way
from executor.preparing.drafts import SEGMENTS, Checked, CheckMail, Drafted, DraftMail, MailsRendered, RenderMails


def begun(here: Here, issued: PlanIssued, meta: Meta) -> Ruling:
    """A plan arrived: work begins."""
    version = issued.plan.version
    if here.state is not None:
        return halting.another_plan(here, here.state, issued)
    state = Campaign(
        plan_version=version,
        accepted_at=meta.occurred_at,
        opens_at=_launch(issued, meta.occurred_at),
        plan_hash=issued.plan_hash,
        name=issued.plan.brief.name,
        steps={step.id: "open" for step in issued.plan.steps},
        artefacts={name: Artefact(name=name, revision=1) for name in sorted(SEGMENTS)},
        lists=tuple(dict.fromkeys((issued.plan.brief.audience.segment_ref, *issued.plan.brief.audience.exclusions))),
    )
    state, moved = to_stage(state, CampaignStage.EXECUTION, "plan_issued")
    tasks = tuple(Task(DraftMail(artefact=name, plan_version=version, revision=1)) for name in sorted(SEGMENTS))
    if here.shared.stopped is not None:
        events = (WorkBegun(plan_version=version), *moved)
        return recovering.begun_again(here, state, here.shared.stopped, events, tasks)
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
        state, render = lists.rendering(state)
        tasks = (render,)
        if all(one.passed for one in state.artefacts.values()):
            state, done = step_done(state, "check", "every check passes")
            events = (*events, *done)
    return Decision(Reason.CHECKED if artefact.passed else Reason.CHECK_FAILED, state, events, tasks)


def rendered(here: Here, state: Campaign, mails: MailsRendered) -> Ruling:
    audience = Audience(
        snapshot_hash=mails.snapshot_hash,
        content_hash=mails.content_hash,
        audience_hash=mails.audience_hash,
        members=mails.members,
        recipients=mails.recipients,
        without_consent=mails.without_consent,
        suppressed=mails.suppressed,
        exclusions=mails.exclusions,
        checks=mails.checks,
    )
    list_came = state.list_came
    state, done = step_done(
        replace(state, audience=audience, list_came=False),
        "render",
        f"{mails.recipients} mails rendered, one per eligible recipient",
    )
    if list_came and lists.held_up(here, state):
        once_more = lists.again(state)
        return replace(once_more, events=done)
    return _plan(here, state, done)


def waived(here: Here, state: Campaign, command: WaiveItem) -> Ruling:
    """A named person lets one failing item pass; what the law asks for, nobody does."""
    open_items = [item.check for item in blocking(checklist(plan_of(here, state), state))]
    if not state.running or command.item not in open_items:
        return Decision(Reason.NOTHING_TO_WAIVE, state)
    if not waivable(command.item):
        return Decision(Reason.NEVER_WAIVED, state)
    if state.audience is None:
        return Decision(Reason.NOTHING_TO_WAIVE, state)
    event = ChecklistItemWaived(
        plan_version=state.plan_version, item=command.item, actor=command.actor.subject, reason=command.reason
    )
    state = replace(state, waived={**state.waived, command.item: f"{command.actor.subject}: {command.reason}"})
    return replace(_plan(here, state, (event,)), reason=Reason.WAIVED)


def planned(here: Here, state: Campaign, found: SendPlanned, meta: Meta, now: datetime) -> Ruling:
    """Ask for the ruling on what the planner chose, if it still fits and somebody can carry it out."""
    if not state.running:
        return Decision(Reason.NOT_RUNNING, state)
    if state.halt is not None and not state.halt.resumed:
        return Decision(Reason.HALTED_ALREADY, state)
    if found.task.halts != state.halts or state.sending is not None or state.audience is None:
        return Decision(Reason.NOTED, state)
    if found.ways.chosen != Way.SEND:
        return failed(state, found.task, f"{found.ways.chosen!r} was chosen, which nobody can carry out")
    superseded = {
        decision: replace(one, state="superseded") if one.state == "pending" else one
        for decision, one in state.proposals.items()
    }
    proposal = proposing.first_send(meta, plan_of(here, state), state, found, now)
    remembered = proposing.remembered(proposal, proposing.found_send(state.audience), state.halts)
    state = replace(state, proposals={**superseded, proposal.decision_id: remembered})
    return Decision(Reason.PROPOSED, state, (proposal,))


def failed(state: Campaign, task: DraftMail | CheckMail | RenderMails | PlanSend, error: str) -> Ruling:
    if isinstance(task, RenderMails) and state.list_came:
        return lists.again(state)
    event = StepFailed(plan_version=state.plan_version, step=task.kind, because=error[:4000])
    artefact = task.artefact if isinstance(task, DraftMail | CheckMail) else ""
    steps = {step: "failed" if step == task.kind else how for step, how in state.steps.items()}
    state = replace(state, steps=steps, failures=(*state.failures, Failure(task.kind, artefact, error)))
    return Decision(Reason.STEP_FAILED, state, (event,))


def resumed(here: Here, state: Campaign) -> Ruling:
    """Before anything was sent: failed work is done again, and a paused campaign asks anew."""
    if not state.running or (state.halt is None and not state.failures):
        return Decision(Reason.NOT_HALTED, state)
    tasks = tuple(Task(_again(state, one.kind, one.artefact)) for one in state.failures)
    steps = {step: "open" if how == "failed" else how for step, how in state.steps.items()}
    state = replace(state, failures=(), steps=steps)
    if state.halt is None or state.audience is None:
        if state.halt is not None:
            state = replace(state, halt=replace(state.halt, resumed=True))
        return Decision(Reason.RESUMING, state, (), tasks)
    state = replace(state, halt=replace(state.halt, resumed=True))
    return replace(_plan(here, state, ()), reason=Reason.RESUMING)


def _again(state: Campaign, kind: str, artefact: str) -> DraftMail | CheckMail | RenderMails | PlanSend:
    if kind == PlanSend.kind:
        return _plan_send(state)
    if kind == RenderMails.kind:
        return RenderMails(plan_version=state.plan_version, nth=state.renderings)
    known = state.artefacts[artefact]
    if kind == DraftMail.kind:
        return DraftMail(artefact=artefact, plan_version=state.plan_version, revision=known.revision)
    return CheckMail(
        artefact=artefact,
        plan_version=state.plan_version,
        revision=known.revision,
        content_hash=known.content_hash,
    )


def _plan(here: Here, state: Campaign, before: tuple[Event, ...]) -> Ruling:
    """Ask the planner, once the whole checklist passes or is waived, and unless a person wants a pause."""
    if state.halt is not None and not state.halt.resumed:
        return Decision(Reason.HALTED_ALREADY, state, before)
    if blocking(checklist(plan_of(here, state), state)):
        return Decision(Reason.CHECKLIST_BLOCKS, state, before)
    return Decision(Reason.PLANNING, state, before, (Task(_plan_send(state)),))


def _plan_send(state: Campaign) -> PlanSend:
    recipients = state.audience.recipients if state.audience else 0
    return PlanSend(plan_version=state.plan_version, recipients=recipients, halts=state.halts)


def _launch(issued: PlanIssued, accepted_at: datetime) -> datetime:
    """When the brief lets the first mail leave."""
    launch = issued.plan.brief.timing.launch
    return launch.at or accepted_at + (launch.by or timedelta(0))
