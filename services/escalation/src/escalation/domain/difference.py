"""What is proposed beside what was approved last for the same purpose: what people read first on a card. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from contracts.actions import ActionProposed
from contracts.event import CampaignId, Count, Name, Sha256, Text, Value
from contracts.framing import digest
from contracts.plan import Plan, Policy
from policy.stages import amount


class Part(Value):
    """Something the content was made from: the brief, the audience, a draft. `hash` changes with its text."""

    ref: Text
    hash: Sha256


class Fact(Value):
    """One figure of a proposal, as a person reads it."""

    what: Name
    value: Text


class Content(Value):
    """What an approval was given for, as far as a later proposal is compared with it."""

    campaign_id: CampaignId
    decision_id: UUID
    content_hash: Sha256
    approved_at: datetime
    recipients: Count
    facts: tuple[Fact, ...]
    parts: tuple[Part, ...]
    policy: tuple[Fact, ...]
    """The hash of each field of the policy."""


class PartChanged(Value):
    """A part whose text differs; None where there was none, or is none now."""

    ref: Text
    before: Sha256 | None
    after: Sha256 | None


class FactChanged(Value):
    what: Name
    before: Text
    after: Text


class Difference(Value):
    """Against which approval, and what differs. The events carry no lists of people: `more` and `fewer` are net."""

    decision_id: UUID
    campaign_id: CampaignId
    content_hash: Sha256
    approved_at: datetime
    recipients_before: Count
    recipients_after: Count
    more: Count
    fewer: Count
    parts: tuple[PartChanged, ...]
    facts: tuple[FactChanged, ...]
    policy: tuple[Name, ...]
    """Fields of the policy that are not as they were."""


def content(campaign: CampaignId, proposal: ActionProposed, plan: Plan, approved_at: datetime) -> Content:
    """What an approval of `proposal` at that time is given for."""
    return Content(
        campaign_id=campaign,
        decision_id=proposal.decision_id,
        content_hash=proposal.action.content_hash,
        approved_at=approved_at,
        recipients=proposal.recipients,
        facts=tuple(Fact(what=what, value=said(proposal)) for what, said in FACTS.items()),
        parts=tuple(Part(ref=_without_revision(one.ref), hash=one.hash) for one in proposal.sources),
        policy=_fields(plan.policy),
    )


def difference(before: Content, after: Content) -> Difference:
    """What changed between an approved content and a proposed one."""
    return Difference(
        decision_id=before.decision_id,
        campaign_id=before.campaign_id,
        content_hash=before.content_hash,
        approved_at=before.approved_at,
        recipients_before=before.recipients,
        recipients_after=after.recipients,
        more=max(0, after.recipients - before.recipients),
        fewer=max(0, before.recipients - after.recipients),
        parts=_parts(before, after),
        facts=tuple(
            FactChanged(what=what, before=was, after=now)
            for what, was, now in _pairs(before.facts, after.facts)
            if was != now
        ),
        policy=tuple(what for what, was, now in _pairs(before.policy, after.policy) if was != now),
    )


FACTS: Mapping[str, Callable[[ActionProposed], str]] = {
    "tool": lambda one: f"{one.action.tool}/{one.action.verb}",
    "target": lambda one: one.action.target,
    "choice": lambda one: one.chosen,
    "decided_by": lambda one: f"{one.decided_by.id} {one.decided_by.version}",
    "legal_class": lambda one: one.blast_radius.legal_class.value,
    "reversibility": lambda one: one.reversibility.reversibility_class.value,
    "money_at_risk": lambda one: amount(one.blast_radius.money_at_risk),
    "cost_of_error": lambda one: amount(one.cost_of_error),
    "cost_of_waiting": lambda one: amount(one.cost_of_delay),
}
"""What is compared beside recipients, parts and policy."""


def _parts(before: Content, after: Content) -> tuple[PartChanged, ...]:
    was, now = ({part.ref: part.hash for part in one.parts} for one in (before, after))
    return tuple(
        PartChanged(ref=ref, before=was.get(ref), after=now.get(ref))
        for ref in dict.fromkeys((*was, *now))
        if was.get(ref) != now.get(ref)
    )


def _pairs(before: Iterable[Fact], after: Iterable[Fact]) -> list[tuple[str, str, str]]:
    """Facts of both sides by name; one that only one side has reads as not known on the other."""
    was, now = ({fact.what: fact.value for fact in one} for one in (before, after))
    return [(what, was.get(what, "not known"), now.get(what, "not known")) for what in dict.fromkeys((*was, *now))]


def _fields(policy: Policy) -> tuple[Fact, ...]:
    names = [name for name in Policy.model_fields if name not in ("id", "version", "rule_versions")]
    return tuple(
        Fact(what=name, value=digest("handrail/policy-field/v1", policy.model_dump_json(include={name})))
        for name in names
    )


def _without_revision(ref: str) -> str:
    """A draft is the same part in each of its revisions."""
    return ref.partition(" revision ")[0]
