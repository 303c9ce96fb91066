"""Is this brief good enough to act on? Each problem names its field and what would mend it. Pure."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from pydantic import ValidationError

from contracts.brief import VANITY, Anchor, Brief, BriefDraft, Mode, Moment
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
NUMBER = re.compile(r"\d")
WHEN = re.compile(
    r"\b(by|within|until|before|during|in|every|per)\b.*(\d|day|week|month|quarter|year|january|february|march|april|may|"
    r"june|july|august|september|october|november|december)",
    re.IGNORECASE,
)
HIGH_STAKES_MICROS = 10_000 * 1_000_000


def review(draft: BriefDraft, received_at: datetime) -> tuple[Brief | None, tuple[Problem, ...]]:
    """The complete brief with warnings, or None with every problem there is."""
    missing = [
        Problem(field=name, problem="missing", fix=FIXES[name])
        for name in BriefDraft.model_fields
        if name not in OPTIONAL and getattr(draft, name) is None
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


def _vague(draft: BriefDraft) -> Iterator[Problem]:
    if draft.goal is not None and not (NUMBER.search(draft.goal) and WHEN.search(draft.goal)):
        yield Problem(
            field="goal",
            problem=f"vague: {draft.goal[:200]!r} names no number and no time, so nobody could say that it was reached",
            fix=FIXES["goal"],
        )


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
    if not brief.frequency.confirmed:
        yield Problem(
            field="frequency.confirmed",
            problem="nobody confirmed how often one person may be written to",
            fix="look at per_week and per_day, and set confirmed to true",
        )
    if not brief.quiet_hours.confirmed:
        yield Problem(
            field="quiet_hours.confirmed",
            problem="nobody confirmed when nothing is sent",
            fix="look at starts and ends, and set confirmed to true",
        )
    for name in ("message_hierarchy", "channels", "approval_rules", "escalation_criteria", "sla_targets", "assets"):
        if not getattr(brief, name):
            yield Problem(field=name, problem="empty", fix=FIXES[name])
    if not brief.manual_baseline:
        yield Problem(field="manual_baseline", problem="empty", fix=FIXES["manual_baseline"])
    if brief.mode is Mode.AUTONOMOUS and brief.budget.total.micros >= HIGH_STAKES_MICROS:
        yield Problem(
            field="mode", problem="autonomous for a campaign with this much at stake", fix="use hybrid or manual"
        )
    if brief.budget.total.currency != brief.budget.per_mail.currency:
        yield Problem(field="budget.per_mail", problem="another currency than the total", fix="use one currency")
    if brief.budget.per_mail.micros * audience.size_estimate > brief.budget.total.micros:
        yield Problem(
            field="budget.total",
            problem="does not pay for one mail to everybody",
            fix="raise it or shrink the audience",
        )
    yield from _times(brief, received_at)


def _times(brief: Brief, received_at: datetime) -> Iterator[Problem]:
    launch, deadline = brief.timing.launch, brief.timing.deadline
    for name, moment in (("timing.launch", launch), ("timing.deadline", deadline)):
        if moment.after is Anchor.END_OF_SENDING or (name.endswith("launch") and moment.after is Anchor.LAUNCH):
            yield Problem(field=name, problem=f"cannot be counted from {moment.after}", fix="count it from acceptance")
    start, end = _settled(launch, received_at), _settled(deadline, received_at)
    if end is not None and end <= received_at:
        yield Problem(field="timing.deadline", problem="is over already", fix="choose a later one")
    if start is not None and end is not None and end <= start:
        yield Problem(field="timing.deadline", problem="is not after the launch", fix="choose a later one")
    closes = _settled(brief.objective.window_closes, received_at)
    if closes is not None and start is not None and closes <= start:
        yield Problem(
            field="objective.window_closes", problem="is not after the launch", fix="let it close after the launch"
        )
    if brief.timing.send_window <= timedelta(0):
        yield Problem(field="timing.send_window", problem="no time to send in", fix="an ISO 8601 duration such as PT2H")


def _settled(moment: Moment, received_at: datetime) -> datetime | None:
    """When it is, where that is known on acceptance."""
    if moment.at is not None:
        return moment.at
    return received_at + moment.by if moment.after is Anchor.ACCEPTANCE and moment.by is not None else None


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
