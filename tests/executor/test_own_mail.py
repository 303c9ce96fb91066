"""A draft sent to oneself: to nobody else, and nothing of it counts as a send."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import dkim
import httpx
import pytest

from chassis.decision import TaskFailed
from contracts.actions import EffectsRecorded
from contracts.executor import CampaignHalted, MailTested
from executor.commands import SendTest
from executor.domain.state import Reason
from executor.domain.testing import LIMIT
from executor.effects import CountTest
from executor.preparing.drafts import SendTestMail, SentTest
from handrail.keys import Keys
from tests.builders import T0
from tests.executor.builders import MAILS, Story, asked, drafted, sha
from tests.executor.conftest import House
from tests.executor.test_doors import LEAD, ONE, proposed, small
from tests.executor.test_halting import cancel, pause
from tests.executor_effects.postbox import Postbox, postbox

MAYA = "maya@acme.example"


def ask(who: str = "maya", artefact: str = MAILS[0], key: str = "t1") -> SendTest:
    return SendTest(**asked(who, key), artefact=artefact)


def sent(**changes: Any) -> SentTest:
    values = {
        "plan_version": 1, "artefact": MAILS[0], "revision": 1, "content_hash": sha(MAILS[0]), "actor": "maya",
        "sent": True, "because": "accepted",
    }  # fmt: skip
    return SentTest.model_validate(values | changes)


def test_a_person_asks_for_a_draft_and_nothing_of_it_is_a_send() -> None:
    story = Story().prepared()
    story.events.clear()
    story.changes.clear()
    decision = story.tell(ask())
    assert decision.reason is Reason.TEST_ASKED
    assert story.tasks[-1] == SendTestMail(
        artefact=MAILS[0], plan_version=1, revision=1, content_hash=sha(MAILS[0]), actor="maya"
    )
    assert story.events == []
    assert story.changes == [CountTest("maya", (T0,))]


def test_what_became_of_it_is_recorded_without_an_address() -> None:
    story = Story().prepared()
    story.events.clear()
    story.tell(sent())
    assert story.events == [
        MailTested(
            plan_version=1, artefact=MAILS[0], revision=1, content_hash=sha(MAILS[0]), actor="maya", sent=True,
            because="accepted",
        )
    ]  # fmt: skip
    assert not story.said(EffectsRecorded)


def test_a_test_mail_that_could_not_be_sent_is_recorded_too() -> None:
    story = Story().prepared()
    story.tell(ask())
    story.tell(TaskFailed(story.last(SendTestMail), "NotTaken('not_reached')"))
    assert [(event.sent, event.because) for event in story.said(MailTested)] == [(False, "failed")]
    assert story.campaign.steps["check"] == "done"


def test_a_draft_can_be_tested_before_it_is_rendered_and_while_the_campaign_is_halted() -> None:
    story = Story().planned()
    story.tell(drafted(MAILS[0]))
    assert story.tell(ask()).reason is Reason.TEST_ASKED
    story.tell(pause())
    assert story.said(CampaignHalted)
    assert story.tell(ask(key="t2")).reason is Reason.TEST_ASKED


def test_what_is_not_drafted_cannot_be_tested() -> None:
    story = Story().planned()
    assert story.tell(ask()).reason is Reason.NOT_DRAFTED
    assert story.tell(ask(artefact="mail.unknown")).reason is Reason.NOT_DRAFTED


def test_an_engaged_kill_switch_refuses_test_mails_too() -> None:
    story = Story(killed=True).prepared()
    decision = story.tell(ask())
    assert (decision.reason, decision.tasks, decision.shared) == (Reason.KILLED, (), None)


def test_a_campaign_that_is_over_sends_no_test_mails() -> None:
    story = Story().prepared()
    story.tell(cancel())
    assert story.tell(ask()).reason is Reason.NOT_RUNNING


def test_one_person_gets_so_many_an_hour() -> None:
    earlier = tuple(T0 - timedelta(minutes=n) for n in range(LIMIT))
    story = Story(tests=earlier).prepared()
    decision = story.tell(ask())
    assert (decision.reason, decision.tasks, decision.shared) == (Reason.TOO_MANY_TESTS, (), None)


def test_an_hour_later_one_may_ask_again() -> None:
    earlier = tuple(T0 - timedelta(minutes=60 + n) for n in range(LIMIT))
    story = Story(tests=earlier).prepared()
    assert story.tell(ask()).reason is Reason.TEST_ASKED
    assert story.last(CountTest) == CountTest("maya", (T0,))


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as running:
        yield running


@pytest.fixture
def smtp_port(box: Postbox) -> int:
    return box.port


async def request(house: House, body: object = None, **who: Any) -> httpx.Response:
    return await house.ask("POST", f"{ONE}/test-sends", body or {"artefact": MAILS[0]}, **who)


def read(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


async def test_the_mail_goes_to_the_askers_own_address_and_is_marked(
    house: House, box: Postbox, key_folder: Any
) -> None:
    await proposed(house)
    answer = await request(house)
    assert (answer.status_code, answer.json()["result"]) == (202, "test_asked")
    await house.work()
    [(address, raw)] = box.taken
    mail = read(raw)
    assert (address, mail["To"]) == (MAYA, MAYA)
    draft = await house.db.pool.fetchrow("SELECT subject, body_text FROM artefact WHERE name = $1", MAILS[0])
    assert mail["Subject"] == f"[Test] {draft['subject']}"
    record = Keys(key_folder).dkim_record.read_bytes().strip()
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: record)


async def test_the_mail_names_no_recipient_and_unsubscribes_nobody(house: House, box: Postbox) -> None:
    await proposed(house)
    await request(house)
    await house.work()
    raw = box.taken[0][1].decode()
    for row in await house.db.pool.fetch("SELECT recipient_hash, address, first_name FROM contact"):
        assert row["recipient_hash"] not in raw
        assert row["address"] not in raw
    mail = read(box.taken[0][1])
    assert mail["X-SMTPAPI"] is None
    assert mail["List-Unsubscribe"] is None
    [text] = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    link = next(word for word in text.get_content().split() if "/u/" in word)
    path = link[link.index("/u/") :].rstrip(".)")
    assert (await house.http.post(path)).status_code == 404
    assert await house.db.pool.fetchval("SELECT count(*) FROM suppression") == 0


async def test_it_is_no_effect_no_touch_and_uses_no_grant(house: House, box: Postbox) -> None:
    await proposed(house)
    await request(house)
    await house.work()
    assert len(box.taken) == 1
    for table in ("effect_intent", "touch", "approval_grant"):
        assert await house.db.pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await house.db.pool.fetchval("SELECT spent FROM campaign_guard") == 0


async def test_the_address_is_written_down_nowhere(house: House, box: Postbox) -> None:
    await proposed(house)
    await request(house)
    await house.work()
    event = await house.last(MailTested)
    assert (event.actor, event.sent, event.because) == ("maya", True, "accepted")
    tables = await house.db.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for table in tables:
        rows = await house.db.pool.fetch(f"SELECT t::text AS row FROM {table['tablename']} AS t")
        assert not [row["row"] for row in rows if MAYA in row["row"] or MAYA.encode().hex() in row["row"]], table


async def test_the_same_key_sends_one_mail(house: House, box: Postbox) -> None:
    await proposed(house)
    for _ in range(3):
        assert (await request(house, key="once")).status_code == 202
    await house.work()
    assert len(box.taken) == 1
    again = await request(house, key="twice")
    await house.work()
    assert (again.status_code, len(box.taken)) == (202, 2)


@pytest.mark.parametrize("more", ["address", "to", "recipient", "email"])
async def test_an_address_in_the_body_is_refused(house: House, box: Postbox, more: str) -> None:
    await proposed(house)
    answer = await request(house, {"artefact": MAILS[0], more: "eve@elsewhere.example"})
    assert (answer.status_code, answer.json()["field"]) == (400, more)
    await house.work()
    assert box.taken == []


async def test_somebody_whom_the_directory_gives_no_mail_is_told_how_to_mend_it(house: House, box: Postbox) -> None:
    await proposed(house)
    answer = await request(house, who="nina")
    assert answer.status_code == 409
    assert "people.yaml" in answer.json()["fix"]


async def test_the_same_name_in_another_tenant_gets_nothing(house: House, box: Postbox) -> None:
    await proposed(house)
    assert (await request(house, tenant="other")).status_code == 409


@pytest.mark.parametrize(
    ("roles", "kind"), [(("viewer",), "human"), (("operator",), "human"), (("marketer",), "agent"), (LEAD, "agent")]
)
async def test_whoever_may_not_read_the_mails_gets_none(house: House, box: Postbox, roles: Any, kind: str) -> None:
    await proposed(house)
    assert (await request(house, roles=roles, kind=kind)).status_code == 403


async def test_what_is_refused_says_why(house: House, box: Postbox) -> None:
    await house.hear(small())
    answer = await request(house)
    assert (answer.status_code, answer.json()["title"]) == (409, "not_drafted")
    assert answer.json()["fix"]


async def test_too_many_an_hour_are_refused_over_all_campaigns(house: House, box: Postbox) -> None:
    await proposed(house)
    statuses = [(await request(house)).status_code for _ in range(LIMIT + 1)]
    assert statuses == [*[202] * LIMIT, 429]
    assert (await request(house, who="leo", roles=LEAD)).status_code == 202


async def test_an_engaged_switch_refuses_at_the_door_and_stops_what_was_asked_for(house: House, box: Postbox) -> None:
    await proposed(house)
    assert (await request(house)).status_code == 202
    body = {"engaged": True, "reason": "a test"}
    await house.ask("PUT", "/v1/kill-switches/tenant", body, who="sam", roles=("operator",))
    refused = await request(house)
    assert (refused.status_code, refused.json()["title"]) == (409, "killed")
    await house.work()
    assert box.taken == []
    event = await house.last(MailTested)
    assert (event.sent, event.because) == (False, "killed")


async def test_a_server_that_is_away_is_tried_again_and_a_lost_answer_is_not(house: House, box: Postbox) -> None:
    await proposed(house)
    box.lose.add(MAYA)
    await request(house)
    await house.work()
    event = await house.last(MailTested)
    assert (event.sent, event.because, len(box.taken)) == (True, "answer_lost", 1)
    box.lose.clear()
    box.at_rcpt[MAYA] = ["451 later"]
    await request(house)
    await house.work()
    await house.db.pool.execute("UPDATE task SET due_at = clock_timestamp() WHERE done_at IS NULL")
    await house.work()
    assert (await house.last(MailTested)).because == "accepted"
    assert len(box.taken) == 2
