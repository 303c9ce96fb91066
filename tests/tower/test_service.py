"""Rows on a real database and pages over HTTP: each fact once, the same data as page, JSON and stream."""

import asyncio
import html
import random
import re
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis import dead_letters
from chassis.decision import Key
from chassis.redrive import Redriven, redrive
from contracts.event import CampaignId, Tenant, tenant_row
from contracts.executor import KillScope, KillSwitchChanged
from tests.builders import CAMPAIGN, TENANT, record
from tests.conftest import VERIFIER
from tests.tower.builders import facts, finished, halted, interleaved, opened, outcome, plan, story
from tests.tower.conftest import Beside, Tower

COLUMNS = ("Phase", "Owner", "Next action", "Budget", "SLA", "Anomalies", "Escalation")
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&"
IDS = [CampaignId(UUID(int=number, version=4)) for number in (101, 102, 103)]


async def three(tower: Tower) -> None:
    await tower.happens(*plan("Spring webinar"), campaign=IDS[0])
    await tower.happens(*plan("Autumn webinar"), opened(), campaign=IDS[1])
    await tower.happens(*plan("Winter webinar"), halted(), campaign=IDS[2])


async def snapshot(tower: Tower) -> tuple[object, object]:
    rows = await tower.rows("SELECT tenant, campaign_id, body FROM campaign_row ORDER BY 1, 2")
    told = await tower.rows("SELECT event_id, said FROM happening ORDER BY 1")
    decided = await tower.rows("SELECT tenant, decision_id, campaign_id, body FROM decision ORDER BY 1, 2")
    return [tuple(one) for one in rows], [tuple(one) for one in (*told, *decided)]


async def test_the_same_facts_make_the_same_rows_whatever_the_order_batches_and_repeats(tower: Tower) -> None:
    said = facts(story())
    await tower.take(said)
    expected = await snapshot(tower)
    chance = random.Random(7)
    for _ in range(8):
        for table in ("campaign_row", "happening", "decision", "inbox"):
            await tower.rows(f"DELETE FROM {table}")
        order = list(range(len(said)))
        chance.shuffle(order)
        mixed = interleaved(said, order)
        cut = chance.randrange(1, len(mixed))
        await tower.take(mixed[:cut])
        await tower.take([*mixed[max(0, cut - 5) : cut], *mixed[cut:]])
        await tower.take(mixed)
        assert _same(await snapshot(tower), expected)


def _same(found: tuple[object, object], expected: tuple[object, object]) -> bool:
    """Sets are kept as arrays in no order."""

    def loose(rows: Any) -> list[object]:
        return [(*one[:-1], sorted(one[-1])) for one in rows]

    return loose(found[0]) == loose(expected[0]) and found[1] == expected[1]


async def test_two_replicas_meeting_a_campaign_from_two_topics_lose_nothing(tower: Tower) -> None:
    said = facts(story())
    await asyncio.gather(*(tower.take([one for one in said if one.event.topic == topic]) for topic in _topics(said)))
    answer = (await tower.get(f"/v1/campaigns/{CAMPAIGN}")).json()
    assert (answer["sent"], answer["verdict"]) == (5, "finished, target met")


def _topics(said: list[Any]) -> list[str]:
    return sorted({one.event.topic for one in said})


async def test_an_unreadable_record_is_kept_apart_and_the_rest_is_shown(tower: Tower) -> None:
    first, *rest = [record(one, number) for number, one in enumerate(facts(plan()))]
    await tower.take_raw([first, record(b"\xff", 50, topic="executor.work.v1"), *rest])
    assert len(await tower.rows("SELECT 1 FROM dead_letter")) == 1
    assert (await tower.get(f"/v1/campaigns/{CAMPAIGN}")).json()["owner"] == "maya"


async def test_the_page_shows_seven_columns_and_a_verdict_for_each_campaign(tower: Tower) -> None:
    await three(tower)
    page = (await tower.get("/")).text
    heads = re.findall(r'<th scope="col">([^<]+)</th>', page)
    assert heads == ["Campaign", *COLUMNS]
    order = [page.index(name) for name in ("Winter webinar", "Autumn webinar", "Spring webinar")]
    assert order == sorted(order)
    for verdict in ("halted", "waiting for a person", "on track"):
        assert f">{verdict}</span>" in page
    assert 'role="status"' in page and page.count('<th scope="row">') == 3


