"""The webinar follow-up, whole: judged by the world's own ledger and by what anybody can read over the doors."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from contracts.codec import encode
from contracts.decision import Action, Approver, ApproverKind, Stage
from contracts.escalation import ActionCleared
from contracts.event import CampaignId, Event, Fact
from handrail.verify import verify_file
from tests.builders import meta
from tests.system.running import DEAD_DOMAIN, WHY, Json, Running, contacts, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(280)]


def test_a_webinar_follow_up_from_brief_to_verified_outcome(system: Running, tmp_path: Path) -> None:
    campaign = system.submit()
    asked = system.case(campaign, "approval")
    option = asked["options"][0]
    assert (option["recipients"], asked["because"]) == (588, "novelty")

    body = {"decision_id": option["decision_id"], "content_hash": option["content_hash"], "choice": "approve"}
    door = f"/v1/cases/{asked['case_id']}/decisions"
    agent = system.token("planner-bot", "campaign_approver", kind="agent")
    assert system.post("escalation", door, body, agent).status_code == 403
    assert system.post("escalation", door, {**body, "approved_by": "ana"}, system.ana).status_code == 400
    changed = {**body, "content_hash": "0" * 64}
    assert system.post("escalation", door, changed, system.ana).status_code == 409
    assert system.mails(campaign) == []

    system.choose(asked, "send")
    trigger = system.case(campaign, "trigger", options=3)
    assert DEAD_DOMAIN in trigger["finding"]
    halted = system.campaign(campaign)
    assert halted["halted"]
    assert halted["stage"] == "escalation"
    no_reason = {**body, **chosen(trigger, "resume_without_domain"), "reason": None}
    trigger_door = f"/v1/cases/{trigger['case_id']}/decisions"
    assert system.post("escalation", trigger_door, no_reason, system.ana).status_code == 422

    system.choose(trigger, "resume_without_domain", WHY)
    closed = system.until_stage(campaign, "closed")
    assert closed["finished"] == "completed"

    mails = system.mails(campaign)
    assert set(Counter(mail["recipient"] for mail in mails).values()) == {1}
    dead = sum(mail["recipient"].endswith(DEAD_DOMAIN) for mail in mails)
    assert 12 < dead <= 30  # those of the first wave that had left when the campaign halted
    assert len(mails) - dead == 588 - 45
    assert all(mail["dkim"] for mail in mails)
    digests = approved_digests(system, campaign, option)
    assert {mail["digest"] for mail in mails} >= digests

    results = until(lambda: settled(system, campaign), "every clock is settled", 20)
    assert results["outcome"] == "verified"
    assert results["counted"] >= 20
    assert {clock["state"] for clock in results["clocks"]} <= {"met", "breached"}
    assert results["totals"]["bounced_hard"] >= dead

    resumed = chosen(trigger, "resume_without_domain")["decision_id"]
    why = system.get("audit", f"/v1/decisions/{resumed}/explanation")
    assert why["saw"]["trigger"]["evidence"][0]["value"] == DEAD_DOMAIN
    assert [said["approver"]["subject"] for said in why["approvals"] if "approver" in said] == ["ana"]
    assert why["ruling"][0]["signature"] == "valid"
    verified(system, tmp_path)
    for service in ("briefing", "executor", "monitor", "escalation", "audit", "tower"):
        scraped = system.http.get(f"{system.url(service)}/metrics").text
        assert "handrail_dead_letters_pending 0.0" in scraped
        assert "handrail_retention_seconds 2.592e+06" in scraped


def test_every_service_is_killed_once_and_the_story_still_ends(system: Running) -> None:
    campaign = system.submit("killed", contacts("killed"))
    system.kill("briefing")
    system.kill("audit")
    asked = system.case(campaign, "approval", seconds=90)
    system.kill("escalation")
    until(lambda: approved(system, asked), "the approval is taken", 60)
    until(lambda: len(system.mails(campaign)) > 60 or None, "mails leave", 60)
    system.kill("executor")
    until(lambda: len(system.mails(campaign)) > 120 or None, "mails go on", 90)
    system.kill("monitor")
    system.kill("tower")
    trigger = system.case(campaign, "trigger", options=3, seconds=90)
    system.choose(trigger, "resume_without_domain", WHY)
    closed = system.until_stage(campaign, "closed", seconds=150)

    mails = system.mails(campaign)
    per_person = Counter(mail["recipient"] for mail in mails)
    assert max(per_person.values()) == 1
    eligible = 588 - 45
    healthy = sum(not person.endswith(DEAD_DOMAIN) for person in per_person)
    uncertain = sum(states.get("unknown", 0) for states in closed["effects"].values())
    assert healthy <= eligible <= healthy + uncertain
    assert sum(states.get("planned", 0) + states.get("dispatched", 0) for states in closed["effects"].values()) == 0


def test_broken_and_forged_records_change_nothing_and_the_stream_flows(system: Running) -> None:
    asyncio.run(_send_raw(system, "inbound.engagement.v1", b"{broken \xff"))
    until(lambda: dead_letters(system, "monitor") or None, "a dead letter", 30)
    campaign = system.submit("after-poison", contacts("poison", 500))
    option = system.case(campaign, "approval")["options"][0]
    publish(system, forge(campaign, option))
    refused = until(lambda: refusals(system, option), "the forged grant is refused and recorded", 30)
    assert refused == ["signature_missing"]
    assert system.mails(campaign) == []
    answer = system.post("executor", f"/v1/campaigns/{campaign}/cancel", {"reason": "only a test"}, system.maya)
    assert answer.status_code == 200
    assert system.until_stage(campaign, "closed")["finished"] == "cancelled"


def chosen(case: Json, name: str) -> Json:
    option = next(one for one in case["options"] if one["chosen"] == name)
    return {"decision_id": option["decision_id"], "content_hash": option["content_hash"]}


def settled(system: Running, campaign: str) -> Json | None:
    found = system.get("monitor", f"/v1/campaigns/{campaign}")
    return found if all(clock["state"] != "running" for clock in found["clocks"]) else None


def approved(system: Running, case: Json) -> bool | None:
    return system.choose(case, "send").status_code == 200 or None


def approved_digests(system: Running, campaign: str, option: Json) -> set[str]:
    """Digests of a few approved mails, from the executor's preview."""
    path = f"/v1/campaigns/{campaign}/previews/{option['content_hash']}"
    samples = [one for mail in system.get("executor", path, system.ana)["mails"] for one in mail["samples"]]
    return {system.get("executor", f"{path}/mail?recipient={one}", system.ana)["digest"] for one in samples[:2]}


