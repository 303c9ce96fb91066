"""What the doors answer: a decision in words, or a page of JSON."""

from chassis.commands import Answer
from chassis.decision import Decision
from executor.api.views import Done, Refusal
from executor.domain.state import Campaign, Reason
from executor.domain.testing import LIMIT
from executor.effects import Shared

REFUSALS = {
    Reason.NOT_RUNNING: "the campaign is over",
    Reason.HALTED_ALREADY: "it is halted already",
    Reason.NOT_HALTED: "only a halted campaign can be resumed",
    Reason.NOTHING_TO_WAIVE: "no such failing item: see the checklist in GET /v1/campaigns/{id}",
    Reason.NEVER_WAIVED: "the law asks for it, or it is not done: nobody waives that; mend it, then resume or resubmit",
    Reason.NOT_DRAFTED: "no such draft yet: see the artefacts in GET /v1/campaigns/{id}",
    Reason.KILLED: "a kill switch is engaged: see GET /v1/kill-switches",
    Reason.TOO_MANY_TESTS: f"{LIMIT} an hour: wait, or look at the previews",
    Reason.NOT_ENGAGED: "nothing to release: see GET /v1/kill-switches",
    Reason.NOTED: "no such campaign",
}

STATUS = {Reason.NOTED: 404, Reason.TOO_MANY_TESTS: 429, Reason.RELEASE_ASKED: 202, Reason.TEST_ASKED: 202}


def reply(decision: Decision[Campaign, Shared]) -> Answer:
    """The decision as an answer: a refusal names its reason and the fix."""
    reason = Reason(decision.reason)
    if reason in REFUSALS and not decision.tasks:
        status = STATUS.get(reason, 409)
        return Answer(status, Refusal(title=reason.value, status=status, fix=REFUSALS[reason]).model_dump_json())
    done = Done(result=reason.value, events=tuple(type(event).__name__ for event in decision.events))
    return Answer(STATUS.get(reason, 200), done.model_dump_json())