async def test_an_empty_tower_says_what_to_do(tower: Tower) -> None:
    assert "handrail brief submit" in (await tower.get("/")).text


async def test_json_says_what_the_page_says(tower: Tower) -> None:
    await three(tower)
    page = html.unescape((await tower.get("/")).text)
    listed = (await tower.get("/v1/campaigns")).json()["campaigns"]
    assert [one["name"] for one in listed] == ["Winter webinar", "Autumn webinar", "Spring webinar"]
    for one in listed:
        for column in ("name", "verdict", "phase", "owner", "next_action", "budget", "sla", "escalation"):
            assert one[column] in page
        alone = (await tower.get(f"/v1/campaigns/{one['campaign_id']}")).json()
        assert {name: alone[name] for name in one} == one


async def test_the_campaigns_page_tells_what_happened_in_words(tower: Tower) -> None:
    await tower.happens(*story())
    page = (await tower.get(f"/campaigns/{CAMPAIGN}")).text
    for words in (
        "The brief was accepted",
        "Launched to 588 people",
        "Halted",
        "Resumed",
        "Decided by ana",
        "31 of 20",
    ):
        assert words in page
    timeline = (await tower.get(f"/v1/campaigns/{CAMPAIGN}")).json()["timeline"]
    assert [one["at"] for one in timeline] == sorted((one["at"] for one in timeline), reverse=True)
    assert all(html.escape(one["said"], quote=False) in page for one in timeline)


async def test_hostile_text_is_shown_as_text(tower: Tower) -> None:
    await tower.happens(*plan(HOSTILE), opened(title=HOSTILE), halted())
    for path in ("/", f"/campaigns/{CAMPAIGN}"):
        answer = await tower.get(path)
        assert "<script>alert" not in answer.text and "<img" not in answer.text
        assert "&lt;script&gt;alert" in answer.text
        assert "script-src" in answer.headers["content-security-policy"]


async def test_the_stream_does_not_carry_hostile_markup_either(tower: Tower) -> None:
    await tower.happens(*plan(HOSTILE))
    async with stream(tower) as events:
        first = await anext(events)
        assert "Owner" in first and "<script>alert" not in first and "&lt;script&gt;alert" in first


async def test_the_stream_tells_a_change(tower: Tower) -> None:
    await tower.happens(*plan())
    async with stream(tower) as events:
        assert "on track" in await anext(events)
        await tower.happens(*plan(), opened())
        assert "waiting for a person" in await anext(events)


async def test_a_campaign_of_another_tenant_is_not_there(tower: Tower) -> None:
    await tower.happens(*plan("Secret plans"), tenant=Tenant("other"))
    assert "Secret plans" not in (await tower.get("/")).text
    assert (await tower.get("/v1/campaigns")).json() == {"campaigns": []}
    for path in (f"/v1/campaigns/{CAMPAIGN}", f"/campaigns/{CAMPAIGN}"):
        assert (await tower.get(path)).status_code == 404
    await tower.happens(*plan(), campaign=IDS[0])
    async with stream(tower) as events:
        assert "Secret plans" not in await anext(events)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/events",
        "/v1/campaigns",
        f"/v1/campaigns/{CAMPAIGN}",
        f"/campaigns/{CAMPAIGN}",
        f"/campaigns/{CAMPAIGN}/events",
        f"/decisions/{IDS[0]}",
        f"/decisions/{IDS[0]}/events",
        f"/v1/decisions/{IDS[0]}",
    ],
)
async def test_nothing_is_shown_without_a_token_or_a_role(tower: Tower, path: str) -> None:
    await tower.happens(*plan())
    assert (await tower.client.get(path)).status_code == 401
    assert (await tower.client.get(path, headers={"authorization": "Bearer nonsense"})).status_code == 401
    assert (await tower.client.get(path, headers={"cookie": "handrail_tower=nonsense"})).status_code == 401
    assert (await tower.get(path, "stranger")).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "marketer", "campaign_approver", "marketing_lead", "operator", "auditor"])
async def test_everybody_who_works_with_campaigns_may_look(tower: Tower, role: str) -> None:
    assert (await tower.get("/", role)).status_code == 200


