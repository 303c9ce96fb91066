"""What briefing counts."""

from prometheus_client import Counter

from briefing.domain.decide import Briefing, Reason
from chassis.decision import Decision, Message

DECISIONS = Counter("handrail_briefing_decisions", "Messages decided, by reason.", ["reason"])
RECEIVED = Counter("handrail_briefs_received", "Briefs handed in.", ["source"])
REJECTED = Counter("handrail_briefs_rejected", "Briefs refused.")

for reason in Reason:
    DECISIONS.labels(reason=reason)
for source in ("http", "kafka"):
    RECEIVED.labels(source=source)


def observe(message: Message, decided: Decision[Briefing, None]) -> None:
    """Count what a committed decision means."""
    if decided.reason in (Reason.ACCEPTED, Reason.REFUSED, Reason.AUTHOR_WANTED):
        RECEIVED.labels(source="kafka" if message.meta.source_id != str(message.meta.event_id) else "http").inc()
    if decided.reason is Reason.REFUSED:
        REJECTED.inc()
