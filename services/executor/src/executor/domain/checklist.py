"""The launch checklist (E9): each item passes, fails, or was waived by a named person. Pure."""

from collections.abc import Iterator

from contracts.briefing import PlanIssued
from contracts.executor import CheckResult, Verdict
from executor.domain.state import Artefact, Campaign, Failure

RENDER = "render"
OPEN = frozenset({Verdict.FAIL, Verdict.ERROR})
LEGAL = frozenset({"unsubscribe", "postal_address", "consent"})
"""What the law asks of every commercial mail: nobody's word takes its place."""
SIZE = "audience_segmentation"
UNDONE = frozenset({"content_production", "checked", "draft", "check", RENDER, "plan"})
"""Work that is not done is no finding that a person could judge."""


def checklist(issued: PlanIssued, state: Campaign) -> tuple[CheckResult, ...]:
    """Every item with its evidence, waivers applied. A check of a draft is called `<artefact>:<check>`."""
    brief, audience = issued.plan.brief, state.audience
    drafted = sum(1 for one in state.artefacts.values() if one.content_hash)
    items = [
        _item(
            "content_production",
            drafted == len(state.artefacts),
            f"{drafted} of {len(state.artefacts)} mails drafted",
        ),
        *(CheckResult(check=one.item, verdict=Verdict.ERROR, evidence=_told(one)) for one in state.failures),
        *(item for artefact in state.artefacts.values() for item in _checks(artefact)),
        *(audience.checks if audience else (_item(SIZE, False, "no audience is rendered yet"),)),
        _item("channel_setup", True, "sender, reply-to and DKIM key are configured"),
        _item("reporting", True, f"{brief.objective.outcome} counted from {brief.objective.source_of_truth}"),
        _item("follow_up", bool(brief.owner), f"owner {brief.owner}"),
        _item("rollback", bool(brief.rollback_plan), brief.rollback_plan[:200]),
    ]
    return tuple(_waived(item, state) for item in items)


def blocking(items: tuple[CheckResult, ...]) -> list[CheckResult]:
    return [item for item in items if item.verdict in OPEN]


def waivable(item: str) -> bool:
    """Whether a person may let `item` pass."""
    return item.rpartition(":")[2] not in LEGAL | UNDONE


def _checks(artefact: Artefact) -> Iterator[CheckResult]:
    if not artefact.checked:
        yield _item(f"{artefact.name}:checked", False, "nobody has checked this draft")
    for result in artefact.results:
        yield result.model_copy(update={"check": f"{artefact.name}:{result.check}"})


def _waived(item: CheckResult, state: Campaign) -> CheckResult:
    if item.verdict in OPEN and item.check in state.waived:
        said = f"{item.evidence}; waived by {state.waived[item.check]}"
        return CheckResult(check=item.check, verdict=Verdict.WAIVED, evidence=said[:4000])
    return item


def _told(failure: Failure) -> str:
    by_itself = " (a list that is uploaded prepares it again by itself)" if failure.kind == RENDER else ""
    return f"{failure.because[:3000]}; mend it, then resume the campaign{by_itself}"


def _item(name: str, holds: bool, evidence: str) -> CheckResult:
    return CheckResult(check=name, verdict=Verdict.PASS if holds else Verdict.FAIL, evidence=evidence)
