"""What the doors answer: a refusal names its reason and what would mend it."""

from chassis.commands import Answer
from chassis.decision import Decision
from contracts.event import Name, Sha256, Value
from escalation.domain.state import ContentDiffers, Escalation, Reason, Shared, Withdrawn

REFUSALS: dict[Reason, tuple[int, str]] = {
    Reason.CASE_UNKNOWN: (404, "see GET /v1/cases"),
    Reason.OPTION_UNKNOWN: (404, "send the decision_id of an option on the card that was not refused"),
    Reason.CASE_CLOSED: (409, "it was decided, withdrawn, or its deadline has passed"),
    Reason.CONTENT_CHANGED: (409, "look at the card again: the content is not what was displayed"),
    Reason.PLAN_CHANGED: (409, "a newer plan was issued: its own cases count"),
    Reason.HELD: (409, "a kill switch or hold keeps it back: refuse it, or approve it when that is released"),
    Reason.ALREADY_VOTED: (409, "one vote a person"),
    Reason.NOTHING_TO_REVOKE: (409, "there is no grant in force for this decision"),
    Reason.NOT_A_PERSON: (403, "agents and services never decide: use a person's token"),
    Reason.ROLE_MISSING: (403, "the card says which role is needed"),
    Reason.OWN_WORK: (403, "somebody else than the plan's author must decide"),
    Reason.REASON_NEEDED: (422, "send reason: {what, when, until, why}"),
}


class Refusal(Value):
    title: Reason
    status: int
    fix: str
    displayed: Sha256 | None = None
    """Where the content differs: what the person saw."""
    proposed: Sha256 | None = None
    withdrawn_because: Name | None = None


class Done(Value):
    result: Reason
    events: tuple[str, ...]


def reply(decision: Decision[Escalation, Shared]) -> Answer:
    """The decision as an answer."""
    reason = Reason(decision.reason)
    if reason not in REFUSALS:
        done = Done(result=reason, events=tuple(type(event).__name__ for event in decision.events))
        return Answer(200, done.model_dump_json())
    status, fix = REFUSALS[reason]
    refusal = Refusal(title=reason, status=status, fix=fix)
    match decision.answer:
        case ContentDiffers() as differs:
            refusal = refusal.model_copy(update=dict(differs))
        case Withdrawn(withdrawn_because=because):
            fix = f"it was withdrawn ({because.replace('_', ' ')}): see GET /v1/cases for what is asked now"
            refusal = refusal.model_copy(update={"fix": fix, "withdrawn_because": because})
        case _:
            pass
    return Answer(status, refusal.model_dump_json(exclude_none=True))
