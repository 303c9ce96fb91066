"""What should hold and does not yet. Strict: a mend turns its test red until the mark goes."""

from dataclasses import replace

import pytest

from audit.checkpoints import sign_all
from audit.metrics import LAG
from chassis.metrics import DUPLICATES
from contracts.actions import ActionUncertain
from contracts.executor import CampaignHalted
from contracts.monitor import TriggerFired
from tests.audit.builders import DECISION, effects, fact_of, record, records
from tests.audit.conftest import Auditor
from tests.builders import CAMPAIGN, HASH
from tests.contracts.samples import sample


async def test_other_bytes_under_a_known_event_id_are_kept_as_evidence(auditor: Auditor) -> None:
    batch = records()
    await auditor.take(batch)
    await auditor.take([replace(batch[2], value=b'{"plan_version": 2}', offset=70)])
    assert await auditor.rows("SELECT 1 FROM dead_letter")


async def test_a_redelivery_is_counted(auditor: Auditor) -> None:
    before = DUPLICATES._value.get()
    await auditor.take([*records(), *records()])
    assert DUPLICATES._value.get() > before


@pytest.mark.parametrize("after", ["9" * 30, "-" + "9" * 30])
async def test_an_absurd_page_mark_is_refused(auditor: Auditor, after: str) -> None:
    assert (await auditor.get(f"/v1/campaigns/{CAMPAIGN}/records?after={after}")).status_code == 400


@pytest.mark.parametrize("role", ["marketer", "operator", "viewer"])
async def test_records_are_for_auditors_and_approvers(auditor: Auditor, role: str) -> None:
    assert (await auditor.get(f"/v1/campaigns/{CAMPAIGN}/records", role)).status_code == 403


async def test_a_checkpoint_names_no_cause_that_has_no_record(auditor: Auditor) -> None:
    await auditor.take(records())
    await sign_all(auditor.db)
    [seal] = await auditor.said()
    assert "ce_causationid" not in dict(seal.headers)


async def test_a_large_send_is_counted_whole(auditor: Auditor) -> None:
    await auditor.take(records())
    more = [record(fact_of(effects(number, 1), number), 1000 + number) for number in range(100, 2150)]
    await auditor.take(more)
    told = (await auditor.get(f"/v1/decisions/{DECISION}/explanation")).json()
    assert told["tool"]["effects"]["succeeded"] == 3 + len(more)


@pytest.mark.parametrize("kind", [ActionUncertain, TriggerFired, CampaignHalted])
async def test_what_went_wrong_with_a_send_is_part_of_what_came_of_it(auditor: Auditor, kind: type) -> None:
    event = sample(kind).model_copy(update={"decision_id": DECISION} if kind is not CampaignHalted else {})
    raw = record(fact_of(event, 40), 40)
    await auditor.take([*records(), raw])
    told = (await auditor.get(f"/v1/decisions/{DECISION}/explanation")).text
    assert str(fact_of(event, 40).meta.event_id) in told


@pytest.mark.parametrize("kind", ["plan.issued", "campaign.launched", "case.opened"])
async def test_plan_case_and_launch_are_named_by_record(auditor: Auditor, kind: str) -> None:
    await auditor.take(records())
    [row] = await auditor.rows("SELECT event_id FROM record WHERE type = $1", f"io.handrail.{kind}.v1")
    told = (await auditor.get(f"/v1/decisions/{DECISION}/explanation")).text
    assert HASH in told and str(row["event_id"]) in told


async def test_an_idle_chain_has_no_lag(auditor: Auditor) -> None:
    await auditor.take(records())
    await auditor.rows("ALTER TABLE record DISABLE TRIGGER append_only")
    await auditor.rows("UPDATE record SET stored_at = stored_at - interval '1 hour'")
    LAG.set(0)
    for measure in auditor.parts.measures:
        await measure()
    assert LAG._value.get() < 60


def test_verifications_are_counted() -> None:
    from prometheus_client import REGISTRY

    import audit.app

    assert audit.app and REGISTRY.get_sample_value("handrail_audit_verifications_total", {"result": "ok"}) is not None
