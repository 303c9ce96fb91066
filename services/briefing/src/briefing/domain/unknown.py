"""Does a brief name only what there is? What nobody would act on is refused, so that nobody relies on it. Pure."""

from collections.abc import Iterator, Set
from datetime import date

from briefing.template import Template
from contracts.brief import Brief, SlaTarget
from contracts.briefing import Problem
from contracts.monitor import Sla
from contracts.plan import Policy

_TIMED = frozenset({Sla.RESPONSE_TIME, Sla.DRAFT_TIME, Sla.COMPLETION})


def problems(brief: Brief, template: Template, policy: Policy, assets: Set[str], today: date) -> Iterator[Problem]:
    """`policy` is the resolved one, `assets` what the organisation's content repository holds."""
    for channel in brief.channels:
        if channel.type not in template.channels:
            yield _unknown("channels", channel.type, template.channels)
    for asset in brief.assets:
        if asset.id not in assets:
            yield _unknown("assets", asset.id, sorted(assets))
        if asset.expires is not None and asset.expires < today:
            yield Problem(
                field="assets", problem=f"the rights of {asset.id} are over", fix="renew them, or leave it out"
            )
    steps = [step.id for step in template.steps]
    for manual in brief.manual_baseline:
        if manual.plan_step is not None and manual.plan_step not in steps:
            yield _unknown("manual_baseline", manual.plan_step, steps)
    yield from _approvals(brief, template, policy)
    for target in brief.sla_targets:
        yield from _promises(target)


def warnings(brief: Brief, policy: Policy) -> Iterator[Problem]:
    """Where the organisation is stricter than the brief."""
    for field, asked, holds in (
        ("frequency", brief.frequency, policy.frequency),
        ("quiet_hours", brief.quiet_hours, policy.quiet_hours),
    ):
        if asked != holds:
            said = ", ".join(f"{name} {value}" for name, value in holds if name != "confirmed")
            yield Problem(field=field, problem=f"the organisation is stricter: {said}", fix="none needed")


def _approvals(brief: Brief, template: Template, policy: Policy) -> Iterator[Problem]:
    for rule in brief.approval_rules:
        roles = [row.role for row in policy.matrix if row.decision_type == rule.decision]
        if rule.decision not in template.decision_types:
            yield _unknown("approval_rules", rule.decision, template.decision_types)
        elif rule.role not in roles:
            asked = " or ".join(roles) or "nobody"
            yield Problem(
                field="approval_rules",
                problem=f"{rule.role} for {rule.decision}: the organisation's matrix asks {asked}",
                fix=f"name {asked}, or have the organisation change its matrix",
            )


def _promises(target: SlaTarget) -> Iterator[Problem]:
    if target.sla not in set(Sla):
        yield _unknown("sla_targets", target.sla, list(Sla))
    elif (target.sla in _TIMED) != (target.within is not None):
        wanted = "within" if target.sla in _TIMED else "at_least"
        yield Problem(field="sla_targets", problem=f"{target.sla} is measured by {wanted}", fix=f"give {wanted}")


def _unknown(field: str, name: str, known: tuple[str, ...] | list[str]) -> Problem:
    return Problem(field=field, problem=f"there is no {name!r}", fix=f"one of: {', '.join(known)}")
