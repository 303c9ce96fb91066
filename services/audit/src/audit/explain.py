"""Why was this decided? Built from stored records alone; each part names the record it rests on. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from audit.store import Stored
from contracts.actions import (
    ActionExecuted,
    ActionFailed,
    ActionProposed,
    ActionReconciled,
    ActionRefused,
    ActionUncertain,
    EffectsRecorded,
)
from contracts.briefing import BriefAccepted, PlanIssued
from contracts.codec import Verify, decode
from contracts.escalation import (
    ActionCleared,
    ActionDenied,
    ApprovalGiven,
    ApprovalRefused,
    CaseEventBase,
    CaseOpened,
    CaseResolved,
    ClearanceRevoked,
    HoldPlaced,
    HoldReleased,
    OverrideRecorded,
)
from contracts.event import Event, Fact
from contracts.executor import CampaignFinished, CampaignHalted, CampaignLaunched, CampaignResumed
from contracts.monitor import OutcomeRejected, OutcomeVerified, TriggerFired

Pairs = Sequence[tuple[Stored, Fact[Event]]]
WORDS = (ApprovalGiven, ApprovalRefused, OverrideRecorded)
OUTCOMES = (OutcomeVerified.type, OutcomeRejected.type)
CONTEXT = tuple(
    one.type for one in (BriefAccepted, PlanIssued, CaseOpened, CaseResolved, CampaignHalted, CampaignFinished)
)
"""What an explanation rests on beside the records that name the decision."""


def explanation(
    records: Sequence[Stored],
    trigger: Stored | None,
    outcome: Sequence[Stored],
    context: Sequence[Stored],
    verify: Verify,
) -> dict[str, Any] | None:
    """What it saw, decided, used, who approved which version, and what came of it; None without a proposal."""
    facts = [(record, read(record, verify)) for record in records]
    proposed = next(((record, fact) for record, fact in facts if isinstance(fact.event, ActionProposed)), None)
    if proposed is None:
        return None
    record, fact = proposed
    proposal = fact.event
    assert isinstance(proposal, ActionProposed)
    around = [(stored, read(stored, verify)) for stored in context]
    effects: Counter[str] = Counter()
    for _, one in facts:
        if isinstance(one.event, EffectsRecorded):
            effects.update(effect.outcome.value for effect in one.event.effects)
    return {
        "decision_id": str(proposal.decision_id),
        "campaign_id": str(fact.meta.campaign_id),
        "title": proposal.title,
        "saw": {
            "sources": [source.model_dump(mode="json") for source in proposal.sources],
            "patterns": [pattern.model_dump(mode="json") for pattern in proposal.patterns],
            "plan_version": proposal.plan_version,
            "plan_hash": proposal.plan_hash,
            "policy_hash": proposal.policy_hash,
            "trigger": _shown(trigger, verify),
            "basis": [_named(stored, one) for stored, one in _basis(around, proposal)],
            **_where(record),
        },
        "decided": {
            "chosen": proposal.chosen,
            "candidates": [one.model_dump(mode="json") for one in proposal.candidates],
            "strategy": proposal.strategy,
            "confidence": proposal.confidence,
            "prediction": proposal.prediction.model_dump(mode="json"),
            "handled_by": proposal.handled_by.value,
            "decided_by": proposal.decided_by.model_dump(mode="json"),
            "rule_versions": list(proposal.rule_versions),
            "reversibility": proposal.reversibility.model_dump(mode="json"),
            "blast_radius": proposal.blast_radius.model_dump(mode="json"),
            "at": fact.meta.occurred_at.isoformat(),
            **_where(record),
        },
        "tool": {
            **proposal.action.model_dump(mode="json"),
            "why": proposal.tool_reason,
            "effects": dict(sorted(effects.items())),
            "executed": [_said(one, stored) for stored, one in _only(facts, ActionExecuted)],
        },
        "ruling": [
            _said(one, stored)
            for stored, one in _only(facts, ActionCleared, ActionDenied, ClearanceRevoked, HoldPlaced, HoldReleased)
        ],
        "cases": [_said(one, stored) for stored, one in _cases(around, facts, proposal)],
        "approvals": [
            _said(one, stored) for stored, one in _only(facts, ApprovalGiven, ApprovalRefused, OverrideRecorded)
        ],
        "refused": [_said(one, stored) for stored, one in _only(facts, ActionRefused)],
        "uncertain": [_said(one, stored) for stored, one in _only(facts, ActionUncertain, ActionReconciled)],
        "launched": [_said(one, stored) for stored, one in _only(facts, CampaignLaunched, CampaignResumed)],
        "interrupted": [
            _said(one, stored)
            for stored, one in [*_only(facts, TriggerFired, ActionFailed), *_only(around, CampaignHalted)]
        ],
        "finished": [_said(one, stored) for stored, one in _only(around, CampaignFinished)],
        "outcome": [_shown(stored, verify) for stored in outcome],
    }


def read(record: Stored, verify: Verify) -> Fact[Event]:
    """The fact of a stored record: it was read once already."""
    return decode(record.raw.topic, record.raw.headers, record.raw.value, verify=verify)


def _basis(around: Pairs, proposal: ActionProposed) -> list[tuple[Stored, Fact[Event]]]:
    """The brief, and the plan in the version that was acted on."""
    return [
        (stored, one)
        for stored, one in _only(around, BriefAccepted, PlanIssued)
        if not isinstance(one.event, PlanIssued) or one.event.plan.version == proposal.plan_version
    ]


def _cases(around: Pairs, facts: Pairs, proposal: ActionProposed) -> list[tuple[Stored, Fact[Event]]]:
    """The case in which people were asked about it: named by a ruling or vote, or opened about it or its trigger."""
    about = {proposal.decision_id, proposal.action.answers}
    named = {getattr(one.event, "case_id", None) for _, one in facts}
    named |= {
        one.event.case_id for _, one in around if isinstance(one.event, CaseOpened) and one.event.subject_id in about
    }
    return [
        (stored, one) for stored, one in around if isinstance(one.event, CaseEventBase) and one.event.case_id in named
    ]


def _named(record: Stored, fact: Fact[Event]) -> dict[str, Any]:
    return {"type": type(fact.event).__name__, "at": fact.meta.occurred_at.isoformat(), **_where(record)}


def _only(facts: Iterable[tuple[Stored, Fact[Event]]], *kinds: type[Event]) -> list[tuple[Stored, Fact[Event]]]:
    return [(record, fact) for record, fact in facts if isinstance(fact.event, kinds)]


def _said(fact: Fact[Event], record: Stored) -> dict[str, Any]:
    said = {
        "type": type(fact.event).__name__,
        "at": fact.meta.occurred_at.isoformat(),
        **fact.event.model_dump(mode="json"),
        **_where(record),
    }
    if fact.event.signed:
        said["signature"] = fact.meta.signature.value
    return said


def _shown(record: Stored | None, verify: Verify) -> dict[str, Any] | None:
    return None if record is None else _said(read(record, verify), record)


def _where(record: Stored) -> dict[str, Any]:
    return {"record": record.seq, "event_id": str(record.event_id)}
