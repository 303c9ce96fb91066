"""The chain on a real database: every record once, nothing changed, and what comes out proves itself."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from audit.checkpoints import sign_all
from contracts.audit import FIRST_PREVIOUS, CheckpointSigned, body, chain_hash, framed_headers, leaf_hash
from contracts.event import Tenant
from handrail.verify import Anchor, What, verify
from tests.audit.builders import DECISION, KEYS, records, story
from tests.audit.conftest import Auditor
from tests.builders import CAMPAIGN, at, fact, record


async def test_every_record_is_stored_byte_for_byte_and_chained(auditor: Auditor) -> None:
    await auditor.take(records())
    previous = FIRST_PREVIOUS
    stored = await auditor.rows("SELECT * FROM record ORDER BY seq")
    assert len(stored) == len(story())
    for seq, (raw, row) in enumerate(zip(records(), stored, strict=True), 1):
        own = body(raw.topic, raw.key or b"", raw.headers, raw.value or b"")
        assert (row["seq"], row["value"], row["headers"]) == (seq, raw.value, framed_headers(raw.headers))
        assert (row["leaf"], row["prev"]) == (leaf_hash(own), previous)
        assert row["hash"] == chain_hash(seq, previous, own)
        previous = row["hash"]
    [head] = await auditor.rows("SELECT * FROM head")
    assert (head["tenant"], head["seq"], head["hash"]) == ("demo", len(story()), previous)


async def test_a_record_delivered_again_is_stored_once(auditor: Auditor) -> None:
    batch = records()
    await auditor.take([*batch, *batch])
    await auditor.take(batch[3:])
    assert len(await auditor.rows("SELECT 1 FROM record")) == len(batch)


async def test_an_unreadable_record_is_kept_apart_and_the_stream_flows_on(auditor: Auditor) -> None:
    first, *rest = records()
    await auditor.take([first, record(b"\xff not json", 99, topic="executor.work.v1"), *rest])
    assert len(await auditor.rows("SELECT 1 FROM record")) == len(story())
    [letter] = await auditor.rows("SELECT kind, value, campaign_id FROM dead_letter")
    assert tuple(letter) == ("undecodable", b"\xff not json", None)


async def test_each_tenant_has_a_chain_of_its_own(auditor: Auditor) -> None:
    other = [record(fact(event, tenant=Tenant("other")), 50 + number) for number, event in enumerate(story()[:3])]
    await auditor.take([*records()[:2], *other, *records()[2:]])
    heads = {row["tenant"]: row["seq"] for row in await auditor.rows("SELECT tenant, seq FROM head")}
    assert heads == {"demo": len(story()), "other": 3}
    assert verify(await auditor.export(), KEYS).ok


async def test_two_replicas_appending_at_once_make_one_chain(auditor: Auditor) -> None:
    batches = [records()[start::3] for start in range(3)]
    await asyncio.gather(*(auditor.take(batch) for batch in [*batches, *batches]))
    assert [row["seq"] for row in await auditor.rows("SELECT seq FROM record ORDER BY seq")] == [
        *range(1, len(story()) + 1)
    ]
    assert verify(await auditor.export(), KEYS).ok


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE record SET value = 'other' WHERE seq = 1",
        "DELETE FROM record WHERE seq = 2",
        "TRUNCATE record",
        "SET session_replication_role = replica; DELETE FROM record",
        "SET session_replication_role = replica; TRUNCATE record",
    ],
)
async def test_a_stored_record_cannot_be_changed(auditor: Auditor, sql: str) -> None:
    await auditor.take(records())
    async with auditor.db.pool.acquire() as conn:
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await conn.execute(sql)
        await conn.execute("RESET session_replication_role")
    assert len(await auditor.rows("SELECT 1 FROM record")) == len(story())


async def test_a_row_changed_by_a_superuser_is_named_by_the_export(auditor: Auditor) -> None:
    """Triggers are a rule; the chain is the proof."""
    await auditor.take(records())
    await auditor.rows("ALTER TABLE record DISABLE TRIGGER append_only")
    await auditor.rows("UPDATE record SET value = value || ' '::bytea WHERE seq = 4")
    report = verify(await auditor.export(), KEYS)
    assert [(problem.seq, problem.what) for problem in report.problems] == [(4, What.LEAF)]


async def test_a_checkpoint_signs_the_head_and_comes_back_as_a_record(auditor: Auditor) -> None:
    await auditor.take(records())
    assert await sign_all(auditor.db) == 1
    [seal] = await auditor.said()
    await auditor.take([seal])
    [head] = await auditor.rows("SELECT * FROM head")
    report = verify(await auditor.export(), KEYS)
    assert report.ok and report.checkpoints == 1
    assert (report.sealed, head["seq"]) == (len(story()), len(story()) + 1)
    assert seal.topic == CheckpointSigned.topic


async def test_checkpoints_alone_are_no_reason_for_another(auditor: Auditor) -> None:
    await auditor.take(records())
    for _ in range(4):
        await sign_all(auditor.db)
        await auditor.take(await auditor.said())
    assert len(await auditor.said()) == 1
    await auditor.take([record(fact(story()[2]), 77)])
    assert await sign_all(auditor.db) == 1


async def test_nothing_is_signed_where_nothing_was_stored(auditor: Auditor) -> None:
    assert await sign_all(auditor.db) == 0


async def test_the_export_shows_its_end_was_cut_off_to_whoever_kept_the_head(auditor: Auditor) -> None:
    await auditor.take(records())
    kept = (await auditor.get("/v1/head")).json()
    lines = await auditor.export()
    anchor = [Anchor(kept["size"], kept["head"])]
    assert verify(lines, KEYS, anchor).ok
    assert [problem.what for problem in verify(lines[:-1], KEYS, anchor).problems] == [What.ANCHOR]


async def test_an_export_longer_than_a_page_is_whole(auditor: Auditor) -> None:
    event = story()[2]
    batch = [record(fact(event, when=at(number)), number) for number in range(1203)]
    await auditor.take(batch)
    lines = await auditor.export()
    assert len(lines) == 1203 and verify(lines, KEYS).ok


async def test_an_explanation_tells_the_whole_story_from_records_alone(auditor: Auditor) -> None:
    await auditor.take(records())
    told = (await auditor.get(f"/v1/decisions/{DECISION}/explanation")).json()
    numbers = {row["type"]: row["seq"] for row in await auditor.rows("SELECT type, seq FROM record")}
    proposed = numbers["io.handrail.action.proposed.v1"]
    assert told["campaign_id"] == str(CAMPAIGN)
    assert told["saw"]["sources"][0]["ref"] == "brief" and told["saw"]["record"] == proposed
    assert (told["decided"]["chosen"], told["decided"]["prediction"]["mid"]) == ("send", 30)
    assert told["tool"]["effects"] == {"failed_definite": 2, "succeeded": 3}
    [approval] = told["approvals"]
    assert (approval["approver"]["subject"], approval["approver"]["role"]) == ("ana", "campaign_approver")
    assert (approval["content_hash"], approval["reason"]["why"]) == (told["tool"]["content_hash"], "read both")
    [ruling] = told["ruling"]
    assert (ruling["signature"], ruling["record"]) == ("valid", numbers["io.handrail.action.cleared.v1"])
    assert told["outcome"][0]["counted"] == 31


async def test_decisions_and_records_of_a_campaign_are_listed(auditor: Auditor) -> None:
    await auditor.take(records())
    decisions = (await auditor.get(f"/v1/campaigns/{CAMPAIGN}/decisions")).json()["decisions"]
    assert [one["decision_id"] for one in decisions] == [str(DECISION)]
    listed = (await auditor.get(f"/v1/campaigns/{CAMPAIGN}/records")).json()["records"]
    later = (await auditor.get(f"/v1/campaigns/{CAMPAIGN}/records?after=5")).json()["records"]
    assert [one["seq"] for one in listed] == [*range(1, len(story()) + 1)] and later == listed[5:]


@pytest.mark.parametrize(
    ("path", "roles", "status"),
    [
        ("/v1/export", ("auditor",), 200),
        ("/v1/export", ("marketing_lead",), 403),
        ("/v1/head", ("auditor",), 200),
        ("/v1/head", ("nobody",), 403),
        (f"/v1/decisions/{UUID(int=7)}/explanation", ("auditor",), 404),
        (f"/v1/decisions/{DECISION}/explanation", ("campaign_approver",), 200),
        (f"/v1/campaigns/{CAMPAIGN}/records?after=x", ("auditor",), 400),
    ],
)
async def test_doors_open_by_role(auditor: Auditor, path: str, roles: tuple[str, ...], status: int) -> None:
    await auditor.take(records())
    assert (await auditor.get(path, *roles)).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/v1/export", "/v1/head", f"/v1/decisions/{DECISION}/explanation", f"/v1/campaigns/{CAMPAIGN}/decisions",
        f"/v1/campaigns/{CAMPAIGN}/records",
    ],
)  # fmt: skip
async def test_no_door_opens_without_a_token_or_shows_another_tenants_records(auditor: Auditor, path: str) -> None:
    await auditor.take(records())
    assert (await auditor.client.get(path)).status_code == 401
    answer = await auditor.get(path, tenant="other")
    assert answer.status_code == 404 or (str(CAMPAIGN) not in answer.text and '"seq"' not in answer.text)
