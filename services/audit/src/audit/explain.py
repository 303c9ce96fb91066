"""Why was this decided? Built from stored records alone; each part names the record it rests on. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from audit.store import Stored
from contracts.codec import Verify, decode
from contracts.escalation import ActionCleared, ActionDenied, ApprovalGiven, ApprovalRefused, OverrideRecorded
from contracts.event import Event, Fact
from contracts.executor import ActionExecuted, ActionProposed, ActionReconciled, ActionRefused, EffectsRecorded
from contracts.monitor import OutcomeRejected, OutcomeVerified

WORDS = (ApprovalGiven, ApprovalRefused, OverrideRecorded)
OUTCOMES = (OutcomeVerified.type, OutcomeRejected.type)


def explanation(
    records: Sequence[Stored], trigger: Stored | None, outcome: Sequence[Stored], verify: Verify
) -> dict[str, Any] | None:
    """What it saw, decided, used, who approved which version, and what came of it; None without a proposal."""
    facts = [(record, read(record, verify)) for record in records]
    proposed = next(((record, fact) for record, fact in facts if isinstance(fact.event, ActionProposed)), None)
    if proposed is None:
        return None
    record, fact = proposed
    proposal = fact.event
    assert isinstance(proposal, ActionProposed)
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
        "ruling": [_said(one, stored) for stored, one in _only(facts, ActionCleared, ActionDenied)],
        "approvals": [
            _said(one, stored) for stored, one in _only(facts, ApprovalGiven, ApprovalRefused, OverrideRecorded)
        ],
        "refused": [_said(one, stored) for stored, one in _only(facts, ActionRefused)],
        "uncertain": [_said(one, stored) for stored, one in _only(facts, ActionReconciled)],
        "outcome": [_shown(stored, verify) for stored in outcome],
    }


def read(record: Stored, verify: Verify) -> Fact[Event]:
    """The fact of a stored record: it was read once already."""
    return decode(record.raw.topic, record.raw.headers, record.raw.value, verify=verify)


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
