"""What becomes of a brief. Pure: no I/O, no clock, no randomness."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from briefing.commands import ConfirmAuthorship, SubmitBrief
from briefing.domain import unknown
from briefing.domain.planning import EmptyPart, plan_of
from briefing.domain.review import review
from briefing.template import Templates
from chassis.decision import Decision, Loaded, Message
from contracts.brief import VANITY, Brief, BriefDraft
from contracts.briefing import BriefAccepted, BriefRefused, ClarificationAsked, PlanIssued, Problem
from contracts.event import CampaignId, Event, Meta, Tenant
from contracts.framing import digest
from contracts.inbound import BriefSubmitted
from contracts.strict import LIMIT_BYTES
from policy.organisation import OrganisationPolicy
from policy.resolve import resolve

HUMAN_PARTS = ("offer", "message_hierarchy", "business_case")
CONFIRMATIONS = ("frequency.confirmed", "quiet_hours.confirmed")
LIMIT_PROBLEMS = 100


class Reason(StrEnum):
    """Why a decision went the way it did. Also the `reason` label of the decisions metric."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    AUTHOR_WANTED = "author_wanted"
    KNOWN = "known"
    NOTHING_TO_CONFIRM = "nothing_to_confirm"
    NOT_A_PERSON = "not_a_person"
    IGNORED = "ignored"


class Status(StrEnum):
    REFUSED = "refused"
    WAITING = "waiting"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What became of the brief, and the plan it led to."""

    status: Status
    received_at: datetime
    submitted_by: str
    brief: Brief | None = None
    problems: tuple[Problem, ...] = ()
    plan: PlanIssued | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Templates and the organisation's policy: what a plan is made from."""

    templates: Templates
    organisation: OrganisationPolicy
    tenant: Tenant
    """Whose organisation it is: no other tenant acts by its policy."""
    assets: frozenset[str]
    """What its content repository holds."""


Ruling: TypeAlias = Decision[Briefing, None]


def decide(here: Loaded[Briefing, None], message: Message, rules: Rules, now: datetime) -> Ruling:
    state = here.state
    match message.body:
        case SubmitBrief(brief=draft, actor=actor):
            author = actor.subject if actor.human else None
            return _submitted(state, message.meta, draft, actor.subject, author, rules, now, now)
        case BriefSubmitted(brief=draft):
            received_at = min(message.meta.occurred_at, now)  # an outsider's clock may run ahead of ours
            return _submitted(state, message.meta, draft, "outside", None, rules, received_at, now)
        case ConfirmAuthorship(actor=actor):
            if not actor.human:
                return Decision(Reason.NOT_A_PERSON, state)
            if state is None or state.status is not Status.WAITING or state.brief is None:
                return Decision(Reason.NOTHING_TO_CONFIRM, state)
            brief, problems = reviewed(state.brief, rules, now)
            if brief is None:  # it waited too long: its times are over
                return _refuse(state.brief, problems, state.submitted_by, state.received_at)
            return _accept(
                brief, problems, state.submitted_by, actor.subject, rules, message.meta.campaign_id, state.received_at
            )
        case _:
            return Decision(Reason.IGNORED, state)


def asked(brief: Brief) -> tuple[Problem, ...]:
    """What only a person can say of a brief that none has handed in."""
    vanity = ("objective.vanity_accepted",) if brief.objective.outcome in VANITY else ()
    return tuple(
        Problem(field=part, problem="no person vouches for it", fix="POST /v1/campaigns/{id}/authorship")
        for part in (*HUMAN_PARTS, *CONFIRMATIONS, *vanity)
    )


def reviewed(draft: BriefDraft, rules: Rules, now: datetime) -> tuple[Brief | None, tuple[Problem, ...]]:
    """The complete brief with warnings, or None with the problems: of the brief itself, then of what it names."""
    brief, found = review(draft, now)
    if brief is None:
        return None, found
    template = rules.templates.by_workflow[brief.workflow]
    policy = resolve(rules.organisation, template.framework, brief)
    problems = tuple(unknown.problems(brief, template, policy, rules.assets, now.date()))
    return (None, problems) if problems else (brief, (*found, *unknown.warnings(brief, policy)))


def _submitted(
    state: Briefing | None,
    meta: Meta,
    draft: BriefDraft,
    by: str,
    author: str | None,
    rules: Rules,
    received_at: datetime,
    now: datetime,
) -> Ruling:
    if state is not None:
        return Decision(Reason.KNOWN, state)
    if meta.tenant != rules.tenant:
        stranger = Problem(
            field="tenant", problem="no organisation is set up for it", fix="give it an organisation.yaml"
        )
        return _refuse(draft, (stranger,), by, received_at)
    brief, problems = reviewed(draft, rules, now)
    if brief is None:
        return _refuse(draft, problems, by, received_at)
    if author is None:
        waiting = Briefing(
            status=Status.WAITING, received_at=received_at, submitted_by=by, brief=brief, problems=problems
        )
        return Decision(Reason.AUTHOR_WANTED, waiting, (ClarificationAsked(questions=asked(brief)),))
    return _accept(brief, problems, by, author, rules, meta.campaign_id, received_at)


def _accept(
    brief: Brief,
    warnings: tuple[Problem, ...],
    by: str,
    author: str,
    rules: Rules,
    campaign: CampaignId,
    received_at: datetime,
) -> Ruling:
    template = rules.templates.by_workflow[brief.workflow]
    try:
        issued = plan_of(brief, author, template, rules.organisation, campaign)
    except EmptyPart as error:
        problem = Problem(field="sla_targets", problem=str(error), fix="fill in what the sheet lacks")
        return _refuse(brief, (problem,), by, received_at)
    state = Briefing(
        status=Status.ACCEPTED, received_at=received_at, submitted_by=by, brief=brief, problems=warnings, plan=issued
    )
    accepted = BriefAccepted(received_at=received_at, submitted_by=by, brief=brief, warnings=warnings)
    if any(_size(event) > LIMIT_BYTES for event in (accepted, issued)):
        problem = Problem(field="brief", problem="too long: nobody could read its plan", fix="say it in fewer words")
        return _refuse(brief, (problem,), by, received_at)
    return Decision(Reason.ACCEPTED, state, (accepted, issued))


def _size(event: Event) -> int:
    """Bytes of the record's value: what is over the limit would be a dead letter at every reader."""
    return len(event.model_dump_json().encode())


def _refuse(draft: BriefDraft, problems: tuple[Problem, ...], by: str, received_at: datetime) -> Ruling:
    problems = problems[:LIMIT_PROBLEMS]
    state = Briefing(status=Status.REFUSED, received_at=received_at, submitted_by=by, problems=problems)
    refused = BriefRefused(
        received_at=received_at,
        submitted_by=by,
        brief_hash=digest("handrail/brief/v1", draft.model_dump_json()),
        problems=problems,
    )
    return Decision(Reason.REFUSED, state, (refused,))
