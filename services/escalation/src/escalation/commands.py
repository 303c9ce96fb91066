"""What people ask of escalation. Their identity is in `actor`, from the token; a body cannot say who decides."""

from enum import StrEnum
from uuid import UUID

from chassis.decision import Command
from contracts.actions import Settled
from contracts.decision import ReasonGiven
from contracts.event import Sha256, Text


class Choice(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"


class AcknowledgeCase(Command):
    case_id: UUID


class DecideCase(Command):
    """Approve or refuse exactly the content that was displayed."""

    case_id: UUID
    decision_id: UUID
    content_hash: Sha256
    choice: Choice
    reason: ReasonGiven | None


class SettleCase(Command):
    """Say what became of an effect whose answer was lost."""

    case_id: UUID
    settled: Settled
    reason: ReasonGiven


class RevokeClearance(Command):
    decision_id: UUID
    because: Text