async def test_a_token_handed_in_once_becomes_a_cookie_that_scripts_do_not_get(tower: Tower) -> None:
    await tower.happens(*plan())
    answer = await tower.client.post("/login", data={"token": tower.token()})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert "Webinar follow-up" in (await tower.client.get("/")).text


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
async def test_a_bad_token_makes_no_cookie(tower: Tower, token: str) -> None:
    answer = await tower.client.post("/login", data={"token": token})
    assert answer.status_code == 401 and "set-cookie" not in answer.headers


async def test_a_token_may_be_pasted_with_what_surrounds_it(tower: Tower) -> None:
    answer = await tower.client.post("/login", data={"token": f"  {tower.token()}\r\n"})
    assert answer.status_code == 303


async def test_a_person_whose_token_is_bad_is_asked_again(tower: Tower) -> None:
    answer = await tower.client.post("/login", data={"token": "nonsense"}, headers={"accept": "text/html"})
    assert answer.status_code == 401 and 'role="alert"' in answer.text and "<form" in answer.text


async def test_the_banner_of_the_kill_switch_comes_by_the_stream_too(tower: Tower) -> None:
    await tower.happens(*plan())
    async with stream(tower) as events:
        assert "kill switch" not in await anext(events)
        killed = KillSwitchChanged(scope=KillScope.TENANT, engaged=True, actor="sam", reason="an incident")
        await tower.happens(killed, campaign=tenant_row(TENANT))
        assert "an incident" in await anext(events)


async def test_an_open_tenant_is_shown_without_a_token_and_no_other_is(tower: Tower, beside: Beside) -> None:
    await tower.happens(*plan())
    await tower.happens(*plan("Secret plans"), tenant=Tenant("other"))
    async with beside(Tenant("demo")) as laptop:
        page = (await laptop.client.get("/")).text
        assert "Webinar follow-up" in page and "Secret plans" not in page
        assert (await laptop.client.get("/", headers={"authorization": "Bearer nonsense"})).status_code == 401


async def test_a_page_for_nobodys_campaign_is_a_404(tower: Tower) -> None:
    assert (await tower.get(f"/v1/campaigns/{uuid4()}")).status_code == 404


async def test_a_finished_campaign_shows_its_outcome(tower: Tower) -> None:
    await tower.happens(*plan(), outcome(False), finished())
    shown = (await tower.get(f"/v1/campaigns/{CAMPAIGN}")).json()
    assert (shown["verdict"], shown["outcome"]) == ("finished, target missed", "7 of 20 demos, rejected")


@asynccontextmanager
async def stream(tower: Tower, path: str = "/events") -> AsyncIterator[AsyncIterator[str]]:
    """The events of a page's stream, read as they come: the test client would wait for the stream's end."""
    sent: asyncio.Queue[str] = asyncio.Queue()
    gone = asyncio.Event()
    asked = False

    async def receive() -> MutableMapping[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if body := message.get("body", b""):
            await sent.put(body.decode())

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"authorization", f"Bearer {tower.token()}".encode()), (b"host", b"tower")],
        "http_version": "1.1", "scheme": "http", "server": ("tower", 80), "client": ("test", 1), "root_path": "",
    }  # fmt: skip

    async def events() -> AsyncIterator[str]:
        while True:
            yield await asyncio.wait_for(sent.get(), 10)

    running = asyncio.create_task(tower.app(scope, receive, send))
    try:
        yield events()
    finally:
        gone.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_dead_letter_of_the_tower_is_driven_again(tower: Tower) -> None:
    said = facts(story())
    raws = [record(one, number) for number, one in enumerate(said)]
    async with tower.db.transaction() as tx:
        for raw in raws[:4]:
            await dead_letters.keep(tx, raw, dead_letters.FAILING, "a bug", Key(TENANT, CAMPAIGN), 5)
    await tower.take_raw(raws[4:])
    assert tower.parts.applier is not None
    assert await redrive(tower.db, tower.parts.applier, VERIFIER, 1) == Redriven(4, None)
    assert await tower.rows("SELECT 1 FROM dead_letter") == []
    after = await snapshot(tower)
    for table in ("campaign_row", "happening", "decision", "inbox"):
        await tower.rows(f"DELETE FROM {table}")
    await tower.take(said)
    assert _same(after, await snapshot(tower))
