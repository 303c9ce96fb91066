"""Every event type there is. A type that is not listed here cannot be read."""

from collections.abc import Mapping
from typing import get_args

from contracts.actions import ActionEvent
from contracts.audit import CheckpointEvent
from contracts.briefing import PlanEvent
from contracts.escalation import CaseEvent, OverrideRecorded, RulingEvent
from contracts.event import Event
from contracts.executor import WorkEvent
from contracts.inbound import InboundEvent
from contracts.monitor import OutcomeEvent, SignalEvent, SlaEvent

EVENTS: tuple[type[Event], ...] = (
    *get_args(InboundEvent),
    *get_args(PlanEvent),
    *get_args(WorkEvent),
    *get_args(ActionEvent),
    *get_args(SignalEvent),
    *get_args(SlaEvent),
    *get_args(OutcomeEvent),
    *get_args(RulingEvent),
    *get_args(CaseEvent),
    OverrideRecorded,
    *get_args(CheckpointEvent),
)
BY_TYPE: dict[str, type[Event]] = {event.type: event for event in EVENTS}
TOPICS: tuple[str, ...] = tuple(dict.fromkeys(event.topic for event in EVENTS))
OWNERS: dict[str, str] = {topic: topic.split(".", 1)[0] for topic in TOPICS}
READS: Mapping[str, tuple[str, ...]] = {
    "briefing": ("inbound.briefs.v1",),
    "executor": (
        "briefing.plans.v1",
        "escalation.rulings.v1",
        "escalation.cases.v1",
        "monitor.signals.v1",
        "monitor.outcomes.v1",
        "inbound.engagement.v1",
    ),
    "monitor": (
        "briefing.plans.v1",
        "executor.work.v1",
        "executor.actions.v1",
        "escalation.lessons.v1",
        "inbound.engagement.v1",
        "inbound.contacts.v1",
        "inbound.metrics.v1",
    ),
    "escalation": ("briefing.plans.v1", "executor.work.v1", "executor.actions.v1", "monitor.signals.v1"),
    "audit": TOPICS,
    "tower": tuple(topic for topic in TOPICS if topic != "inbound.engagement.v1"),
}
"""Which services read what: nobody forgets what one of them has not read."""


def readers_of(topic: str) -> frozenset[str]:
    return frozenset(service for service, topics in READS.items() if topic in topics)
