"""What the doors answer: a decision in words, or a page of JSON."""

import json
from typing import Any

from starlette.responses import Response

from chassis.commands import Answer
from chassis.decision import Decision
from executor.domain.state import Campaign, Reason
from executor.effects import Shared

REFUSALS = {
    Reason.NOT_RUNNING: "the campaign is over",
    Reason.HALTED_ALREADY: "it is halted already",
    Reason.NOT_HALTED: "only a halted campaign can be resumed",
    Reason.NOTHING_TO_WAIVE: "no such failing item: see the checklist in GET /v1/campaigns/{id}",
    Reason.NEVER_WAIVED: "the law asks for it, or it is not done: no word takes its place; cancel, mend it, submit again",
    Reason.NOT_ENGAGED: "nothing to release: see GET /v1/kill-switches",
    Reason.NOTED: "no such campaign",
}


def reply(decision: Decision[Campaign, Shared]) -> Answer:
    """The decision as an answer: a refusal names its reason and the fix."""
    reason = Reason(decision.reason)
    if reason in REFUSALS and not decision.tasks:
        body = {"title": reason.value, "status": 409, "fix": REFUSALS[reason]}
        return Answer(404 if reason is Reason.NOTED else 409, json.dumps(body))
    return Answer(
        202 if reason is Reason.RELEASE_ASKED else 200,
        json.dumps({"result": reason.value, "events": [type(event).__name__ for event in decision.events]}),
    )


def shown(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, default=str), status, media_type="application/json")
