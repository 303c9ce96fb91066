"""The planner says which ways there are; the fold alone decides what is proposed, to whom, with what."""

from typing import Any

import pytest
from pydantic import ValidationError

from chassis.decision import TaskFailed
from chassis.tasks import Kind
from contracts.actions import ActionProposed
from contracts.decision import Candidate, DecidedBy
from contracts.executor import StepFailed
from contracts.plan import HandledBy, Plan
from executor.domain.state import Reason
from executor.preparing.candidates import PlanSend, SendPlanned, Ways
from executor.preparing.planner import Planning, TemplatePlanner
from tests.builders import plan_issued
from tests.executor.builders import Story, pending, planned, rendered
from tests.executor.conftest import House, people
from tests.executor.test_doors import ONE, small
from tests.executor.test_halting import cancel, pause, resume

MODEL = DecidedBy(id="planner.foreign", version="3", model="some-model", prompt_hash="ab" * 32)


def ways(**changes: Any) -> Ways:
    values: dict[str, Any] = {
        "candidates": (
            Candidate(id="send", summary="Write to everybody", propensity=0.8),
            Candidate(id="nothing", summary="Write to nobody", propensity=0.2),
        ),
        "chosen": "send",
        "confidence": 0.7,
        "strategy": "While it is fresh.",
    }
    return Ways.model_validate(values | changes)


def test_rendering_asks_for_a_plan_and_the_plan_makes_the_proposal() -> None:
    story = Story().prepared()
    assert [task.recipients for task in story.asked_for(PlanSend)] == [588]
    [proposal] = story.said(ActionProposed)
    found = TemplatePlanner().ways(story.issued.plan, 588)
    assert (proposal.candidates, proposal.chosen, proposal.strategy) == (found.candidates, "send", found.strategy)
    assert (proposal.decided_by, proposal.handled_by) == (TemplatePlanner.by, HandledBy.RULE)


def test_what_another_planner_says_is_recorded_as_an_agents_and_moves_nothing_else() -> None:
    usual, foreign = Story().prepared().last(ActionProposed), Story()
    foreign.rendered()
    task = foreign.last(PlanSend)
    foreign.tell(SendPlanned(task=task, decided_by=MODEL, ways=ways()))
    proposal = foreign.last(ActionProposed)
    assert (proposal.decided_by, proposal.handled_by, proposal.confidence) == (MODEL, HandledBy.AGENT, 0.7)
    assert proposal.strategy == "While it is fresh."
    told = {"decided_by", "handled_by", "confidence", "candidates", "chosen", "strategy", "decision_id"}
    assert proposal.model_dump(exclude=told) == usual.model_dump(exclude=told)


@pytest.mark.parametrize(
    "changes",
    [
        {"chosen": "half"},
        {"chosen": "everybody twice"},
        {"candidates": ()},
        {"candidates": (Candidate(id="send", summary="a", propensity=0.5),) * 2},
        {"candidates": (Candidate(id="send", summary="a", propensity=0.4),)},
        {"candidates": (Candidate(id="send_to_friends", summary="a", propensity=1),), "chosen": "send_to_friends"},
        {"strategy": "see https://evil.example/offer"},
        {"strategy": "see www.evil.example"},
        {"candidates": (Candidate(id="send", summary="ask eve@evil.example", propensity=1),)},
        {"confidence": 1.2},
        {"strategy": ""},
    ],
)  # fmt: skip
def test_what_a_planner_may_not_say_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ways(**changes)


@pytest.mark.parametrize("more", ["recipients", "url", "amount", "tool"])
def test_a_planner_chooses_no_recipients_and_no_urls(more: str) -> None:
    with pytest.raises(ValidationError):
        ways(**{more: 1})


