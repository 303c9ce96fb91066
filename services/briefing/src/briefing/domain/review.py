"""Is this brief good enough to act on? Each problem names its field and what would mend it. Pure."""

from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError

from briefing.domain import times
from briefing.domain.vague import why_vague
from contracts.brief import VANITY, Brief, BriefDraft, Mode
from contracts.briefing import Problem

OPTIONAL = frozenset({"exceptional"})
FIXES = {
    "name": "a short name for people",
    "workflow": "one of: webinar_follow_up",
    "mode": "one of: manual, rule_based, autonomous, hybrid (the default for production), outcome_based",
    "owner": "the subject of the person who owns the campaign",
    "accountable_human": "the subject of the person who answers for it",
    "goal": "how many of what by when, as in: 200 trial signups by 30 June",
    "objective": "outcome, unit, target, baseline, window_closes and source_of_truth",
    "audience": "segment_ref, icp, size_estimate and consent_basis",
    "offer": "what the recipient is offered, in a person's words",
    "message_hierarchy": "what is said first, second, third, in a person's words",
    "business_case": "why this is worth doing, in a person's words",
    "tone_of_voice": "how it should sound",
    "brand_rules": "a list, empty if there are none",
    "required_claims": "a list of id, text and evidence, empty if there are none",
    "prohibited_claims": "a list of phrases, empty if there are none",
    "channels": "a list of type and constraints",
    "assets": "a list of ids from the content repository, with rights",
    "timing": "launch, deadline and send_window",
    "budget": "total and per_mail, each as micros and currency",
    "countries": "a list of ISO codes",
    "policy_categories": "a list, empty if none applies",
    "approval_rules": "a list of decision and role",
    "escalation_criteria": "a list of what must reach a person",
    "sla_targets": "a list of sla with within or at_least",
    "frequency": "per_week, per_day and confirmed; 5 a week and 3 a day are usual",
    "quiet_hours": "starts, ends and confirmed; the same time twice means none",
    "worth": "per_outcome, expected_rate, lifetime_value_per_recipient and share_lost_per_wrong_mail",
    "manual_baseline": "the steps as they are done by hand today, with owner, minutes and reason",
    "rollback_plan": "what is done when it goes wrong",
}
MISSING = "missing"
HIGH_STAKES_MICROS = 10_000 * 1_000_000
LIMIT_MICROS = 2**53 - 1
"""The largest amount that an event can carry."""


def review(draft: BriefDraft, received_at: datetime) -> tuple[Brief | None, tuple[Problem, ...]]:
    """The complete brief with warnings, or None with every problem there is."""
    missing = [
        Problem(field=name, problem=MISSING, fix=FIXES[name])
        for name in BriefDraft.model_fields
        if name not in OPTIONAL and _absent(getattr(draft, name))
    ]
    vague = list(_vague(draft))
    if missing or vague:
        return None, (*vague, *missing)
    try:
        brief = Brief.model_validate(draft.model_dump())
    except ValidationError as error:  # a part that a whole brief narrows
        found = error.errors(include_url=False, include_context=False)
        return None, tuple(Problem(field=str(one["loc"][0]), problem=one["msg"], fix="mend it") for one in found)
    problems = tuple(_problems(brief, received_at))
    return (None, problems) if problems else (brief, tuple(_warnings(brief)))


def _absent(value: object) -> bool:
    """Nothing, or nothing but spaces."""
    return value is None or (isinstance(value, str) and not value.strip())


def _vague(draft: BriefDraft) -> Iterator[Problem]:
    if draft.goal is not None and draft.goal.strip() and (why := why_vague(draft.goal, draft.objective)):
        yield Problem(field="goal", problem=why, fix=FIXES["goal"])


