"""A list that is uploaded anew prepares again what waits for it, and changes nothing that anybody decided about."""

from typing import Any
from uuid import uuid4

import pytest

from chassis.decision import TaskFailed
from chassis.tasks import Leased
from contracts.actions import ActionProposed
from contracts.event import CampaignId
from contracts.executor import CampaignOutcome, StepCompleted, StepFailed
from executor.domain.state import Reason
from executor.preparing.candidates import PlanSend
from executor.preparing.drafts import Exclusion, ListCame, RenderMails
from tests.builders import CAMPAIGN, brief, fact, meta, plan_issued
from tests.executor.builders import MAILS, TOO_MANY, Story, checked, drafted, grant, planned, rendered, sha, without
from tests.executor.conftest import House, people
from tests.executor.test_audience import table
from tests.executor.test_doors import AUDIENCE, ONE, small
from tests.executor.test_exclusions import excluding
from tests.executor.test_halting import cancel, pause, resume
from tests.executor.test_preparing import waiver

NO_LIST = "NoAudience('upload it first')"


def came(name: str = "webinar-registrants", content: str = "another list") -> ListCame:
    return ListCame(audience=name, content_hash=sha(content))


def held_up() -> Story:
    return Story().rendered(audience=TOO_MANY)


def rendering() -> Story:
    story = Story().planned()
    for name in MAILS:
        story.tell(drafted(name))
        story.tell(checked(name))
    assert story.asked_for(RenderMails) == [RenderMails(plan_version=1, nth=1)]
    return story


def test_what_the_check_of_its_list_holds_up_is_rendered_again() -> None:
    story = held_up()
    assert story.tell(came()).reason is Reason.LIST_CHANGED
    assert story.last(RenderMails) == RenderMails(plan_version=1, nth=2)
    assert (story.campaign.audience, story.campaign.steps["render"]) == (None, "open")
    assert story.tell(waiver("audience_segmentation")).reason is Reason.NOTHING_TO_WAIVE
    story.tell(rendered(recipients=300))
    story.tell(planned(story))
    assert story.last(ActionProposed).recipients == 300
    assert [event.step for event in story.said(StepCompleted)].count("render") == 2


def test_the_same_list_again_changes_nothing() -> None:
    story = held_up()
    assert story.tell(came(content="audience")).reason is Reason.NOTED
    assert len(story.asked_for(RenderMails)) == 1


@pytest.mark.parametrize(("content", "reason"), [("customers", Reason.NOTED), ("others", Reason.LIST_CHANGED)])
def test_a_list_of_those_who_are_left_out_counts_too(content: str, reason: Reason) -> None:
    story = rendering()
    excluded = Exclusion(audience="customers", content_hash=sha("customers"), left_out=1)
    story.tell(rendered(TOO_MANY).model_copy(update={"exclusions": (excluded,)}))
    assert story.tell(came("customers", content)).reason is reason


def is_planning() -> Story:
    return Story().rendered()


def is_proposed() -> Story:
    return Story().prepared()


def is_launched() -> Story:
    return Story().launched()


def is_over() -> Story:
    story = held_up()
    story.tell(cancel())
    return story


def is_planned_anew() -> Story:
    """Its checklist is held up again, but people were asked about these mails."""
    story = Story().prepared()
    story.tell(pause())
    story.tell(resume())
    story.tell(TaskFailed(story.last(PlanSend), "the planner is away"))
    return story


@pytest.mark.parametrize("story", [is_planning, is_proposed, is_planned_anew, is_launched, is_over])
def test_what_was_planned_proposed_or_ended_stays_as_it_is(story: Any) -> None:
    told: Story = story()
    before = told.campaign
    decision = told.tell(came())
    assert (decision.reason, decision.events, decision.tasks) == (Reason.NOTED, (), ())
    assert told.campaign == before


def test_an_approval_of_the_old_list_is_still_an_approval_of_it() -> None:
    story = Story()
    proposal = story.proposed()
    story.tell(came())
    assert story.tell(grant(proposal)).reason is Reason.GRANT_TAKEN


def test_a_list_that_comes_before_rendering_is_read_by_it() -> None:
    story = Story().planned()
    assert story.tell(came()).reason is Reason.NOTED
    assert not story.asked_for(RenderMails)
    assert not story.campaign.list_came


@pytest.mark.parametrize(("outcome", "times"), [("held up", 2), ("passes", 1), ("fails", 2)])
def test_a_list_that_comes_while_it_renders_is_looked_at_when_that_is_done(outcome: str, times: int) -> None:
    story = rendering()
    story.tell(came())
    match outcome:
        case "held up":
            story.tell(rendered(TOO_MANY))
        case "passes":
            story.tell(rendered())
        case _:
            story.tell(TaskFailed(story.last(RenderMails), NO_LIST))
    assert len(story.asked_for(RenderMails)) == times
    assert len(story.asked_for(PlanSend)) == (outcome == "passes")
    assert not story.said(StepFailed)
    assert not story.campaign.list_came


def test_a_rendering_that_failed_for_want_of_a_list_is_done_when_it_comes() -> None:
    story = rendering()
    story.tell(TaskFailed(story.last(RenderMails), NO_LIST))
    assert story.tell(came()).reason is Reason.LIST_CHANGED
    assert (story.campaign.failures, story.campaign.steps["render"]) == ((), "open")
    assert story.tell(resume()).reason is Reason.NOT_HALTED


