"""What every service counts. Names, labels and meanings: docs/reference/metrics.md."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from contracts.catalogue import TOPICS
from contracts.codec import INBOUND
from contracts.event import Event, Fact

DUPLICATES = Counter("handrail_duplicate_events", "Records met again and left out.")
RETRIES = Counter("handrail_event_retries", "Batches given back to Kafka to be read again.")
DEAD_LETTERS = Counter("handrail_dead_letters", "Records kept because they could not be processed.", ["reason"])
INVALID = Counter("handrail_event_validation_failures", "Records that do not fit their contract.", ["topic"])
DEAD_LETTERS_PENDING = Gauge("handrail_dead_letters_pending", "Records kept and not yet re-driven.")
DEAD_LETTERS_OLDEST = Gauge("handrail_dead_letter_oldest_seconds", "Age of the oldest record kept.")
DEAD_LETTER_REPLAYS = Counter("handrail_dead_letter_replays", "Dead letters driven again.", ["result"])
OUTBOX_PENDING = Gauge("handrail_outbox_pending", "Events written and not yet acknowledged by Kafka.")
OUTBOX_OLDEST = Gauge("handrail_outbox_oldest_pending_seconds", "Age of the oldest event not yet acknowledged.")
OUTBOX_PUBLISHED = Counter("handrail_outbox_published", "Events acknowledged by Kafka.", ["result"])
TIMERS_OVERDUE = Gauge("handrail_timers_overdue", "Tasks due for more than five seconds.", ["kind"])
TIMER_DELAY = Histogram(
    "handrail_timer_delay_seconds", "How late a task was taken.", buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900)
)
TASK_FAILURES = Counter("handrail_task_failures", "Tasks whose work failed for good.")
EVENT_AGE = Histogram(
    "handrail_event_age_seconds",
    "From an event's time to its handling here.",
    ["origin"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600),
)
PRUNED = Counter("handrail_pruned_rows", "Old rows deleted.", ["table"])
OLDEST_ROW = Gauge("handrail_oldest_row_seconds", "Age of the oldest row of a table that is pruned.", ["table"])
LOG_HELD = Gauge("handrail_event_log_held_topics", "Topics whose events are kept: a reader has not read them.")
RETENTION = Gauge("handrail_retention_seconds", "How long events stay in the log; infinite where none is forgotten.")
INGRESS = Counter("handrail_ingress_requests", "Requests at the HTTP doors.", ["code"])
BUILD = Gauge("handrail_build_info", "Which version of which component runs.", ["version", "component"])

REASONS = ("undecodable", "failing", "behind")
for reason in REASONS:
    DEAD_LETTERS.labels(reason=reason)
_OURS, _OUTSIDE = (EVENT_AGE.labels(origin=origin) for origin in ("ours", "outside"))
for topic in TOPICS:
    INVALID.labels(topic=topic)
for result in ("sent", "failed"):
    OUTBOX_PUBLISHED.labels(result=result)
for result in ("applied", "failed"):
    DEAD_LETTER_REPLAYS.labels(result=result)
for table in ("attempt", "command_log", "event_log", "inbox", "task"):
    PRUNED.labels(table=table)
    OLDEST_ROW.labels(table=table)
for code in ("2xx", "3xx", "4xx", "5xx"):
    INGRESS.labels(code=code)


def handled(facts: Iterable[Fact[Event]], now: datetime) -> None:
    """`facts` were handled at `now`, so long after their times: an outsider's own clock says when that was."""
    for fact in facts:
        age = _OUTSIDE if fact.event.topic.startswith(INBOUND) else _OURS
        age.observe(max(0.0, (now - fact.meta.occurred_at).total_seconds()))
