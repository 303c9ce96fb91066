"""`POST /v1/events`: three modes, all of a request or nothing, and no address anywhere."""

import json
from typing import Any

import pytest

from chassis.recipients import hash_address, load_keys
from contracts.event import Tenant, outside_id
from contracts.inbound import BriefSubmitted, ContactEventReported, MetricReported, RecipientEventReported
from handrail.keys import Keys
from tests.builders import CAMPAIGN, T0
from tests.monitor.builders import person
from tests.monitor.conftest import Monitor

ADDRESS = "Jane.Doe@Example.com"
BATCH, ONE = "application/cloudevents-batch+json", "application/cloudevents+json"


def event(number: int = 1, *, data: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"crm-{number}",
        "source": "/crm",
        "type": ContactEventReported.type,
        "time": T0.isoformat(),
        "campaignid": str(CAMPAIGN),
        "data": data or {"kind": "demo_booked", "recipient_hash": person(number)},
        **changes,
    }


async def post(monitor: Monitor, body: Any, kind: str = ONE, *roles: str, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {**monitor.token(*(roles or ("publisher",))), "content-type": kind, **headers}
    return await monitor.client.post("/v1/events", content=raw, headers=given)


async def test_one_event_is_taken_under_the_outsiders_own_id(monitor: Monitor) -> None:
    answer = await post(monitor, event())
    assert answer.status_code == 202
    expected = outside_id(Tenant("demo"), "/crm", "crm-1")
    assert answer.json() == {"accepted": [str(expected)]}
    [row] = await monitor.logged()
    assert (row["event_id"], row["topic"]) == (expected, "inbound.contacts.v1")
    assert row["key"] == f"{CAMPAIGN}:{person(1)}".encode()


async def test_binary_mode_says_the_same(monitor: Monitor) -> None:
    said = event()
    headers = {f"ce-{name}": value for name, value in said.items() if name != "data"}
    binary = await post(monitor, said["data"], "application/json", **headers)
    structured = await post(monitor, said)
    assert binary.json() == structured.json()
    assert len(await monitor.logged()) == 1


async def test_a_batch_is_taken_whole_and_in_order(monitor: Monitor) -> None:
    answer = await post(monitor, [event(n) for n in range(5)], BATCH)
    assert answer.json()["accepted"] == [str(outside_id(Tenant("demo"), "/crm", f"crm-{n}")) for n in range(5)]
    assert [str(row["event_id"]) for row in await monitor.logged()] == answer.json()["accepted"]


async def test_a_repeated_event_gets_the_same_answer_and_writes_nothing(monitor: Monitor) -> None:
    first = await post(monitor, [event(), event()], BATCH)
    again = await post(monitor, [event(), event()], BATCH)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert len(await monitor.logged()) == 1


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"type": "who.knows"}, "1.type"),
        ({"type": BriefSubmitted.type}, "1.type"),
        ({"specversion": "0.3"}, "1."),
        ({"campaignid": "no"}, "1."),
        ({"time": "yesterday"}, "1."),
        ({"time": "1999-01-01T00:00:00Z"}, "1."),
        ({"tenant": "another"}, "1."),
        ({"data": {"kind": "dreamt", "recipient_hash": person(1)}}, "1.kind"),
        ({"data": {"kind": "demo_booked"}}, "1.recipient_hash"),
        ({"data": {"kind": "demo_booked", "recipient_hash": "short"}}, "1.recipient_hash"),
        ({"data": []}, "1."),
    ],
)
async def test_one_bad_item_and_nothing_is_kept(monitor: Monitor, bad: dict[str, Any], named: str) -> None:
    answer = await post(monitor, [event(0), {**event(1), **bad}, event(2)], BATCH)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"].startswith(named)
    assert answer.json()["fix"]
    assert await monitor.logged() == []


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": "\\u0000"}', b"[" * 40 + b"]" * 40, b'"text"'],
)
@pytest.mark.parametrize("kind", [BATCH, ONE, "application/json"])
async def test_what_is_no_event_is_refused(monitor: Monitor, raw: bytes, kind: str) -> None:
    answer = await post(monitor, raw, kind)
    assert answer.status_code == 400
    assert await monitor.logged() == []