def dead_letters(system: Running, service: str) -> bool:
    text = system.http.get(f"{system.url(service)}/metrics").text
    return "handrail_dead_letters_pending 0.0" not in text


def forge(campaign: str, option: Json) -> Fact[Event]:
    """A grant over exactly what was proposed, that nobody signed."""
    about = meta(CampaignId(UUID(campaign)))
    action = Action(
        tool=option["tool"], verb=option["verb"], action_class="publish", target=option["target"],
        params_hash="0" * 64, content_hash=option["content_hash"], answers=None,
    )  # fmt: skip
    grant = ActionCleared(
        grant_id=uuid4(), decision_id=UUID(option["decision_id"]), plan_version=1, plan_hash="0" * 64,
        policy_hash="0" * 64, content_hash=option["content_hash"], action=action,
        approvers=(Approver(kind=ApproverKind.HUMAN, subject="ana", role="campaign_approver", at=about.occurred_at),),
        case_id=None, granted_at=about.occurred_at, expires_at=about.occurred_at + timedelta(days=9000),
        stages=(Stage(stage="forged", verdict="cleared", inputs=("none",)),),
    )  # fmt: skip
    return Fact(about, grant)


def refusals(system: Running, option: Json) -> list[str] | None:
    found = system.get("audit", f"/v1/decisions/{option['decision_id']}/explanation")["refused"]
    return [one["because"] for one in found] or None


def publish(system: Running, fact: Fact[Event]) -> None:
    headers, value = encode(fact)
    key = fact.event.key(fact.meta)
    asyncio.run(_send(system, fact.event.topic, key, headers, value))


async def _send_raw(system: Running, topic: str, value: bytes) -> None:
    await _send(system, topic, b"no-campaign", [("ce_specversion", b"1.0"), ("ce_type", b"who.knows")], value)


async def _send(system: Running, topic: str, key: bytes, headers: list[tuple[str, bytes]], value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=system.system.infrastructure.kafka) as producer:
        await producer.send_and_wait(topic, value, key=key, headers=headers)


def verified(system: Running, folder: Path) -> None:
    """The export verifies; with one byte changed in a copy, the record is named."""
    export = folder / "audit.jsonl"
    export.write_bytes(system.http.get(f"{system.url('audit')}/v1/export", headers=dict(system.sam)).content)
    report = verify_file(export, system.system.keys.signature_keys)
    assert report.ok, str(report)
    lines = export.read_text().splitlines()
    entry = json.loads(lines[100])
    first, second = entry["value"][:2]
    entry["value"] = ("B" if first != "B" else "C") + second + entry["value"][2:]
    lines[100] = json.dumps(entry)
    export.write_text("\n".join(lines) + "\n")
    tampered = verify_file(export, system.system.keys.signature_keys)
    assert not tampered.ok
    assert "record 101" in str(tampered)