@pytest.mark.parametrize("chosen", ["nothing", "half"])
def test_a_way_that_nobody_can_carry_out_is_not_proposed(chosen: str) -> None:
    candidates = (Candidate(id=chosen, summary="a way", propensity=1),)
    story = Story().rendered()
    decision = story.tell(
        SendPlanned(task=story.last(PlanSend), decided_by=MODEL, ways=ways(candidates=candidates, chosen=chosen))
    )
    assert decision.reason is Reason.STEP_FAILED
    assert not story.said(ActionProposed)
    assert chosen in story.last(StepFailed).because


def test_a_planner_that_fails_is_a_failed_step_and_a_person_tries_again() -> None:
    story = Story().rendered()
    task = story.last(PlanSend)
    story.tell(TaskFailed(task, "ValidationError: chosen"))
    assert (story.last(StepFailed).step, [one.item for one in story.campaign.failures]) == ("plan", ["plan"])
    assert not story.said(ActionProposed)
    story.tell(resume())
    assert story.asked_for(PlanSend) == [task, task]
    story.tell(planned(story))
    assert len(story.said(ActionProposed)) == 1
    assert set(story.campaign.steps) == {step.id for step in story.issued.plan.steps}


def test_a_plan_that_a_pause_overtook_proposes_nothing() -> None:
    story = Story().rendered()
    late = planned(story)
    story.tell(pause())
    assert story.tell(late).reason is Reason.HALTED_ALREADY
    story.tell(resume())
    assert story.tell(late).reason is Reason.NOTED
    assert not story.said(ActionProposed)
    story.tell(planned(story))
    assert len(pending(story.campaign)) == 1


def test_resuming_twice_leaves_one_proposal_to_decide() -> None:
    story = Story().rendered()
    story.tell(pause())
    for key in ("r1", "r2"):
        story.tell(resume(key))
        story.tell(planned(story))
    assert len(story.said(ActionProposed)) == 2
    assert len(pending(story.campaign)) == 1


def test_a_plan_that_comes_after_the_end_proposes_nothing() -> None:
    story = Story().rendered()
    late = planned(story)
    story.tell(cancel())
    story.tell(late)
    assert not story.said(ActionProposed)


def test_as_long_as_the_checklist_blocks_nobody_is_asked_for_a_plan() -> None:
    story = Story().planned()
    story.tell(rendered())
    assert not story.asked_for(PlanSend)


def test_the_playbook_fits_every_size() -> None:
    for recipients in (0, 1, 588, 10_000):
        found = TemplatePlanner().ways(plan_issued().plan, recipients)
        assert found.chosen == "send"
        assert len(found.candidates) >= 2


class Foreign:
    """A planner of somebody else: it says what it was told to."""

    by = MODEL

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def ways(self, plan: Plan, recipients: int) -> Ways:
        answer = self.answers.pop(0)
        return answer if isinstance(answer, Ways) else Ways.model_validate(answer)


async def prepared(house: House, planner: Foreign) -> None:
    work = Planning(house.db, house.parts.fold.plans, planner).work
    house.parts.kinds = {**house.parts.kinds, PlanSend.kind: Kind(PlanSend, work, attempts=2)}
    await house.with_audience(*people(40))
    await house.hear(small())
    await house.work()


async def test_a_foreign_planner_passes_the_same_gates(house: House) -> None:
    await prepared(house, Foreign(ways()))
    proposal = await house.last(ActionProposed)
    assert (proposal.decided_by, proposal.recipients) == (MODEL, 40)


async def test_what_a_foreign_planner_may_not_say_never_becomes_a_proposal(house: House) -> None:
    bad = {**ways().model_dump(), "recipients": ["eve@evil.example"]}
    await prepared(house, Foreign(bad, bad, ways()))
    await house.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE done_at IS NULL")
    await house.work()
    assert not [event for event in await house.said() if isinstance(event, ActionProposed)]
    assert (await house.last(StepFailed)).step == "plan"
    await house.ask("POST", f"{ONE}/resume", {"reason": "try again"})
    await house.work()
    assert await house.last(ActionProposed)