async def test_too_much_is_refused(monitor: Monitor) -> None:
    assert (await post(monitor, b" " * (1024 * 1024 + 1))).status_code == 413
    assert (await post(monitor, [event(n) for n in range(501)], BATCH)).status_code == 400


@pytest.mark.parametrize("role", ["viewer", "campaign_approver", "auditor"])
async def test_only_publishers_and_marketers_report(monitor: Monitor, role: str) -> None:
    assert (await post(monitor, event(), ONE, role)).status_code == 403
    assert (await monitor.client.post("/v1/events", json=event())).status_code == 401
    assert await monitor.logged() == []


async def test_a_tenant_without_a_key_cannot_report(monitor: Monitor) -> None:
    answer = await monitor.client.post(
        "/v1/events", json=event(), headers={**monitor.token("publisher", tenant="other"), "content-type": ONE}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("kind", [ContactEventReported.type, RecipientEventReported.type])
async def test_an_address_is_hashed_at_the_door_and_kept_nowhere(monitor: Monitor, kind: str) -> None:
    data = {"recipient": ADDRESS, "kind": "demo_booked"}
    if kind == RecipientEventReported.type:
        effect = "66666666-6666-5666-8666-666666666666"
        data |= {"kind": "clicked", "effect_id": effect, "machine": False, "provider": "crm"}  # type: ignore[dict-item]
    answer = await post(monitor, event(type=kind, data=data))
    assert answer.status_code == 202
    await monitor.apply(await monitor.relayed())
    hashed = hash_address(load_keys(Keys(monitor.folder).tenants)[Tenant("demo")], ADDRESS)
    dumped = await monitor.dump()
    assert hashed in dumped
    assert "jane" not in dumped.lower()
    assert "jane" not in answer.text.lower()


async def test_a_refusal_does_not_repeat_the_address(monitor: Monitor) -> None:
    answer = await post(monitor, event(data={"recipient": ADDRESS, "kind": "dreamt"}))
    assert answer.status_code == 400
    assert "jane" not in answer.text.lower()


async def test_what_a_door_took_can_be_read_by_every_reader(monitor: Monitor) -> None:
    await post(monitor, [event(n) for n in range(3)], BATCH)
    await monitor.apply(await monitor.relayed())
    async with monitor.db.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM dead_letter") == 0
        assert await conn.fetchval("SELECT count(*) FROM recipient") == 3


async def test_every_bad_item_of_a_batch_is_named(monitor: Monitor) -> None:
    answer = await post(monitor, [event(0, type="x"), event(1), event(2, campaignid="no")], BATCH)
    assert {one["field"].split(".")[0] for one in answer.json()["errors"]} == {"0", "2"}


async def test_a_type_that_is_no_text_is_refused(monitor: Monitor) -> None:
    assert (await post(monitor, event(type=[]))).status_code == 400


async def test_a_recipient_that_is_no_address_is_refused_and_kept_nowhere(monitor: Monitor) -> None:
    data = {
        "recipient": "jane.doe", "kind": "clicked", "effect_id": "66666666-6666-5666-8666-666666666666",
        "machine": False, "provider": "crm",
    }  # fmt: skip
    answer = await post(monitor, event(type=RecipientEventReported.type, data=data))
    assert answer.status_code == 400
    assert "jane" not in await monitor.dump()


def figure(**changes: Any) -> dict[str, Any]:
    data = {
        "metric": "spend", "channel": "ads", "bucket": T0.isoformat(), "value": 5, "unit": "count",
        "attribution": "none", "as_of": T0.isoformat(), "provisional": True, "revision": 1,
    }  # fmt: skip
    return event(type=MetricReported.type, data={**data, **changes})


@pytest.mark.parametrize("bad", [{"bucket": "1999-01-01T00:00:00Z"}, {"revision": 2**31}])
async def test_a_figure_that_cannot_be_stored_is_refused(monitor: Monitor, bad: dict[str, Any]) -> None:
    answer = await post(monitor, figure(**bad))
    if answer.status_code == 202:
        await monitor.apply(await monitor.relayed())
