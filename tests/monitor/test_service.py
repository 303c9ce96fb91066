"""The fold on a real database: batches, redelivery, plans that come late, and what the pages show."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from chassis import dead_letters
from chassis.decision import Key
from chassis.fold import Fold
from chassis.redrive import redrive
from chassis.tasks import Worker
from contracts.event import CampaignId, Tenant
from contracts.executor import WorkBegun
from contracts.inbound import MailEvent, MetricReported
from contracts.monitor import OutcomeVerified, SlaMet, TriggerFired
from monitor import store
from monitor.domain.state import Watch, WindowCloses
from tests.builders import CAMPAIGN, T0, TENANT, fact, record
from tests.monitor.builders import accepted, contact, executed, launched, planned, report, sent
from tests.monitor.conftest import Monitor

KEY = Key(TENANT, CAMPAIGN)


async def state(monitor: Monitor) -> Watch:
    async with monitor.db.pool.acquire() as conn:
        found = await store.state_of(conn, KEY)
    assert found is not None
    return found


async def said(monitor: Monitor) -> list[str]:
    async with monitor.db.pool.acquire() as conn:
        rows = await conn.fetch("SELECT headers->>'ce_type' AS type FROM event_log ORDER BY id")
    return [row["type"] for row in rows]


async def begun(monitor: Monitor) -> None:
    await monitor.read(fact(accepted()), fact(planned(target=2)), fact(launched()))


async def test_a_wave_and_its_bounces_in_one_batch_pause_the_campaign(monitor: Monitor) -> None:
    await begun(monitor)
    bounces = [fact(report(number, MailEvent.BOUNCED_HARD)) for number in range(13)]
    await monitor.read(*bounces[:6], fact(sent(range(240), done=True)), *bounces[6:])
    assert (await said(monitor)).count(TriggerFired.type) == 1


async def test_counts_survive_from_batch_to_batch(monitor: Monitor) -> None:
    await begun(monitor)
    await monitor.read(*[fact(report(number, MailEvent.BOUNCED_HARD)) for number in range(13)])
    assert TriggerFired.type not in await said(monitor)
    await monitor.read(fact(sent(range(240), done=True)))
    assert (await said(monitor)).count(TriggerFired.type) == 1


async def test_a_redelivered_record_counts_once(monitor: Monitor) -> None:
    await begun(monitor)
    mails, booked = fact(sent([1, 2], size=2, done=True)), fact(contact(1))
    for _ in range(3):
        await monitor.read(mails, booked, booked)
    assert ((await state(monitor)).counted, next(iter((await state(monitor)).waves.values())).sent) == (1, 2)


async def test_first_reports_that_two_replicas_take_at_once_all_count(monitor: Monitor) -> None:
    """The topic of reports is spread over partitions: one campaign's reports are everybody's."""
    await begun(monitor)
    await monitor.read(fact(sent(range(240), done=True)))
    kinds = [MailEvent.DELIVERED] * 226 + [MailEvent.BOUNCED_HARD] * 14
    reports = [record(fact(report(number, kind)), 1000 + number) for number, kind in enumerate(kinds)]
    booked = [record(fact(contact(number)), 2000 + number) for number in range(30)]
    shares = [[*reports[nth::4], *booked[nth::4], *reports[(nth + 1) % 4 :: 4]] for nth in range(4)]
    await asyncio.gather(*(monitor.apply(share[at : at + 40]) for share in shares for at in range(0, len(share), 40)))
    [wave] = (await state(monitor)).waves.values()
    counted = (wave.count(MailEvent.DELIVERED), wave.count(MailEvent.BOUNCED_HARD), wave.reported)
    assert (counted, (await state(monitor)).counted) == ((226, 14, 240), 30)
    assert (wave.fired, wave.paused) == (("bounces",), True)


async def test_what_names_a_plan_not_seen_yet_waits_for_it(monitor: Monitor) -> None:
    begun_work = fact(WorkBegun(plan_version=1))
    await monitor.read(begun_work, fact(sent([1], size=1, done=True)), fact(contact(1)))
    await monitor.read(fact(accepted()), fact(planned()))
    assert (await state(monitor)).counted == 1
    assert SlaMet.type in await said(monitor)


async def test_a_recipient_of_one_campaign_is_none_of_another(monitor: Monitor) -> None:
    other = CampaignId(uuid4())
    await begun(monitor)
    await monitor.read(fact(sent([1], size=1)), fact(contact(1), other))
    assert (await state(monitor)).counted == 0


def figure(value: int, revision: int, *, provisional: bool = True) -> MetricReported:
    return MetricReported(
        metric="spend", channel="ads", bucket=T0, value=value, unit="count", attribution="last_click", as_of=T0,
        provisional=provisional, revision=revision,
    )  # fmt: skip


async def test_only_a_later_revision_replaces_a_figure(monitor: Monitor) -> None:
    await monitor.read(fact(figure(10, 1)), fact(figure(30, 3, provisional=False)))
    await monitor.read(fact(figure(20, 2)), fact(figure(31, 3)))
    async with monitor.db.pool.acquire() as conn:
        [row] = await store.metrics(conn, KEY)
    assert (row.value, row.revision, row.provisional) == (30, 3, False)


async def test_the_outcome_is_counted_by_the_deadline_of_its_window(monitor: Monitor) -> None:
    await begun(monitor)
    await monitor.read(fact(sent([1, 2], size=2, done=True)), fact(contact(1)), fact(contact(2)), fact(executed()))
    async with monitor.db.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM task WHERE kind = $1", WindowCloses.kind) == 1
    worker = Worker(monitor.db, monitor.parts.fold, monitor.parts.kinds)
    while await worker.work_once():  # T0 lies in the past: everything is due
        pass
    assert (await said(monitor)).count(OutcomeVerified.type) == 1


async def test_a_campaign_is_shown_to_its_own_tenant_alone(monitor: Monitor) -> None:
    await begun(monitor)
    await monitor.read(
        fact(sent([1, 2], size=2, done=True)),
        fact(report(1, MailEvent.DELIVERED)),
        fact(contact(1)),
        fact(figure(7, 1)),
    )
    shown = (await monitor.client.get(f"/v1/campaigns/{CAMPAIGN}", headers=monitor.token("viewer"))).json()
    [wave] = shown["waves"]
    assert (wave["sent"], wave["delivered"], shown["counted"], shown["totals"]["delivery_rate"]) == (2, 1, 1, 0.5)
    assert [clock["state"] for clock in shown["clocks"] if clock["sla"] == "completion"] == ["running"]
    assert [row["value"] for row in shown["metrics"]] == [7]
    listed = await monitor.client.get("/v1/campaigns", headers=monitor.token("viewer"))
    assert [one["campaign_id"] for one in listed.json()["campaigns"]] == [str(CAMPAIGN)]
    elsewhere = monitor.token("viewer", tenant="other")
    assert (await monitor.client.get(f"/v1/campaigns/{CAMPAIGN}", headers=elsewhere)).status_code == 404
    assert (await monitor.client.get("/v1/campaigns", headers=elsewhere)).json() == {"campaigns": []}


async def test_nobody_reads_without_a_role(monitor: Monitor) -> None:
    for path in ("/v1/campaigns", f"/v1/campaigns/{CAMPAIGN}"):
        assert (await monitor.client.get(path)).status_code == 401
        assert (await monitor.client.get(path, headers=monitor.token("publisher"))).status_code == 403


async def test_nobody_reports_for_a_tenant_that_is_unknown_here(monitor: Monitor) -> None:
    await begun(monitor)
    stray = fact(contact(1), tenant=Tenant("other"))
    await monitor.read(stray, fact(sent([1, 2], size=2, done=True)), fact(contact(2)))
    assert (await state(monitor)).counted == 1
    async with monitor.db.pool.acquire() as conn:
        [letter] = await dead_letters.listed(conn)
        assert (letter.kind, letter.reason, letter.campaign_id) == (
            "undecodable",
            "the tenant 'other' is unknown here",
            None,
        )
        assert await conn.fetchval("SELECT count(*) FROM campaign WHERE tenant = 'other'") == 0
    assert monitor.parts.applier is not None
    still = await redrive(monitor.db, monitor.parts.applier, monitor.parts.verifier, letter.id)
    assert still.failed == letter.reason


async def test_what_is_said_of_a_campaign_under_another_tenant_is_not_said_of_it(monitor: Monitor) -> None:
    assert isinstance(monitor.parts.applier, Fold)
    monitor.parts.applier = replace(monitor.parts.applier, tenants=frozenset({TENANT, Tenant("other")}))
    await begun(monitor)
    await monitor.read(fact(sent([1, 2], size=2, done=True)), fact(contact(1), tenant=Tenant("other")))
    assert (await state(monitor)).counted == 0
