"""Plans at hand: those met last, and no more than fit."""

from typing import Any
from uuid import uuid4

import pytest

from chassis import plans
from chassis.decision import Key
from chassis.plans import KEPT, Plans
from contracts.briefing import PlanIssued
from contracts.event import CampaignId
from tests.builders import TENANT, plan_issued
from tests.conftest import MakeDb


async def test_a_plan_that_is_met_again_and_again_stays_at_hand_and_others_make_room(db_for: MakeDb) -> None:
    db, loaded = await db_for("chassis"), Plans()
    keys = [Key(TENANT, CampaignId(uuid4())) for _ in range(KEPT + 2)]
    async with db.pool.acquire() as conn:
        for key in keys:
            await plans.save(conn, key, plan_issued())

        async def loaded_plan(key: Key) -> PlanIssued:
            return (await loaded.load(conn, [key]))[key][1]

        busy, quiet = await loaded_plan(keys[0]), await loaded_plan(keys[1])
        for key in keys[2:]:
            await loaded_plan(key)
            assert await loaded_plan(keys[0]) is busy
        assert await loaded_plan(keys[1]) is not quiet


async def test_a_plan_may_lose_its_place_while_others_are_read(db_for: MakeDb, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several transactions read at once, and each of them makes room."""
    monkeypatch.setattr(plans, "KEPT", 1)
    db, loaded = await db_for("chassis"), Plans()
    key, other = (Key(TENANT, CampaignId(uuid4())) for _ in range(2))
    async with db.pool.acquire() as conn:
        for one in (key, other):
            await plans.save(conn, one, plan_issued())
        kept = (await loaded.load(conn, [key]))[key]

        class Meanwhile:
            async def fetch(self, *arguments: Any) -> Any:
                await loaded.load(conn, [other])
                return await conn.fetch(*arguments)

        found: Any = Meanwhile()
        assert (await loaded.load(found, [key]))[key][1] is kept[1]
