"""What briefing counts."""

from prometheus_client import Counter

from briefing.commands import ConfirmAuthorship
from briefing.domain.decide import Briefing, Reason
from briefing.domain.review import MISSING
from chassis.decision import Decision, Message
from contracts.briefing import BriefRefused
from contracts.inbound import BriefSubmitted

DECISIONS = Counter("handrail_briefing_decisions", "Messages decided, by reason.", ["reason"])
RECEIVED = Counter("handrail_briefs_received", "Briefs handed in.", ["source"])
REJECTED = Counter("handrail_briefs_rejected", "Briefs refused, by what is wrong with them.", ["reason"])

for reason in Reason:
    DECISIONS.labels(reason=reason)
for source in ("http", "kafka"):
    RECEIVED.labels(source=source)
for wrong in ("missing", "vague", "contradictory"):
    REJECTED.labels(reason=wrong)


def observe(message: Message, decided: Decision[Briefing, None]) -> None:
    """Count what a committed decision means."""
    confirmed = isinstance(message.body, ConfirmAuthorship)
    if decided.reason in (Reason.ACCEPTED, Reason.REFUSED, Reason.AUTHOR_WANTED) and not confirmed:
        RECEIVED.labels(source="kafka" if isinstance(message.body, BriefSubmitted) else "http").inc()
    for event in decided.events:
        if isinstance(event, BriefRefused):
            REJECTED.labels(reason=_wrong(event)).inc()


def _wrong(refused: BriefRefused) -> str:
    if any(problem.problem == MISSING for problem in refused.problems):
        return "missing"
    return "vague" if refused.problems[0].field == "goal" else "contradictory"
