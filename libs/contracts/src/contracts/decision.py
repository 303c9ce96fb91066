"""The decision record: what cannot be filled in afterwards, so that a proposal lacking a part does not parse (G17)."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from contracts.event import Count, Instant, Money, Name, Sha256, Share, Subject, Text, Value
from contracts.plan import ActionClass, HandledBy


class DecidedBy(Value):
    """Which rule or agent decided; `model` and `prompt_hash` only where a model was asked."""

    id: Name
    version: Name
    model: Name | None
    prompt_hash: Sha256 | None


class Action(Value):
    """What would be done, to what, with which exact content. `answers` names a trigger when this is an option to it."""

    tool: Name
    verb: Name
    action_class: ActionClass
    target: Name
    params_hash: Sha256
    content_hash: Sha256
    answers: UUID | None


class Candidate(Value):
    id: Name
    summary: Text
    propensity: Share


class Prediction(Value):
    """The metric's expected value at `horizon`, with an interval."""

    metric: Name
    low: float
    mid: float
    high: float
    horizon: timedelta


class Taint(StrEnum):
    """Where a source's text comes from: what is not ours may only draft, never choose."""

    OURS = "ours"
    PERSON = "person"
    OUTSIDE = "outside"


class Source(Value):
    ref: Text
    hash: Sha256
    taint: Taint


class Pattern(Value):
    """A correlation that was relied on, with what is needed to doubt it (R4)."""

    claim: Text
    n: Count
    effect: float
    interval: tuple[float, float]
    holdout: Text


class ReversibilityClass(StrEnum):
    REVERSIBLE = "reversible"
    COMPENSABLE = "compensable"
    IRREVERSIBLE = "irreversible"


class Reversibility(Value):
    reversibility_class: ReversibilityClass
    undo_window: timedelta


class LegalClass(StrEnum):
    NONE = "none"
    COMMERCIAL_MAIL = "commercial_mail"
    REGULATED = "regulated"


class BlastRadius(Value):
    """Whom it reaches. `excluded` are those of the audience who are left out by choice: not for lack of consent."""

    people: Count
    excluded: Count
    irreversible_share: Share
    money_at_risk: Money
    legal_class: LegalClass


class DecisionRecord(Value):
    """Everything a ruling needs and an explanation will ever ask for."""

    decision_id: UUID
    plan_version: Annotated[int, Field(ge=1)]
    plan_hash: Sha256
    policy_hash: Sha256
    decision_type: Name
    handled_by: HandledBy
    decided_by: DecidedBy
    autonomy_rung: Annotated[int, Field(ge=1, le=4)]
    action: Action
    candidates: Annotated[tuple[Candidate, ...], Field(min_length=1)]
    chosen: Name
    confidence: Share
    prediction: Prediction
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    patterns: tuple[Pattern, ...]
    strategy: Text
    rule_versions: Annotated[tuple[Name, ...], Field(min_length=1)]
    reversibility: Reversibility
    blast_radius: BlastRadius
    cost_of_error: Money
    cost_of_delay: Money


class ApproverKind(StrEnum):
    HUMAN = "human"
    RULE = "rule"


class Approver(Value):
    """Who cleared it: a person as authenticated, with the role that counted, or the rule."""

    kind: ApproverKind
    subject: Subject
    role: Name
    at: Instant


class Stage(Value):
    """One stage of the ruling: what went in, what came out."""

    stage: Name
    verdict: Name
    inputs: tuple[Text, ...]


class ReasonGiven(Value):
    """Why a person chose what they chose (F8): what, when it applies, until when, and why."""

    what: Text
    when: Text
    until: Text
    why: Text
