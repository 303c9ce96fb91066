"""Why something was decided, as the audit explains it; each part names the record it rests on."""

from datetime import datetime
from uuid import UUID

from contracts.decision import Approver, Candidate, Prediction, ReasonGiven, Source, Stage
from handrail.views import View


class Ref(View):
    """Where something is written: the audit's record number."""

    record: int
    event_id: UUID


class Saw(Ref):
    sources: tuple[Source, ...]
    plan_version: int
    plan_hash: str
    policy_hash: str
    trigger: "Said | None" = None


class Decided(Ref):
    chosen: str
    candidates: tuple[Candidate, ...]
    strategy: str
    confidence: float
    prediction: Prediction
    handled_by: str
    rule_versions: tuple[str, ...]
    at: datetime


class Tool(View):
    tool: str
    verb: str
    target: str
    content_hash: str
    why: str
    effects: dict[str, int]


class Said(Ref):
    """An event, as far as an explanation shows it."""

    type: str
    at: datetime
    finding: str = ""
    because: str = ""
    signature: str = ""
    approver: Approver | None = None
    approvers: tuple[Approver, ...] = ()
    reason: ReasonGiven | None = None
    content_hash: str = ""
    target: int | None = None
    counted: int | None = None
    stages: tuple[Stage, ...] = ()


class Explanation(View):
    decision_id: UUID
    campaign_id: UUID
    title: str
    saw: Saw
    decided: Decided
    tool: Tool
    ruling: tuple[Said, ...]
    approvals: tuple[Said, ...]
    refused: tuple[Said, ...] = ()
    outcome: tuple[Said, ...]
