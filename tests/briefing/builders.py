"""A briefing's messages: each builder says one thing that was handed in."""

from pathlib import Path
from typing import Any

from briefing.commands import ConfirmAuthorship, SubmitBrief
from briefing.domain.decide import Briefing, Rules, Ruling, decide
from briefing.template import load_templates
from chassis.decision import Command, Identity, Loaded, Message
from contracts.brief import BriefDraft
from contracts.event import Event
from policy.organisation import load_organisation
from tests.builders import T0, brief, meta

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "webinar-follow-up"
ORGANISATION = ROOT / "examples" / "organisation.yaml"
ORG = load_organisation(ORGANISATION)
RULES = Rules(load_templates(), ORG.policy, ORG.tenant, frozenset(ORG.sender.assets))
MAYA = Identity(subject="maya", tenant="demo", roles=("marketer",), human=True)
BOT = Identity(subject="planner-bot", tenant="demo", roles=("marketer",), human=False)


def draft(**changes: Any) -> BriefDraft:
    """A draft that lacks nothing; `changes` replace fields, None takes one away."""
    return BriefDraft.model_validate(brief().model_dump() | changes)


def submit(of: BriefDraft | None = None, actor: Identity = MAYA) -> SubmitBrief:
    return SubmitBrief(command_id="key-1", actor=actor, brief=of or draft())


def confirm(actor: Identity = MAYA) -> ConfirmAuthorship:
    return ConfirmAuthorship(command_id="key-2", actor=actor)


def decided(state: Briefing | None, body: Event | Command, rules: Rules = RULES) -> Ruling:
    """What becomes of `body` at T0."""
    return decide(Loaded(state, None), Message(meta(), body), rules, T0)
