"""Every event type there is. A type that is not listed here cannot be read."""

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
