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
    organisation = load_organisation(parts.settings.organisation)
    assets = frozenset(organisation.sender.assets)
    rules = Rules(load_templates(), organisation.policy, organisation.tenant, assets)
    parts.applier = Fold(decide, store.load, store.save, rules, DECISIONS, observe=observe, verifier=parts.verifier)
    parts.topics = (BriefSubmitted.topic,)
    parts.routes = Api(parts).routes()
