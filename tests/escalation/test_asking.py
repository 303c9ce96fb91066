"""Whom a question is put to: along the chain, past who is away or was asked enough, and on when nobody looks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from contracts.escalation import CaseNotified
from contracts.event import Severity
from contracts.plan import Asking
from escalation.commands import AcknowledgeCase
from escalation.domain.state import LookDue, Notified, Notify, Reason, Shared
from policy.directory import Directory
from tests.builders import plan_issued, policy, proposed
from tests.escalation.builders import Story, fired, later, person, planned, who

CHAIN = Directory(people=(person("ana", on_call=True), person("ben"), person("leo", "marketing_lead")))
RARELY = Asking(acknowledge=policy().asking.acknowledge, per_hour=2)


def story(*, requests: dict[str, int] | None = None, people: Directory = CHAIN, **changes: Any) -> Story:
    made = planned(plan_issued(policy_=policy(asking=RARELY, **changes)))
    made.directory, made.shared = people, Shared(requests=requests or {})
    return made


def lines(told: Story) -> tuple[str, Sequence[str]]:
    assert told.state is not None
    [ruled] = told.state.rulings.values()
    stage = ruled.stages[-1]
    assert stage.stage == "approver_load"
    return stage.verdict, stage.inputs


def test_whom_a_proposal_was_put_to_is_a_stage_of_its_ruling() -> None:
    told = story()
    told.tell(proposed(told.plans[1]))
    assert told.case.told == ("ana",)
    assert lines(told) == (
        "asked",
        (
            "ana (campaign_approver): next, 0 questions this hour before",
            "ben (campaign_approver): in reserve, 0 questions this hour before",
            "leo (marketing_lead): in reserve, 0 questions this hour before",
        ),
    )


def test_past_who_was_asked_enough_the_next_is_asked_and_the_ruling_says_so() -> None:
    told = story(requests={"ana": 2})
    told.tell(proposed(told.plans[1]))
    assert told.case.told == ("ben",)
    verdict, inputs = lines(told)
    assert verdict == "passed_on"
    assert "ana (campaign_approver): busy, 2 questions this hour before" in inputs


def test_where_everybody_was_asked_enough_they_are_asked_all_the_same() -> None:
    told = story(requests={"ana": 2, "ben": 5, "leo": 9})
    told.tell(proposed(told.plans[1]))
    assert told.case.told == ("ana",)


def test_what_is_critical_goes_to_the_first_however_often_they_were_asked() -> None:
    told = story(requests={"ana": 2})
    told.tell(fired(severity=Severity.CRITICAL))
    assert told.case.told == ("ana",)


def test_without_anybody_to_ask_the_ruling_says_so() -> None:
    told = story(people=Directory())
    told.tell(proposed(told.plans[1]))
    assert told.case.told == ()
    assert lines(told) == ("nobody", ("nobody has the role or its backup",))


def test_each_question_counts_once_for_each_who_is_asked() -> None:
    told = story()
    for count in (1, 2):
        told.tell(proposed(told.plans[1]))
        assert told.shared.requests == {"ana": count}
    told.tell(proposed(told.plans[1]))
    assert told.case.told == ("ben",)
    assert told.shared.requests == {"ana": 2, "ben": 1}


def due(told: Story, nth: int = 1) -> LookDue:
    return LookDue(case_id=told.case.case_id, nth=nth)


def test_when_nobody_looks_in_time_the_next_ones_are_asked_until_nobody_is_left() -> None:
    told = story()
    told.tell(proposed(told.plans[1]))
    assert [task.due for task in told.asked if isinstance(task.body, LookDue)] == [later(hours=2)]
    for nth, (expected, next_at) in enumerate([("ben", 4), ("leo", 6)], 1):
        assert told.tell(due(told, nth), later(hours=2 * nth)) is Reason.NOT_LOOKED_AT
        assert [task.body for task in told.asked] == [
            Notify(case_id=told.case.case_id, told=(expected,)), LookDue(case_id=told.case.case_id, nth=nth + 1),
        ]  # fmt: skip
        assert told.asked[1].due == later(hours=next_at)
    assert told.tell(due(told, 3), later(hours=6)) is Reason.NOT_LOOKED_AT
    assert told.asked == []
    assert told.case.told == ("ana", "ben", "leo")
    assert told.shared.requests == {"ana": 1, "ben": 1, "leo": 1}


def test_who_looked_ends_the_chain() -> None:
    told = story()
    told.tell(proposed(told.plans[1]))
    told.tell(AcknowledgeCase(command_id="a", actor=who(), case_id=told.case.case_id), later(minutes=1))
    assert told.tell(due(told), later(hours=2)) is Reason.NOTED
    assert told.asked == []


def test_a_decided_case_needs_no_look() -> None:
    told = story()
    proposal = proposed(told.plans[1])
    told.tell(proposal)
    told.vote(proposal, who())
    assert told.tell(due(told), later(hours=2)) is Reason.NOTED


def test_the_backup_may_decide_what_it_was_asked_after() -> None:
    told = story(people=Directory(people=(person("ana"), person("leo", "marketing_lead"))))
    proposal = proposed(told.plans[1])
    told.tell(proposal)
    told.tell(due(told), later(hours=2))
    told.tell(Notified(case_id=told.case.case_id, told=("leo",), transport="inbox"), later(hours=2))
    assert told.one(CaseNotified).told == ("leo",)
    assert told.vote(proposal, who("leo", "marketing_lead"), later(hours=3)) is Reason.CLEARED_BY_PEOPLE


def test_several_questions_ruled_at_once_each_count() -> None:
    told = story()
    assert told.state is not None
    told.state = replace(told.state, holds=("plan_missing",))
    for _ in range(3):
        assert told.tell(proposed(told.plans[1])) is Reason.HELD
    told.tell(told.plans[1])
    assert told.shared.requests == {"ana": 2, "ben": 1}