def _problems(brief: Brief, received_at: datetime) -> Iterator[Problem]:
    objective, audience = brief.objective, brief.audience
    if objective.outcome in VANITY and not objective.vanity_accepted:
        yield Problem(
            field="objective.outcome",
            problem=f"{objective.outcome} is easy to raise without helping anybody",
            fix="choose an outcome such as booked_demos, or set objective.vanity_accepted to true",
        )
    if objective.target > audience.size_estimate:
        yield Problem(
            field="objective.target",
            problem=f"{objective.target} of an audience of {audience.size_estimate}",
            fix="lower the target or widen the audience",
        )
    if objective.target <= objective.baseline:
        yield Problem(
            field="objective.target",
            problem=f"{objective.baseline} come without the campaign",
            fix="aim at more than objective.baseline",
        )
    if not audience.icp.strip():
        yield Problem(field="audience.icp", problem=MISSING, fix="what these people have in common")
    if audience.segment_ref in audience.exclusions:
        yield Problem(
            field="audience.exclusions",
            problem="the audience itself is left out: nobody would get a mail",
            fix="name the lists whose people must not get it",
        )
    if not brief.frequency.confirmed:
        yield Problem(
            field="frequency.confirmed",
            problem="nobody confirmed how often one person may be written to",
            fix="look at per_week and per_day, and set confirmed to true",
        )
    if brief.frequency.per_day > brief.frequency.per_week:
        yield Problem(field="frequency.per_day", problem="more in a day than in a week", fix="per_week or less")
    if not brief.quiet_hours.confirmed:
        yield Problem(
            field="quiet_hours.confirmed",
            problem="nobody confirmed when nothing is sent",
            fix="look at starts and ends, and set confirmed to true",
        )
    for name in (
        "message_hierarchy",
        "channels",
        "approval_rules",
        "escalation_criteria",
        "sla_targets",
        "assets",
        "countries",
    ):
        if not getattr(brief, name):
            yield Problem(field=name, problem="empty", fix=FIXES[name])
    if not brief.manual_baseline:
        yield Problem(field="manual_baseline", problem="empty", fix=FIXES["manual_baseline"])
    if brief.mode is Mode.AUTONOMOUS and (stakes := _stakes(brief)):
        yield Problem(field="mode", problem=f"autonomous for a campaign with {stakes}", fix="use hybrid or manual")
    yield from _money(brief)
    yield from times.problems(brief, received_at)


def _stakes(brief: Brief) -> str | None:
    """Why no machine alone should run it."""
    if brief.exceptional is not None:
        return f"exceptional times ({brief.exceptional})"
    if brief.policy_categories:
        return f"sensitive matters ({', '.join(brief.policy_categories)})"
    return "this much at stake" if brief.budget.total.micros >= HIGH_STAKES_MICROS else None


def _money(brief: Brief) -> Iterator[Problem]:
    budget, worth, people = brief.budget, brief.worth, brief.audience.size_estimate
    amounts = {
        "budget.total": budget.total,
        "budget.per_mail": budget.per_mail,
        "worth.per_outcome": worth.per_outcome,
        "worth.lifetime_value_per_recipient": worth.lifetime_value_per_recipient,
    }
    for name, money in amounts.items():
        if money.micros < 0:
            yield Problem(field=name, problem="less than nothing", fix="0 or more")
        if money.currency != budget.total.currency:
            yield Problem(
                field=name,
                problem=f"{money.currency}, the budget is in {budget.total.currency}: they could not be compared",
                fix="use one currency",
            )
        if name.startswith("worth") and money.micros * people > LIMIT_MICROS:
            yield Problem(field=name, problem=f"for {people} people more than can be counted", fix="give a real amount")
    if budget.per_mail.micros * people > budget.total.micros:
        yield Problem(
            field="budget.total",
            problem="does not pay for one mail to everybody",
            fix="raise it or shrink the audience",
        )


def _warnings(brief: Brief) -> Iterator[Problem]:
    for step in brief.manual_baseline:
        if step.plan_step is None:
            yield Problem(
                field="manual_baseline",
                problem=f"no step of the plan takes the place of {step.step!r}",
                fix="name a plan_step, or keep it by hand",
            )
    if brief.objective.outcome in VANITY:
        yield Problem(field="objective.outcome", problem="a vanity metric, accepted by a person", fix="none needed")
    if brief.exceptional is not None:
        yield Problem(
            field="exceptional",
            problem=f"{brief.exceptional}: options are assembled, and a person decides each time",
            fix="none needed",
        )
