"""Proposals: complete decision records, made from the plan and what was rendered. Pure."""

from datetime import datetime, timedelta
from uuid import UUID

from contracts.actions import ActionProposed
from contracts.briefing import PlanIssued
from contracts.decision import (
    Action,
    BlastRadius,
    Candidate,
    DecidedBy,
    LegalClass,
    Reversibility,
    ReversibilityClass,
    Source,
    Taint,
)
from contracts.event import Meta, Money
from contracts.framing import digest, named
from contracts.plan import ActionClass, HandledBy
from executor.domain.predicting import horizon, predicted
from executor.domain.state import Audience, Campaign, Proposal
from executor.effects import OptionFound, OptionsAssembled
from executor.preparing.candidates import SendPlanned
from executor.preparing.drafts import SEGMENTS

SEND, CANCEL = "send_campaign", "cancel"
SENDER_REFUSED = "sender_refused"
"""Why a campaign halts whose tool refuses us ourselves."""
OPTIONS = DecidedBy(id="executor.options", version="1", model=None, prompt_hash=None)
"""Options to a halt are counted out, not planned."""


def decision_of(cause: Meta, option: str) -> UUID:
    return named(str(cause.event_id), "decision", option)


def first_send(cause: Meta, issued: PlanIssued, state: Campaign, planned: SendPlanned, now: datetime) -> ActionProposed:
    """The send to everybody who may be written to: the planner's words, everything else from what was rendered."""
    assert state.audience is not None
    return _proposal(
        cause,
        issued,
        state,
        found_send(state.audience),
        now,
        answers=None,
        decided_by=planned.decided_by,
        confidence=planned.ways.confidence,
        candidates=planned.ways.candidates,
        title=f"Send {issued.plan.brief.name!r} to {state.audience.recipients} people{_without(state.audience)}",
        strategy=planned.ways.strategy,
        if_ignored="Nothing is sent, and interest fades day by day.",
    )


def option_of(
    cause: Meta, issued: PlanIssued, state: Campaign, found: OptionsAssembled, nth: int, now: datetime
) -> ActionProposed:
    """One thing a halted campaign could do next."""
    options, option = found.options, found.options[nth]
    stop = option.id == "stop"
    plan = issued.plan
    told = {
        "resume_without_domain": (
            f"Go on without {_some(option.without)}: {option.recipients} people get their mail",
            "The failures come from there; the others are not to blame.",
        ),
        "resume_all": (
            f"Go on with everybody left: {option.recipients} people",
            f"{plan.mail_tool} refused our sender: its credentials or sender must be mended before it goes on."
            if state.halt is not None and state.halt.because == SENDER_REFUSED
            else "The failures are accepted; the sender's reputation may suffer.",
        ),
        "stop": ("Stop: nobody else gets a mail", "Give up the rest rather than risk more."),
    }[option.id]
    candidates = tuple(
        Candidate(id=one.id, summary=f"{one.recipients} people", propensity=1.0 if one is options[0] else 0.0)
        for one in options
    )
    return _proposal(
        cause,
        issued,
        state,
        option,
        now,
        answers=found.trigger_id,
        decided_by=OPTIONS,
        confidence=1.0,
        candidates=candidates,
        title=f"{told[0]}; still without {_some(state.left_out)}" if state.left_out and not stop else told[0],
        strategy=told[1],
        if_ignored="The campaign stays halted: nobody else gets a mail.",
    )


def remembered(proposal: ActionProposed, option: OptionFound, halts: int) -> Proposal:
    """What the grant will be held against."""
    return Proposal(
        decision_id=proposal.decision_id,
        action=proposal.action,
        plan_version=proposal.plan_version,
        plan_hash=proposal.plan_hash,
        policy_hash=proposal.policy_hash,
        snapshot_hash=option.snapshot_hash,
        recipients=option.recipients,
        option=option.id,
        without=option.without,
        title=proposal.title,
        halts=halts,
    )


def found_send(audience: Audience) -> OptionFound:
    return OptionFound(
        id="send",
        snapshot_hash=audience.snapshot_hash,
        content_hash=audience.content_hash,
        recipients=audience.recipients,
        without=(),
        left_out=audience.excluded,
    )


