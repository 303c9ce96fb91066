"""Whom a brief leaves out gets no mail, and a person decides that this may be so."""

from typing import Any

import pytest

from chassis.decision import TaskFailed
from contracts.actions import ActionProposed
from contracts.executor import StepFailed, Verdict
from executor.domain.checklist import blocking, checklist
from executor.domain.state import Reason
from executor.preparing.drafts import Exclusion, RenderMails
from tests.builders import brief, plan_issued
from tests.executor.builders import MAILS, Story, checked, drafted, planned, rendered, sha
from tests.executor.conftest import House, people
from tests.executor.test_audience import row, table
from tests.executor.test_doors import ONE
from tests.executor.test_halting import resume
from tests.executor.test_preparing import waiver

CUSTOMERS = Exclusion(audience="customers", content_hash=sha("customers"), left_out=12)


def excluding(*names: str, recipients: int = 600) -> Any:
    """A plan whose brief leaves out `names`."""
    audience = brief().audience.model_copy(update={"size_estimate": recipients, "exclusions": names})
    return plan_issued(brief_=brief(audience=audience))


def story(exclusion: Exclusion | None = CUSTOMERS) -> Story:
    told = Story(excluding("customers")).planned()
    for name in MAILS:
        told.tell(drafted(name))
        told.tell(checked(name))
    found = rendered(recipients=576)
    told.tell(found.model_copy(update={"exclusions": (exclusion,) if exclusion else ()}))
    told.tell(planned(told))
    return told


def test_a_proposal_says_whom_it_leaves_out() -> None:
    proposal = story().last(ActionProposed)
    assert proposal.blast_radius.excluded == 12
    assert proposal.title.endswith("to 576 people, 12 left out")
    assert ("exclusion customers", CUSTOMERS.content_hash) in {(one.ref, one.hash) for one in proposal.sources}


def test_a_grant_binds_the_list_of_those_who_are_left_out() -> None:
    other = CUSTOMERS.model_copy(update={"content_hash": sha("other customers")})
    hashes = {one.last(ActionProposed).action.params_hash for one in (story(), story(other), story(None))}
    assert len(hashes) == 3


def test_who_leaves_out_nobody_says_nothing_of_it() -> None:
    proposal = Story().proposed()
    assert proposal.blast_radius.excluded == 0
    assert "left out" not in proposal.title
    assert not [one for one in proposal.sources if one.ref.startswith("exclusion")]


def test_work_that_failed_is_on_the_checklist_and_nobody_waives_it() -> None:
    told = Story(excluding("customers")).planned()
    told.tell(TaskFailed(RenderMails(plan_version=1), "NoAudience('customers: upload it first')"))
    items = {item.check: item for item in checklist(told.issued, told.campaign)}
    assert (items["render"].verdict, "customers" in items["render"].evidence) == (Verdict.ERROR, True)
    assert "render" in [item.check for item in blocking(tuple(items.values()))]
    assert told.tell(waiver("render")).reason is Reason.NEVER_WAIVED
    told.tell(resume())
    assert "render" not in {item.check for item in checklist(told.issued, told.campaign)}
    assert len(told.asked_for(RenderMails)) == 1


def test_a_failed_draft_is_named_with_its_mail() -> None:
    told = Story().planned()
    told.tell(TaskFailed(told.tasks[0], "KeyError: 'demo'"))
    assert f"{MAILS[0]}:draft" in [item.check for item in checklist(told.issued, told.campaign)]


async def put(house: House, name: str, *rows: str) -> None:
    assert (await house.ask("PUT", f"/v1/audiences/{name}", table(*rows))).status_code == 200


async def test_whoever_is_on_an_excluded_list_gets_no_mail(house: House) -> None:
    await house.with_audience(*people(40))
    await put(house, "customers", *people(3), row(email="nobody@stark.example"))
    await put(house, "competitors", *people(5, consent="no")[2:])
    await house.hear(excluding("customers", "competitors", recipients=40))
    await house.work()
    proposal = await house.last(ActionProposed)
    assert (proposal.recipients, proposal.blast_radius.excluded) == (35, 5)
    written = await house.db.pool.fetch("SELECT c.address FROM mail JOIN contact AS c USING (tenant, recipient_hash)")
    assert {one["address"] for one in written} == {f"p{n:03}@stark.example" for n in range(5, 40)}
    shown = (await house.ask("GET", ONE)).json()
    [item] = [one for one in shown["checklist"] if one["check"] == "exclusions"]
    assert item["verdict"] == "pass"
    assert "customers: 3" in item["evidence"]
    assert "competitors: 2" in item["evidence"]
    seen = shown["audience"]
    assert (seen["members"], seen["recipients"], seen["excluded"], seen["without_consent"]) == (40, 35, 5, 0)


async def test_an_exclusion_nobody_uploaded_blocks_and_is_named_until_somebody_does(house: House) -> None:
    await house.with_audience(*people(40))
    await house.hear(excluding("customers", "competitors", recipients=40))
    for _ in range(8):
        await house.work()
        await house.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE done_at IS NULL")
    failed = await house.last(StepFailed)
    assert (failed.step, await house.db.pool.fetchval("SELECT count(*) FROM mail")) == ("render", 0)
    [item] = [one for one in (await house.ask("GET", ONE)).json()["checklist"] if one["check"] == "render"]
    for name in ("customers", "competitors"):
        assert f"PUT /v1/audiences/{name}" in item["evidence"]
        await put(house, name, *people(2))
    assert (await house.ask("POST", f"{ONE}/resume", {"reason": "both lists are there"})).status_code == 200
    await house.work()
    assert (await house.last(ActionProposed)).recipients == 38


async def test_the_list_of_another_tenant_leaves_out_nobody(house: House) -> None:
    await house.with_audience(*people(4))
    await put(house, "customers", *people(2))
    await house.db.pool.execute("UPDATE audience_member SET tenant = 'other' WHERE audience = 'customers'")
    await house.hear(excluding("customers", recipients=4))
    await house.work()
    assert (await house.last(ActionProposed)).recipients == 4


@pytest.mark.parametrize("consent", ["no", "withdrawn"])
async def test_each_contact_is_counted_once_by_the_first_reason(house: House, consent: str) -> None:
    await house.with_audience(*people(10)[:8], *people(10, consent=consent)[8:])
    await put(house, "customers", *people(10, consent=consent)[7:9])
    await house.hear(excluding("customers", recipients=10))
    await house.work()
    shown = (await house.ask("GET", ONE)).json()["audience"]
    assert (shown["members"], shown["excluded"], shown["suppressed"]) == (10, 2, 0)
    assert shown["without_consent"] == 10 - 2 - shown["recipients"]