def test_what_was_waived_of_the_old_list_is_not_waived_of_the_new() -> None:
    story = held_up()
    story.tell(waiver("audience_segmentation"))
    without(story, failures=(), waived={**story.campaign.waived, "mail.attended:lengths": "leo: it is fine"})
    story.tell(TaskFailed(story.last(PlanSend), "the planner is away"))
    story.tell(came())
    assert set(story.campaign.waived) == {"mail.attended:lengths"}


def table_of(count: int, **changes: Any) -> bytes:
    return table(*people(count, **changes))


async def fail(house: House) -> None:
    """Work until what is tried again is given up."""
    for _ in range(8):
        await house.work()
        await house.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE done_at IS NULL")


async def checklist(house: House, item: str) -> dict[str, str]:
    shown = (await house.ask("GET", ONE)).json()["checklist"]
    return next((one for one in shown if one["check"] == item), {})


async def mails(house: House) -> set[tuple[str, str]]:
    rows = await house.db.pool.fetch("SELECT recipient_hash, digest FROM mail")
    return {(row["recipient_hash"], row["digest"]) for row in rows}


async def test_a_campaign_whose_list_was_missing_is_prepared_when_it_is_uploaded(house: House) -> None:
    await house.hear(small(40))
    await fail(house)
    assert "a list that is uploaded prepares it again by itself" in (await checklist(house, "render"))["evidence"]
    answer = await house.ask("PUT", AUDIENCE, table_of(40))
    assert answer.json()["waiting"] == [str(CAMPAIGN)]
    await house.work()
    assert (await house.last(ActionProposed)).recipients == 40
    assert await checklist(house, "render") == {}


@pytest.mark.parametrize(
    ("first", "item"),
    [({"count": 4}, "audience_segmentation"), ({"count": 40, "consent": "no"}, "consent")],
    ids=["too few", "without consent"],
)
async def test_a_campaign_whose_list_failed_its_check_is_prepared_from_the_mended_one(
    house: House, first: Any, item: str
) -> None:
    await house.with_audience(*people(**first))
    await house.hear(small(40))
    await house.work()
    failing = await checklist(house, item)
    assert failing["verdict"] == "fail"
    assert "PUT /v1/audiences/webinar-registrants prepares the campaign again" in failing["evidence"]
    await house.ask("PUT", AUDIENCE, table_of(39, consented_at="2026-11-01T09:00:00Z"))
    await house.work()
    proposal = await house.last(ActionProposed)
    assert (proposal.recipients, len(await mails(house))) == (39, 39)
    assert (await checklist(house, item))["verdict"] == "pass"
    preview = await house.ask("GET", f"{ONE}/previews/{proposal.action.content_hash}")
    assert sum(one["recipients"] for one in preview.json()["mails"]) == 39


async def test_a_proposed_campaign_keeps_its_mails_whatever_is_uploaded(house: House) -> None:
    await house.with_audience(*people(40))
    await house.hear(small(40))
    await house.work()
    before = await mails(house)
    answer = await house.ask("PUT", AUDIENCE, table_of(41, first_name="Bela"))
    assert answer.json()["waiting"] == []
    await house.work()
    assert await mails(house) == before
    assert len([event for event in await house.said() if isinstance(event, ActionProposed)]) == 1


async def test_only_campaigns_of_this_tenant_that_name_the_list_are_looked_at(house: House) -> None:
    another, third = CampaignId(uuid4()), CampaignId(uuid4())
    await house.hear(small(40), fact(small(40), another), fact(excluding("customers", recipients=40), third))
    await fail(house)
    customers = await house.ask("PUT", "/v1/audiences/customers", table_of(3))
    assert customers.json()["waiting"] == [str(third)]
    await house.db.pool.execute("UPDATE campaign_state SET tenant = 'other' WHERE campaign_id = $1", another)
    answer = await house.ask("PUT", AUDIENCE, table_of(40))
    assert sorted(answer.json()["waiting"]) == sorted([str(CAMPAIGN), str(third)])
    await house.work()
    assert sorted(e.recipients for e in await house.said() if isinstance(e, ActionProposed)) == [37, 40]


async def test_a_campaign_that_is_over_waits_for_nothing(house: House) -> None:
    await house.with_audience(*people(4))
    await house.hear(small(40))
    await house.work()
    await house.ask("POST", f"{ONE}/cancel", {"reason": "not worth it"})
    assert (await house.ask("GET", ONE)).json()["finished"] == CampaignOutcome.CANCELLED
    assert (await house.ask("PUT", AUDIENCE, table_of(40))).json()["waiting"] == []


async def test_a_worker_that_comes_late_renders_nothing_again(house: House) -> None:
    await house.with_audience(*people(4))
    await house.hear(small(40))
    await house.work()
    await house.with_audience(*people(40))
    await house.work()
    before = await mails(house)
    await house.with_audience(*people(38, first_name="Bela"))
    kind = house.parts.kinds[RenderMails.kind]
    assert kind.work is not None
    for nth in (1, 2):
        late = Leased(uuid4(), uuid4(), meta(), RenderMails(plan_version=1, nth=nth), 1)
        await kind.work(late)
    assert await mails(house) == before


async def test_a_repeated_upload_asks_once(house: House) -> None:
    await house.with_audience(*people(4))
    await house.hear(small(40))
    await house.work()
    answers = [await house.ask("PUT", AUDIENCE, table_of(40), key="same") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert await house.db.pool.fetchval("SELECT count(*) FROM task WHERE kind = 'list_came'") == 1


def test_a_plan_names_each_of_its_lists_once() -> None:
    audience = brief().audience.model_copy(update={"exclusions": ("customers", "customers")})
    story = Story(plan_issued(brief_=brief(audience=audience))).planned()
    assert story.campaign.lists == (audience.segment_ref, "customers")
