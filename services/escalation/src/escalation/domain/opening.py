"""Cases: how one is opened, once per subject."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from chassis.decision import Decision, Loaded, Task
from contracts.escalation import CaseKind, CaseOpened, Need
from contracts.event import CampaignId, Severity
from contracts.framing import named
from contracts.plan import Plan
from escalation.domain.state import Case, CaseDeadline, Directory, Escalation, Notify, Reason, Shared

Ruling: TypeAlias = Decision[Escalation, Shared]
Here: TypeAlias = Loaded[Escalation, Shared]


@dataclass(frozen=True, slots=True)
class Occasion:
    """What every decision rests on beside the campaign's state and the message."""

    here: Here
    campaign: CampaignId
    who: Directory
    now: datetime

    def plan(self, version: int) -> Plan:
        return self.here.plans[version].plan


def case_of(subject: UUID, nth: int = 1) -> UUID:
    """The case about `subject`; `nth` counts on when it is asked about again."""
    return named(str(subject), "case") if nth == 1 else named(str(subject), "case", str(nth))


def with_case(state: Escalation, case: Case) -> Escalation:
    return replace(state, cases={**state.cases, case.case_id: case})


def opened(state: Escalation, case: Case) -> Ruling:
    """The case, who is told, and its deadline."""
    event = CaseOpened(
        case_id=case.case_id,
        kind=case.kind,
        severity=case.severity,
        needs=case.needs,
        subject_id=case.subject_id,
        title=case.title,
        because=case.because,
        deadline=case.deadline,
        if_ignored=case.if_ignored,
    )
    tasks = (
        Task(Notify(case_id=case.case_id, told=case.told)),
        Task(CaseDeadline(case_id=case.case_id), case.deadline),
    )
    return Decision(Reason.CASE_OPENED, with_case(state, case), (event,), tasks)


def new_case(on: Occasion, plan: Plan, kind: CaseKind, subject: UUID, need: Need, severity: Severity) -> Case:
    """A case about `subject`, without the words that its kind gives it."""
    return Case(
        case_id=case_of(subject),
        kind=kind,
        subject_id=subject,
        severity=severity,
        needs=need,
        title="",
        because="",
        if_ignored="",
        opened_at=on.now,
        deadline=on.now + plan.policy.deadlines.case,
        told=on.who.who(need, plan.authored_by),
    )
