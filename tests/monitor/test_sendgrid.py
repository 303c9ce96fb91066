"""The provider's signed webhook: who may call, what it means, what is left out."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from prometheus_client import REGISTRY

from chassis.clock import utc_now
from chassis.recipients import hash_address, load_keys
from contracts.event import Tenant
from contracts.inbound import MailEvent
from handrail.keys import Keys
from monitor.sendgrid import SIGNATURE, TIMESTAMP
from tests.builders import CAMPAIGN
from tests.monitor.conftest import Monitor

EFFECT = "66666666-6666-5666-8666-666666666666"
ADDRESS = "jane.doe@example.com"


def key_of(monitor: Monitor) -> EllipticCurvePrivateKey:
    key = load_pem_private_key(Keys(monitor.folder).sendgrid.read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return key


def seconds(shift: float = 0) -> int:
    return int(utc_now().timestamp() + shift)


def mail(name: str = "delivered", number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "event": name, "sg_event_id": f"sg-{number}", "email": ADDRESS, "timestamp": seconds(),
        "sg_message_id": "m", "ip": "192.0.2.1", "campaign_id": str(CAMPAIGN), "effect_id": EFFECT,
        **changes,
    }  # fmt: skip


async def call(
    monitor: Monitor, events: Any, *, at: int | None = None, key: EllipticCurvePrivateKey | None = None, **spoilt: Any
) -> Any:
    body = json.dumps(events).encode()
    stamp = str(seconds() if at is None else at)
    signature = b64encode((key or key_of(monitor)).sign(stamp.encode() + body, ECDSA(SHA256()))).decode()
    headers = {SIGNATURE: spoilt.get("signature", signature), TIMESTAMP: str(spoilt.get("stamp", stamp))}
    return await monitor.client.post("/v1/hooks/sendgrid", content=spoilt.get("body", body), headers=headers)


def failures() -> float:
    found = REGISTRY.get_sample_value("handrail_webhook_signature_failures_total", {"provider": "sendgrid"})
    return found or 0.0


async def values(monitor: Monitor) -> list[dict[str, Any]]:
    return [json.loads(row["value"]) for row in await monitor.logged()]


async def test_a_signed_call_is_taken(monitor: Monitor) -> None:
    answer = await call(monitor, [mail()])
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "not_ours": 0})
    [row] = await monitor.logged()
    assert row["topic"] == "inbound.engagement.v1"
    [value] = await values(monitor)
    hashed = hash_address(load_keys(Keys(monitor.folder).tenants)[Tenant("demo")], ADDRESS)
    assert (value["recipient_hash"], value["recipient_domain"]) == (hashed, "example.com")
    assert (value["kind"], value["effect_id"], value["provider"]) == ("delivered", EFFECT, "sendgrid")
    assert row["key"] == f"{CAMPAIGN}:{hashed}".encode()
    assert "jane" not in await monitor.dump()


@pytest.mark.parametrize("shift", [-290, 290])
async def test_five_minutes_either_way_are_allowed(monitor: Monitor, shift: int) -> None:
    assert (await call(monitor, [mail()], at=seconds(shift))).status_code == 200


@pytest.mark.parametrize("shift", [-310, 310])
async def test_an_old_call_and_one_from_the_future_are_refused(monitor: Monitor, shift: int) -> None:
    before = failures()
    assert (await call(monitor, [mail()], at=seconds(shift))).status_code == 401
    assert failures() == before + 1
    assert await monitor.logged() == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"body": b"[]"},
        {"signature": ""},
        {"signature": "not base64!"},
        {"signature": b64encode(b"0" * 70).decode()},
        {"stamp": ""},
        {"stamp": "soon"},
        {"stamp": "9" * 30},
    ],
)
async def test_a_tampered_call_is_refused_and_counted(monitor: Monitor, spoilt: dict[str, Any]) -> None:
    before = failures()
    assert (await call(monitor, [mail()], **spoilt)).status_code == 401
    assert failures() == before + 1
    assert await monitor.logged() == []


async def test_a_later_timestamp_under_the_old_signature_is_refused(monitor: Monitor) -> None:
    assert (await call(monitor, [mail()], stamp=seconds(1))).status_code == 401


async def test_somebody_elses_key_is_refused(monitor: Monitor) -> None:
    assert (await call(monitor, [mail()], key=generate_private_key(SECP256R1()))).status_code == 401


async def test_a_repeated_event_writes_nothing(monitor: Monitor) -> None:
    for events in ([mail()], [mail()], [mail(), mail()]):
        assert (await call(monitor, events)).status_code == 200
    assert len(await monitor.logged()) == 1


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"event": "processed"}, MailEvent.QUEUED),
        ({"event": "delivered"}, MailEvent.DELIVERED),
        ({"event": "deferred"}, MailEvent.DEFERRED),
        ({"event": "bounce", "type": "bounce"}, MailEvent.BOUNCED_HARD),
        ({"event": "bounce"}, MailEvent.BOUNCED_HARD),
        ({"event": "bounce", "type": "blocked"}, MailEvent.BLOCKED_OR_SOFT),
        ({"event": "dropped"}, MailEvent.DROPPED),
        ({"event": "open"}, MailEvent.OPENED),
        ({"event": "click"}, MailEvent.CLICKED),
        ({"event": "spamreport"}, MailEvent.COMPLAINED),
        ({"event": "unsubscribe"}, MailEvent.UNSUBSCRIBED),
        ({"event": "group_unsubscribe"}, MailEvent.UNSUBSCRIBED),
        ({"event": "group_resubscribe"}, MailEvent.RESUBSCRIBED),
    ],
)
async def test_the_providers_words_are_ours(monitor: Monitor, said: dict[str, Any], kind: MailEvent) -> None:
    await call(monitor, [mail(**said)])
    assert [value["kind"] for value in await values(monitor)] == [kind]


async def test_an_open_by_software_is_marked(monitor: Monitor) -> None:
    await call(monitor, [mail("open", 1, sg_machine_open=True), mail("open", 2)])
    assert [value["machine"] for value in await values(monitor)] == [True, False]


async def test_the_time_is_the_providers(monitor: Monitor) -> None:
    at = seconds(-100)
    await call(monitor, [mail(timestamp=at)])
    [raw] = await monitor.relayed()
    said = dict(raw.headers)["ce_time"].decode()
    assert datetime.fromisoformat(said) == datetime.fromtimestamp(at, UTC)


async def test_what_is_not_ours_is_counted_and_left_out(monitor: Monitor) -> None:
    foreign = mail("delivered", 2)
    del foreign["effect_id"]
    answer = await call(monitor, [mail(), foreign, mail("surprise", 3)])
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "not_ours": 2})
    assert len(await monitor.logged()) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"campaign_id": "spring-sale"},
        {"effect_id": "7"},
        {"recipient_hash": "theirs"},
        {"timestamp": 2**60},
        {"email": "jane@exämple.example"},
    ],
)
async def test_an_event_that_cannot_be_ours_does_not_cost_us_the_others(monitor: Monitor, odd: dict[str, Any]) -> None:
    answer = await call(monitor, [mail(), mail("delivered", 2, **odd)])
    assert (answer.status_code, len(await monitor.logged())) == (200, 1)


async def test_what_the_webhook_took_can_be_read(monitor: Monitor) -> None:
    await call(monitor, [mail(sg_event_id="x" * 2000)])
    await monitor.apply(await monitor.relayed())
    async with monitor.db.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM dead_letter") == 0
