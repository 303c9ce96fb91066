"""What is the next step? Pure: no I/O, no clock, no randomness. What may leave is decided again by the guard."""

from datetime import datetime

from chassis.decision import Decision, Loaded, Message, TaskFailed
from contracts.briefing import PlanIssued
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    CaseExpired,
    CaseOpened,
    CaseResolved,
    CaseWithdrawn,
    ClearanceRevoked,
    HoldPlaced,
    HoldReleased,
)
from contracts.inbound import RecipientEventReported
from contracts.monitor import OutcomeRejected, OutcomeVerified, TriggerFired
from contracts.plan import Response
from executor.commands import (
    CancelCampaign,
    EngageKillSwitch,
    ImportAudience,
    PauseCampaign,
    ReleaseKillSwitch,
    ResumeCampaign,
    SendTest,
    Unsubscribe,
    WaiveItem,
)
from executor.domain import granting, halting, lists, people, preparing, recovering, sending, switching, testing
from executor.domain.flow import Here, Ruling
from executor.domain.state import Campaign, Reason
from executor.effects import AssembleOptions, Dispatch, Dispatched, EffectsFound, OptionsAssembled, Recovered, Shared
from executor.preparing.candidates import PlanSend, SendPlanned
from executor.preparing.drafts import (
    Checked,
    CheckMail,
    Drafted,
    DraftMail,
    ListCame,
    MailsRendered,
    RenderMails,
    SendTestMail,
    SentTest,
)


def decide(here: Loaded[Campaign, Shared], message: Message, policy: None, now: datetime) -> Ruling:
    body = message.body
    match body:
        case PlanIssued():
            return preparing.begun(here, body, message.meta)
        case ImportAudience():
            return lists.imported(here, body)
        case EngageKillSwitch():
            return switching.engaged(here, body)
        case ReleaseKillSwitch():
            return switching.released(here, body)
        case Unsubscribe():
            return people.unsubscribed(here, body)
        case RecipientEventReported():
            return people.reported(here, body)
        case Recovered():
            return recovering.recovered(here, body)
        case EffectsFound():
            return recovering.found(here, body)
        case _:
            if here.state is None:
                return Decision(Reason.NOTED, None)
            return _within(here, here.state, message, now)


def _within(here: Here, state: Campaign, message: Message, now: datetime) -> Ruling:
    """What a campaign that has a plan does about a message."""
    meta, body = message.meta, message.body
    match body:
        case Drafted() | Checked() | MailsRendered() if not state.running:
            return Decision(Reason.NOT_RUNNING, state)
        case Drafted():
            return preparing.drafted(state, body)
        case Checked():
            return preparing.checked(state, body)
        case MailsRendered():
            return preparing.rendered(here, state, body)
        case ListCame():
            return lists.came(here, state, body)
        case SendPlanned():
            return preparing.planned(here, state, body, meta, now)
        case WaiveItem():
            return preparing.waived(here, state, body)
        case SendTest():
            return testing.asked(here, state, body, now)
        case SentTest():
            return testing.sent(state, body)
        case TaskFailed(task=SendTestMail() as task):
            return testing.failed(state, task)
        case ActionCleared():
            return granting.cleared(here, state, body, message, now)
        case ActionDenied():
            return granting.denied(state, body)
        case ClearanceRevoked():
            return granting.unbelieved(state, body, message) or granting.revoked(here, state, body)
        case Dispatched():
            return sending.dispatched(here, state, body)
        case TriggerFired(response=Response.PAUSE | Response.ESCALATE):
            return halting.triggered(here, state, body, meta)
        case TriggerFired():
            return sending.verdict(state, body)
        case OptionsAssembled():
            return halting.assembled(here, state, body, meta, now)
        case PauseCampaign():
            return halting.paused(here, state, body)
        case ResumeCampaign():
            return preparing.resumed(here, state) if state.sending is None else halting.resume(state)
        case CancelCampaign():
            return halting.cancelled(here, state)
        case OutcomeVerified() | OutcomeRejected():
            return sending.outcome(here, state, body)
        case CaseOpened():
            return people.case_opened(state, body)
        case CaseResolved() | CaseExpired() | CaseWithdrawn():
            return people.case_closed(state, body.case_id)
        case ApprovalGiven() | ApprovalRefused():
            return granting.unbelieved(state, body, message) or people.settled_by_person(here, state, body)
        case TaskFailed(task=DraftMail() | CheckMail() | RenderMails() | PlanSend() as task):
            return preparing.failed(state, task, body.error)
        case TaskFailed(task=Dispatch() as task):
            return sending.failed(here, state, task, body.error, now)
        case HoldPlaced():
            return halting.held(here, state, body)
        case HoldReleased():
            return granting.unbelieved(state, body, message) or halting.released(here, state, body)
        case TaskFailed(task=AssembleOptions()):
            return halting.no_options(state, body.error)
        case _:
            return Decision(Reason.NOTED, state)
