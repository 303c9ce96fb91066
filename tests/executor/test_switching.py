"""The kill switch: one person engages it at once, two release it, and each change is said or not made."""

import asyncio
from typing import Any

import asyncpg
import pytest

from chassis.decision import Decision
from contracts.executor import KillScope, KillSwitchChanged
from executor import kill_switch
from executor.commands import EngageKillSwitch, ReleaseKillSwitch
from executor.domain.state import Campaign, Reason
from executor.effects import SetSwitch, Shared, Switch
from tests.builders import CAMPAIGN, TENANT
from tests.executor.builders import Story, asked
from tests.executor.conftest import HERE, House
from tests.executor.test_doors import small

OFF = Switch(engaged=False, changed_by="executor", reason="the first state")
ON = Switch(engaged=True, changed_by="sam", reason="wrong price")
ASKED = Switch(engaged=True, changed_by="sam", reason="wrong price", release_by="sam")
SCOPES = {
    "global": "global",
    "tenant": f"tenant:{TENANT}",
    f"campaigns/{CAMPAIGN}": f"campaign:{TENANT}:{CAMPAIGN}",
}
OPERATOR = ("operator",)


def engage(who: str = "ana") -> EngageKillSwitch:
    return EngageKillSwitch(**asked(who), scope=KillScope.TENANT, reason="wrong link")


def release(who: str = "ana") -> ReleaseKillSwitch:
    return ReleaseKillSwitch(**asked(who), scope=KillScope.TENANT, reason="the link is right now")


def decided(known: Switch | None, command: EngageKillSwitch | ReleaseKillSwitch) -> Decision[Campaign, Shared]:
    return Story(switch=known).tell(command)


@pytest.mark.parametrize("known", [None, OFF, ASKED])
def test_one_person_engages_at_once_whatever_was_there(known: Switch | None) -> None:
    decision = decided(known, engage())
    assert decision.reason is Reason.KILL_SWITCH_ENGAGED
    assert decision.shared is not None
    assert decision.shared.changes == (SetSwitch(KillScope.TENANT, Switch(True, "ana", "wrong link")),)
    [event] = decision.events
    assert event == KillSwitchChanged(scope=KillScope.TENANT, engaged=True, actor="ana", reason="wrong link")


def test_what_is_engaged_is_not_engaged_again() -> None:
    decision = decided(ON, engage())
    assert (decision.reason, decision.events, decision.shared) == (Reason.ENGAGED_ALREADY, (), None)


@pytest.mark.parametrize(("known", "who"), [(ON, "ana"), (ON, "sam"), (ASKED, "sam")])
def test_the_first_of_two_only_asks(known: Switch, who: str) -> None:
    decision = decided(known, release(who))
    assert (decision.reason, decision.events) == (Reason.RELEASE_ASKED, ())
    assert decision.shared is not None
    [change] = decision.shared.changes
    assert change == SetSwitch(KillScope.TENANT, Switch(True, "sam", "wrong price", who))


def test_the_second_person_releases() -> None:
    decision = decided(ASKED, release("ana"))
    assert decision.reason is Reason.KILL_SWITCH_RELEASED
    assert decision.shared is not None
    assert decision.shared.changes == (SetSwitch(KillScope.TENANT, Switch(False, "ana", "the link is right now")),)
    assert [(event.engaged, event.actor) for event in decision.events if isinstance(event, KillSwitchChanged)] == [
        (False, "ana")
    ]


@pytest.mark.parametrize("known", [None, OFF])
def test_what_is_not_engaged_is_not_released(known: Switch | None) -> None:
    decision = decided(known, release())
    assert (decision.reason, decision.events, decision.shared) == (Reason.NOT_ENGAGED, (), None)


async def put(house: House, scope: str, engaged: bool, who: str = "sam", key: str = "") -> Any:
    body = {"engaged": engaged, "reason": "a test"}
    return await house.ask("PUT", f"/v1/kill-switches/{scope}", body, who=who, roles=OPERATOR, key=key)