def _proposal(
    cause: Meta,
    issued: PlanIssued,
    state: Campaign,
    option: OptionFound,
    now: datetime,
    *,
    answers: UUID | None,
    decided_by: DecidedBy,
    confidence: float,
    candidates: tuple[Candidate, ...],
    title: str,
    strategy: str,
    if_ignored: str,
) -> ActionProposed:
    plan, brief = issued.plan, issued.plan.brief
    stop = option.id == "stop"
    assert state.audience is not None
    people = 0 if stop else option.recipients
    within = horizon(brief, accepted_at=state.accepted_at, opens_at=state.opens_at, now=now)
    money = Money(micros=people * brief.budget.per_mail.micros, currency=brief.budget.per_mail.currency)
    return ActionProposed(
        decision_id=decision_of(cause, option.id),
        plan_version=plan.version,
        plan_hash=issued.plan_hash,
        policy_hash=plan.policy_hash,
        decision_type="stop" if stop else "send_email",
        handled_by=HandledBy.RULE if decided_by.model is None else HandledBy.AGENT,
        decided_by=decided_by,
        autonomy_rung=plan.policy.autonomy_rung,
        action=Action(
            tool=plan.mail_tool,
            verb=CANCEL if stop else SEND,
            action_class=ActionClass.REDUCE if stop else ActionClass.PUBLISH,
            target=brief.audience.segment_ref,
            params_hash=_params_hash(option, state),
            content_hash=option.content_hash,
            answers=answers,
        ),
        candidates=candidates,
        chosen=option.id,
        confidence=confidence,
        prediction=predicted(brief, people, within),
        sources=_sources(issued, state),
        patterns=(),
        strategy=strategy,
        rule_versions=plan.policy.rule_versions,
        reversibility=Reversibility(
            reversibility_class=ReversibilityClass.COMPENSABLE if stop else ReversibilityClass.IRREVERSIBLE,
            undo_window=timedelta(0),
        ),
        blast_radius=BlastRadius(
            people=people,
            excluded=option.left_out,
            irreversible_share=0.0 if stop else 1.0,
            money_at_risk=money,
            legal_class=LegalClass.NONE if stop else LegalClass.COMMERCIAL_MAIL,
        ),
        cost_of_error=Money(micros=0, currency=money.currency) if stop else plan.costs.of_error,
        cost_of_delay=plan.costs.of_delay_per_day,
        tool_reason=f"the organisation sends this campaign's mail by {plan.mail_tool}",
        recipients=people,
        title=title,
        if_ignored=if_ignored,
        preview=tuple(sorted(SEGMENTS)),
    )


def _params_hash(option: OptionFound, state: Campaign) -> str:
    """What is done, to how many, from which list and which drafts: a grant binds it with the action."""
    assert state.audience is not None
    drafts = [state.artefacts[name].content_hash for name in sorted(state.artefacts)]
    lists = [state.audience.audience_hash, *(one.content_hash for one in state.audience.exclusions)]
    parts = (option.id, option.snapshot_hash, str(option.recipients), *lists, *drafts)
    return digest("handrail/params/v1", *parts)


def _sources(issued: PlanIssued, state: Campaign) -> tuple[Source, ...]:
    assert state.audience is not None
    drafts = [
        Source(ref=f"artefact {one.name} revision {one.revision}", hash=one.content_hash, taint=Taint.OURS)
        for one in state.artefacts.values()
        if one.content_hash
    ]
    return (
        Source(ref="brief", hash=digest("brief", issued.plan.brief.model_dump_json()), taint=Taint.PERSON),
        Source(
            ref=f"audience {issued.plan.brief.audience.segment_ref}",
            hash=state.audience.audience_hash,
            taint=Taint.OUTSIDE,
        ),
        *(
            Source(ref=f"exclusion {one.audience}", hash=one.content_hash, taint=Taint.OUTSIDE)
            for one in state.audience.exclusions
        ),
        *drafts,
    )


def _some(domains: tuple[str, ...]) -> str:
    """The first three by name."""
    more = len(domains) - 3
    return ", ".join(domains[:3]) + (f" and {more} more" if more > 0 else "")


def _without(audience: Audience) -> str:
    return f", {audience.excluded} left out" if audience.exclusions else ""
