"""Wiring: the only module of the tower that knows what the chassis runs."""

from chassis.service import Parts
from contracts.catalogue import TOPICS
from contracts.inbound import RecipientEventReported
from tower.api import Api
from tower.applier import TowerApplier
from tower.settings import Settings

TOO_MANY = frozenset({RecipientEventReported.topic})
"""What the monitor sums up for us."""


async def build(parts: Parts) -> None:
    assert isinstance(parts.settings, Settings)
    parts.applier = TowerApplier()
    parts.topics = tuple(topic for topic in TOPICS if topic not in TOO_MANY)
    parts.routes = Api(parts, parts.settings.open_tenant).routes()
