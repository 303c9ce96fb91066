"""From a brief to a plan: steps, costs, operating sheet, the policy frozen in. Pure: the same brief, the same plan."""

from briefing.template import Template
from contracts.brief import Brief
from contracts.briefing import PlanIssued
from contracts.event import CampaignId, Money, Subject
from contracts.plan import Costs, Plan, PlanStep, Policy, SheetPart
from policy.organisation import OrganisationPolicy
from policy.resolve import resolve

FORMULA = (
    "error: audience x lifetime value per recipient x share lost per wrong mail; "
    "delay per day: audience x expected rate x worth per outcome / 7; "
    "human gate: an error costs more than an hour's delay"
)
DAYS_FRESH = 7
"""Interest in a follow-up fades in about a week: the prior by which a day's delay is priced."""
LIMIT_TEXT = 4000
PARTS = ("inputs", "outputs", "owner", "sla", "tools", "approval_points", "escalation_rules", "rollback_plan")


class EmptyPart(ValueError):
    """A part of the operating sheet has nothing in it: the plan must not be issued."""


def plan_of(
    brief: Brief, author: Subject, template: Template, organisation: OrganisationPolicy, campaign: CampaignId
) -> PlanIssued:
    """The first version of the plan. Raises EmptyPart."""
    policy = resolve(organisation, template.framework, brief)
    mail_tool = organisation.mail_tool(brief.workflow, campaign)
    plan = Plan(
        version=1,
        brief=brief,
        authored_by=author,
        framework=template.framework,
        steps=_steps(brief, template),
        operating_sheet=operating_sheet(brief, template, policy, mail_tool),
        costs=costs(brief),
        policy=policy,
        policy_hash=policy.hash,
        mail_tool=mail_tool,
    )
    return PlanIssued(plan=plan, plan_hash=plan.hash)


def costs(brief: Brief) -> Costs:
    """What an error and a day's delay would cost the campaign: computed, never typed in (X4)."""
    worth, people = brief.worth, brief.audience.size_estimate
    error = people * worth.lifetime_value_per_recipient.micros * worth.share_lost_per_wrong_mail
    delay = people * worth.expected_rate * worth.per_outcome.micros / DAYS_FRESH
    return Costs(
        of_error=Money(micros=round(error), currency=worth.lifetime_value_per_recipient.currency),
        of_delay_per_day=Money(micros=round(delay), currency=worth.per_outcome.currency),
        formula=FORMULA,
        human_gate=error > delay / 24,
    )


def operating_sheet(brief: Brief, template: Template, policy: Policy, mail_tool: str) -> tuple[SheetPart, ...]:
    """The eight parts of W7. Raises EmptyPart."""
    targets = [
        f"{one.sla}: within {one.within}" if one.within is not None else f"{one.sla}: at least {one.at_least:.1%}"
        for one in policy.sla_targets
    ]
    lines = {
        "inputs": template.inputs,
        "outputs": template.outputs,
        "owner": (f"owner {brief.owner}", f"accountable {brief.accountable_human}"),
        "sla": tuple(targets),
        "tools": tuple(line.replace("{mail_tool}", mail_tool) for line in template.tools),
        "approval_points": tuple(
            f"{row.decision_type} by {row.tool}/{row.verb}: {row.authority}, {row.needed} of {row.role}, "
            f"backup {row.backup_role}"
            for row in policy.matrix
        ),
        "escalation_rules": (
            *brief.escalation_criteria,
            *(f"{rule.trigger} above {rule.threshold:.2%}: {rule.response}, {rule.role}" for rule in policy.triggers),
        ),
        "rollback_plan": (brief.rollback_plan,),
    }
    if empty := [part for part in PARTS if not lines[part]]:
        raise EmptyPart(f"the operating sheet has no {', no '.join(empty)}")
    return tuple(SheetPart(part=part, lines=lines[part]) for part in PARTS)


def _steps(brief: Brief, template: Template) -> tuple[PlanStep, ...]:
    replaced: dict[str, list[str]] = {}
    for manual in brief.manual_baseline:
        if manual.plan_step:
            replaced.setdefault(manual.plan_step, []).append(manual.step)
    return tuple(
        PlanStep(
            id=step.id,
            kind=step.kind,
            handled_by=step.handled_by,
            because=step.because,
            after=step.after,
            replaces="; ".join(replaced[step.id])[:LIMIT_TEXT] if step.id in replaced else None,
            verified_by=step.verified_by,
        )
        for step in template.steps
    )