async def engaged(house: House, scope: str) -> bool:
    return bool(await house.db.pool.fetchval("SELECT engaged FROM kill_switch WHERE scope = $1", SCOPES[scope]))


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_switch_whose_change_cannot_be_said_is_not_changed(house: House, scope: str) -> None:
    """The row and the event are one transaction: neither is there without the other."""
    await house.hear(small())
    await house.db.pool.execute("ALTER TABLE event_log ADD CONSTRAINT no_more CHECK (shard < 0) NOT VALID")
    with pytest.raises(asyncpg.CheckViolationError):
        await put(house, scope, True)
    assert not await engaged(house, scope)
    await house.db.pool.execute("ALTER TABLE event_log DROP CONSTRAINT no_more")
    assert (await put(house, scope, True)).status_code == 200
    assert await engaged(house, scope)


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_repeated_key_changes_and_says_it_once(house: House, scope: str) -> None:
    await house.hear(small())
    answers = [await put(house, scope, True, key="once") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert len([event for event in await house.said() if isinstance(event, KillSwitchChanged)]) == 1


async def test_a_repeated_request_to_release_is_not_the_second_persons(house: House) -> None:
    await put(house, "tenant", True)
    for _ in range(2):
        assert (await put(house, "tenant", False, key="again")).status_code == 202
    assert await engaged(house, "tenant")
    assert (await put(house, "tenant", False, "leo")).status_code == 200
    assert not await engaged(house, "tenant")


async def test_releasing_what_is_not_engaged_is_refused_with_a_fix(house: House) -> None:
    await house.hear(small())
    answer = await put(house, "tenant", False)
    assert (answer.status_code, answer.json()["title"]) == (409, "not_engaged")
    assert answer.json()["fix"]


SPOILT = {
    "parked": "INSERT INTO dead_letter (cluster_id, topic, partition, kafka_offset, headers, sha256, kind, reason, "
    f"tenant, campaign_id) VALUES ('c', 't', 0, 0, '{{}}', '', 'failing', 'why', 'demo', '{CAMPAIGN}')",
    "its state cannot be read": """UPDATE campaign_state SET body = '{"plan_version": "what"}'""",
    "its plan cannot be read": "UPDATE plan SET body = 'no json'",
}


@pytest.mark.parametrize("spoilt", SPOILT)
async def test_engaging_works_whatever_holds_the_campaign_up(house: House, spoilt: str) -> None:
    await house.hear(small())
    await house.db.pool.execute(SPOILT[spoilt])
    before = await house.db.pool.fetchval("SELECT body::text FROM campaign_state")
    assert (await put(house, f"campaigns/{CAMPAIGN}", True)).status_code == 200
    assert await engaged(house, f"campaigns/{CAMPAIGN}")
    assert await house.db.pool.fetchval("SELECT body::text FROM campaign_state") == before


async def test_a_parked_campaign_is_not_released(house: House) -> None:
    await house.hear(small())
    await put(house, f"campaigns/{CAMPAIGN}", True)
    await house.db.pool.execute(SPOILT["parked"])
    assert (await put(house, f"campaigns/{CAMPAIGN}", False)).status_code == 409


async def test_a_campaign_can_be_stopped_before_its_plan_arrives(house: House) -> None:
    await put(house, f"campaigns/{CAMPAIGN}", True)
    await house.hear(small())
    assert await engaged(house, f"campaigns/{CAMPAIGN}")


@pytest.mark.parametrize("scope", SCOPES)
async def test_the_guard_and_a_person_who_engages_never_lock_each_other_out(house: House, scope: str) -> None:
    """The guard locks campaign, then switches; a person's command never takes them the other way round."""
    await house.hear(small())

    async def guarding() -> None:
        for _ in range(20):
            async with house.db.transaction() as tx:
                await tx.lock([HERE])
                await kill_switch.engaged(tx.conn, HERE)

    async def engaging(who: str) -> None:
        for n in range(10):
            await put(house, scope, True, who)
            await put(house, scope, False, who)
            await put(house, scope, False, f"{who}{n}")

    await asyncio.wait_for(asyncio.gather(guarding(), engaging("sam"), guarding(), engaging("leo")), 60)
