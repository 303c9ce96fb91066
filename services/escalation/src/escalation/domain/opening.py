"""Cases: how one is opened, once per subject, and whom it is put to. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from chassis.decision import Decision, Loaded, Task
from contracts.decision import Stage
from contracts.escalation import CaseKind, CaseOpened, Need
from contracts.event import CampaignId, Severity
from contracts.framing import named
from contracts.plan import Plan
from escalation.domain.state import Case, CaseDeadline, Escalation, LookDue, Notify, Reason, Shared, Status
from policy.directory import Candidate, Directory, Question, Standing

Ruling: TypeAlias = Decision[Escalation, Shared]
Here: TypeAlias = Loaded[Escalation, Shared]
LOAD = "approver_load"


@dataclass(frozen=True, slots=True)
class Occasion:
    """What every decision rests on beside the campaign's state and the message."""

    here: Here
    campaign: CampaignId
    who: Directory
    now: datetime

    def plan(self, version: int) -> Plan:
        return self.here.plans[version].plan

    def knowing(self, shared: Shared | None) -> "Occasion":
        """The same occasion after a decision that changed what belongs to no campaign."""
        return self if shared is None else replace(self, here=replace(self.here, shared=shared))


def case_of(subject: UUID, nth: int = 1) -> UUID:
    """The case about `subject`; `nth` counts on when it is asked about again."""
    return named(str(subject), "case") if nth == 1 else named(str(subject), "case", str(nth))


def with_case(state: Escalation, case: Case) -> Escalation:
    return replace(state, cases={**state.cases, case.case_id: case})


def opened(on: Occasion, state: Escalation, case: Case) -> Ruling:
    """The case, who is told, and its deadlines. Why these people are asked is a stage of its options' rulings."""
    people = candidates(on, case)
    case = replace(case, told=_asked(people))
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
        Task(LookDue(case_id=case.case_id), case.look_by),
        Task(CaseDeadline(case_id=case.case_id), case.deadline),
    )
    after = _with_stage(with_case(state, case), case.options, load_stage(people))
    return Decision(Reason.CASE_OPENED, after, (event,), tasks, on.here.shared.asking(case.told))


def new_case(
    on: Occasion, state: Escalation, version: int, kind: CaseKind, subject: UUID, need: Need, severity: Severity
) -> Case:
    """The next case about `subject` under a plan's version, without the words that its kind gives it."""
    policy = on.plan(version).policy
    before = sum(1 for case in state.cases.values() if case.subject_id == subject)
    return Case(
        case_id=case_of(subject, before + 1),
        kind=kind,
        subject_id=subject,
        severity=severity,
        needs=need,
        title="",
        because="",
        if_ignored="",
        opened_at=on.now,
        look_by=on.now + policy.asking.acknowledge.of(severity),
        deadline=on.now + policy.deadlines.case,
        plan_version=version,
    )


def looked_at(on: Occasion, state: Escalation, due: LookDue) -> Ruling:
    """Nobody has looked in time: the next in the chain are asked too, until nobody is left."""
    case = state.cases.get(due.case_id)
    if case is None or case.status is not Status.OPEN or case.seen_at is not None:
        return Decision(Reason.NOTED, state)
    more = _asked(candidates(on, case))
    if not more:
        return Decision(Reason.NOT_LOOKED_AT, state)
    after = with_case(state, replace(case, told=(*case.told, *more)))
    wait = on.plan(case.plan_version).policy.asking.acknowledge.of(case.severity)
    tasks = (
        Task(Notify(case_id=case.case_id, told=more)),
        Task(LookDue(case_id=case.case_id, nth=due.nth + 1), on.now + wait),
    )
    return Decision(Reason.NOT_LOOKED_AT, after, (), tasks, on.here.shared.asking(more))


def candidates(on: Occasion, case: Case) -> tuple[Candidate, ...]:
    """Who could answer `case` now, in the order of asking, and where each stands."""
    plan = on.plan(case.plan_version)
    question = Question(
        need=case.needs,
        author=plan.authored_by,
        now=on.now,
        requests=on.here.shared.requests,
        per_hour=plan.policy.asking.per_hour,
        urgent=case.severity is Severity.CRITICAL,
        told=frozenset(case.told),
    )
    return on.who.ask(question)


def load_stage(people: Iterable[Candidate]) -> Stage:
    """Whom the question goes to and past whom, with how much each was asked this hour."""
    lines = tuple(
        f"{one.subject} ({one.role}): {one.standing.value.replace('_', ' ')}, {one.requests} questions this hour before"
        for one in people
    )
    standings = {one.standing for one in people}
    verdict = "nobody" if Standing.NEXT not in standings else "passed_on" if Standing.BUSY in standings else "asked"
    return Stage(stage=LOAD, verdict=verdict, inputs=lines or ("nobody has the role or its backup",))


def _asked(people: Iterable[Candidate]) -> tuple[str, ...]:
    return tuple(one.subject for one in people if one.standing is Standing.NEXT)


def _with_stage(state: Escalation, options: Iterable[UUID], stage: Stage) -> Escalation:
    ruled = {
        one: replace(state.rulings[one], stages=(*state.rulings[one].stages, stage))
        for one in options
        if one in state.rulings
    }
    return replace(state, rulings={**state.rulings, **ruled})
