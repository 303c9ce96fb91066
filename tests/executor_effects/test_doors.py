"""The way out works for whoever has the link; one person engages the kill switch, and two release it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from chassis.application import application
from chassis.decision import Key
from chassis.identity import Gate
from chassis.postgres import Database
from chassis.service import Parts
from contracts.event import CampaignId
from contracts.executor import KillSwitchChanged, RecipientSuppressed
from executor import changes
from executor.app import build
from executor.effects import SetGuard
from executor.people.unsubscribe import Link, read, token
from executor.settings import Settings
from handrail.keys import AUDIENCE, ISSUER, Keys, dev_token
from tests.builders import CAMPAIGN, TENANT
from tests.conftest import VERIFIER, MakeDb

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
PERSON = "ab" * 32
KEY = Key(TENANT, CAMPAIGN)


@dataclass(frozen=True)
class House:
    db: Database
    client: httpx.AsyncClient
    keys: Keys

    @property
    def link(self) -> str:
        secret = bytes.fromhex(self.keys.unsubscribe.read_text().strip())
        return f"/u/{token(Link(TENANT, CAMPAIGN, PERSON, 'attendees.example'), secret)}"

    async def suppressed(self) -> int:
        return int(await self.db.pool.fetchval("SELECT count(*) FROM suppression"))

    async def said(self, kind: str) -> int:
        return int(await self.db.pool.fetchval("SELECT count(*) FROM event_log WHERE headers->>'ce_type' = $1", kind))

    async def put(self, scope: str, engaged: bool, subject: str, role: str = "operator", **more: str) -> httpx.Response:
        kind = more.pop("kind", "human")
        tenant = more.pop("tenant", "demo")
        bearer = dev_token(self.keys.folder, subject, [role], tenant, "agent" if kind == "agent" else "human")
        return await self.client.put(
            f"/v1/kill-switches/{scope}",
            json={"engaged": engaged, "reason": "a test"},
            headers={"authorization": f"Bearer {bearer}", "idempotency-key": str(uuid4())},
        )

    async def engaged(self, scope: str) -> bool:
        return bool(await self.db.pool.fetchval("SELECT engaged FROM kill_switch WHERE scope = $1", scope))


MakeHouse = Callable[[], Awaitable[House]]


@pytest_asyncio.fixture
async def house(db_for: MakeDb, keys: Keys, folder: Path, repository: Path) -> AsyncIterator[House]:
    """The executor's doors over a real database, with one campaign and its switches."""
    db = await db_for("executor")
    settings = Settings.model_validate(
        {
            "dsn": "unused",
            "kafka": "unused",
            "organisation": repository / "examples" / "organisation.yaml",
            "people": repository / "examples" / "people.yaml",
            "tenant_keys": keys.tenants,
            "smtp_host": "127.0.0.1",
            "smtp_port": 1,
            "dkim_key": keys.dkim,
            "dkim_domain": "mail.handrail.example",
            "dkim_selector": "handrail",
            "public_url": "https://mail.handrail.example",
            "unsubscribe_key": keys.unsubscribe,
            "journal": folder,
        }
    )
    parts = Parts("executor", settings, db, Gate.from_settings(ISSUER, AUDIENCE, keys.jwks), VERIFIER)
    await build(parts)
    async with db.pool.acquire() as conn:
        await changes.apply(conn, KEY, [SetGuard(fence=0, halted=False)])
    app = application(parts.routes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://door.example") as client:
        yield House(db, client, keys)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_at_the_link_unsubscribes_nobody(house: House, method: str) -> None:
    page = await house.client.request(method, house.link)
    assert page.status_code == 200
    assert await house.suppressed() == 0
    if method == "GET":
        assert 'method="post"' in page.text


@pytest.mark.parametrize("times", [1, 3])
async def test_one_post_unsubscribes_and_more_change_nothing(house: House, times: int) -> None:
    for _ in range(times):
        page = await house.client.post(house.link, data=ONE_CLICK)
        assert page.status_code == 200
    assert await house.suppressed() == 1
    assert await house.said(RecipientSuppressed.type) == 1


STOPPED = {
    "halted": "UPDATE campaign_guard SET halted = true",
    "killed": "UPDATE kill_switch SET engaged = true",
    "parked": "INSERT INTO dead_letter (cluster_id, topic, partition, kafka_offset, headers, sha256, kind, reason, "
    "tenant, campaign_id) SELECT 'c', 't', 0, 0, '{}', '', 'failing', 'why', tenant, campaign_id FROM campaign_guard",
}


@pytest.mark.parametrize("state", STOPPED)
async def test_the_way_out_works_whatever_state_the_campaign_is_in(house: House, state: str) -> None:
    await house.db.pool.execute(STOPPED[state])
    page = await house.client.post(house.link, data=ONE_CLICK)
    assert (page.status_code, await house.suppressed()) == (200, 1)


async def test_a_link_that_we_did_not_make_does_nothing(house: House) -> None:
    forged = f"/u/{token(Link(TENANT, CAMPAIGN, PERSON, 'attendees.example'), bytes(32))}"
    for link in (forged, house.link[:-2], house.link + "A", "/u/x", "/u/%C3%BC"):
        assert (await house.client.get(link)).status_code == 404
        assert (await house.client.post(link, data=ONE_CLICK)).status_code == 404
    assert await house.suppressed() == 0


async def test_unsubscribing_again_after_a_new_consent_works_too(house: House) -> None:
    await house.client.post(house.link, data=ONE_CLICK)
    await house.db.pool.execute("DELETE FROM suppression")
    await house.client.post(house.link, data=ONE_CLICK)
    assert await house.suppressed() == 1


def test_a_token_says_what_was_put_in_and_changes_with_it() -> None:
    link, secret = Link(TENANT, CAMPAIGN, PERSON, "attendees.example"), bytes(range(32))
    assert read(token(link, secret), secret) == link
    assert token(link, secret) == token(link, secret)
    others = [
        Link(TENANT, CampaignId(uuid4()), PERSON, "attendees.example"),
        Link(TENANT, CAMPAIGN, "cd" * 32, "attendees.example"),
        Link(TENANT, CAMPAIGN, PERSON, "other.example"),
    ]
    assert len({token(one, secret) for one in [link, *others]}) == 4


SCOPES = {
    "global": "global",
    "tenant": f"tenant:{TENANT}",
    f"campaigns/{CAMPAIGN}": f"campaign:{TENANT}:{CAMPAIGN}",
}


@pytest.mark.parametrize("scope", SCOPES)
async def test_one_person_engages_and_two_release(house: House, scope: str) -> None:
    name = SCOPES[scope]
    assert (await house.put(scope, True, "sam")).status_code == 200
    assert await house.engaged(name)
    assert (await house.put(scope, False, "sam")).status_code == 202
    assert (await house.put(scope, False, "sam")).status_code == 202
    assert await house.engaged(name)
    assert (await house.put(scope, False, "leo", "marketing_lead")).status_code == 200
    assert not await house.engaged(name)
    assert await house.said(KillSwitchChanged.type) == 2


@pytest.mark.parametrize(
    ("subject", "role", "kind"),
    [("bot", "operator", "agent"), ("maya", "marketer", "human"), ("vi", "viewer", "human")],
)
async def test_whoever_may_not_engage_changes_nothing(house: House, subject: str, role: str, kind: str) -> None:
    assert (await house.put("global", True, subject, role, kind=kind)).status_code == 403
    assert not await house.engaged("global")


async def test_a_release_that_was_asked_for_before_it_was_engaged_again_does_not_count(house: House) -> None:
    await house.put("tenant", True, "sam")
    await house.put("tenant", False, "sam")
    await house.put("tenant", True, "ana", "campaign_approver")
    assert (await house.put("tenant", False, "leo", "marketing_lead")).status_code == 202
    assert await house.engaged(f"tenant:{TENANT}")


async def test_a_repeated_release_request_does_not_confirm_itself(house: House) -> None:
    await house.put("global", True, "sam")
    for _ in range(3):
        await house.put("global", False, "sam")
    assert await house.engaged("global")


async def test_releasing_what_is_not_engaged_says_so(house: House) -> None:
    for subject in ("sam", "leo"):
        await house.put("tenant", False, subject)
    assert not await house.engaged(f"tenant:{TENANT}")
    assert await house.said(KillSwitchChanged.type) == 0


async def test_a_repeated_request_is_answered_alike_and_done_once(house: House) -> None:
    bearer = dev_token(house.keys.folder, "sam", ["operator"], "demo")
    headers = {"authorization": f"Bearer {bearer}", "idempotency-key": "k1"}
    answers = [
        await house.client.put("/v1/kill-switches/tenant", json={"engaged": True, "reason": "a test"}, headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert await house.db.pool.fetchval("SELECT epoch FROM kill_switch WHERE scope LIKE 'tenant:%'") == 1


async def test_the_list_shows_no_other_tenants_switches(house: House) -> None:
    other = f"campaign:other:{uuid4()}"
    await house.db.pool.execute(
        "INSERT INTO kill_switch (scope, engaged, changed_by, reason) VALUES ($1, true, 'eve', 'secret')", other
    )
    bearer = dev_token(house.keys.folder, "sam", ["operator"], "demo")
    listed = await house.client.get("/v1/kill-switches", headers={"authorization": f"Bearer {bearer}"})
    assert listed.status_code == 200
    assert "global" in listed.text
    assert "other" not in listed.text


@pytest.mark.parametrize("scope", ["campaigns/x", "everything", "tenant/other"])
async def test_a_scope_that_does_not_exist_is_named(house: House, scope: str) -> None:
    answer = await house.put(scope, True, "sam")
    assert answer.status_code == 404
    assert answer.json()["field"] == "scope"
