"""Who reads what, as the design has it: written down here, so that a service that forgets a topic is found out."""

from collections.abc import Mapping

from contracts.catalogue import TOPICS

SUBSCRIPTIONS: Mapping[str, tuple[str, ...]] = {
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
