"""Wiring: the only module of briefing that knows what the chassis runs."""

from briefing import store
from briefing.api import Api
from briefing.domain.decide import Rules, decide
from briefing.metrics import DECISIONS, observe
from briefing.settings import Settings
from briefing.template import load_templates
from chassis.fold import Fold
from chassis.service import Parts
from contracts.inbound import BriefSubmitted
from policy.organisation import load_organisation


async def build(parts: Parts) -> None:
    assert isinstance(parts.settings, Settings)
    rules = Rules(load_templates(), load_organisation(parts.settings.organisation).policy)
    parts.applier = Fold(decide, store.load, store.save, rules, DECISIONS, observe=observe, verifier=parts.verifier)
    parts.topics = (BriefSubmitted.topic,)
    parts.routes = Api(parts).routes()
