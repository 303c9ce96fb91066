"""What is on its way when an order ends is settled and told, whatever became of the campaign meanwhile."""

from chassis.decision import TaskFailed
from contracts.actions import ActionFailed
from executor.domain.flow import PAST
from executor.effects import Dispatch
from tests.builders import at
from tests.executor.builders import Story, dispatched, dispatches, effects, grant


def settling(story: Story) -> list[Dispatch]:
    return [order for order in dispatches(story) if order.fence == PAST]


def test_a_past_send_is_looked_at_until_nothing_of_it_is_open() -> None:
    story = Story().halted()
    old = story.campaign
    story.tell(grant(story.option("resume_all")))
    assert old.sending is not None
    story.tell(dispatched(old, refused="fence", left=2, unsettled=2, retry_at=at(9)))
    [order] = settling(story)
    assert (order.decision_id, order.grant_id) == (old.sending.decision_id, old.sending.grant_id)
    assert order.decision_id != story.sending.decision_id
    story.tell(dispatched(old, effects(2), refused="fence"))
    assert settling(story) == [order]


def test_a_dispatcher_that_fails_for_good_may_have_mails_on_their_way() -> None:
    story = Story().launched()
    failed = story.last(Dispatch)
    story.tell(TaskFailed(failed, "ConnectionRefusedError()"))
    assert settling(story) == [failed.model_copy(update={"fence": PAST})]


def test_who_settles_does_not_give_up_and_says_nothing_twice() -> None:
    story = Story().launched()
    story.tell(TaskFailed(story.last(Dispatch), "ConnectionRefusedError()"))
    [order] = settling(story)
    story.tell(TaskFailed(order, "ConnectionRefusedError()"))
    assert settling(story) == [order, order]
    assert len(story.said(ActionFailed)) == 1
