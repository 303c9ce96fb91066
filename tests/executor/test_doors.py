"""The doors for people: who may ask what, and what a wrong request is told."""

from typing import Any
from uuid import uuid4

import pytest

from contracts.actions import ActionProposed
from contracts.executor import AudienceImported, CampaignFinished, CampaignHalted, ChecklistItemWaived
from tests.builders import CAMPAIGN, brief, plan_issued
from tests.executor.conftest import House, people
from tests.executor.test_audience import row, table

ONE = f"/v1/campaigns/{CAMPAIGN}"
AUDIENCE = "/v1/audiences/webinar-registrants"
LEAD = ("marketing_lead",)


def small(recipients: int = 40) -> Any:
    """A plan for a small audience."""
    audience = brief().audience.model_copy(update={"size_estimate": recipients})
    return plan_issued(brief_=brief(audience=audience))


async def proposed(house: House, recipients: int = 40) -> ActionProposed:
    """A campaign up to its proposal."""
    await house.with_audience(*people(recipients))
    await house.hear(small(recipients))
    await house.work()
    found: ActionProposed = await house.last(ActionProposed)
    return found


async def test_a_list_goes_in_and_is_said_without_an_address(house: House) -> None:
    answer = await house.ask("PUT", AUDIENCE, table(row(), row(email="kai@stark.example", consent="no")))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["audience"], body["contacts"], body["with_consent"]) == ("webinar-registrants", 2, 1)
    event = await house.last(AudienceImported)
    assert (event.contacts, event.actor, event.content_hash) == (2, "maya", body["content_hash"])
    assert "stark" not in event.model_dump_json()
    shown = await house.ask("GET", AUDIENCE)
    assert shown.json()["content_hash"] == body["content_hash"]


async def test_a_bad_list_is_answered_with_every_error_and_nothing_is_kept(house: House) -> None:
    answer = await house.ask("PUT", AUDIENCE, table(row(status="x"), row(email="kai", timezone="Berlin")))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    errors = [(one["line"], one["column"]) for one in answer.json()["errors"]]
    assert [(str(line), column) for line, column in errors] == [("2", "status"), ("3", "email"), ("3", "timezone")]
    assert all(one["problem"] and one["fix"] for one in answer.json()["errors"])
    for name in ("audience", "contact", "consent", "audience_member", "event_log"):
        assert await house.db.pool.fetchval(f"SELECT count(*) FROM {name}") == 0


async def test_a_list_that_is_too_long_is_refused_unread(house: House) -> None:
    answer = await house.ask("PUT", AUDIENCE, b"x" * (5 * 1024 * 1024 + 1))
    assert answer.status_code == 413


async def test_the_same_list_again_is_imported_once(house: House) -> None:
    for _ in range(2):
        answer = await house.ask("PUT", AUDIENCE, table(row()), key="same")
        assert answer.status_code == 200
    assert len(await house.said()) == 1


async def test_the_list_that_was_put_last_counts(house: House) -> None:
    one, two = table(row()), table(row(), row(email="kai@stark.example"))
    for raw in (one, two, one):
        assert (await house.ask("PUT", AUDIENCE, raw, key=None)).status_code == 200
    assert await house.db.pool.fetchval("SELECT contacts FROM audience") == 1


async def test_another_list_under_a_used_key_stores_nothing(house: House) -> None:
    await house.ask("PUT", AUDIENCE, table(row()), key="same")
    answer = await house.ask("PUT", AUDIENCE, table(row(), row(email="kai@stark.example")), key="same")
    assert answer.status_code == 422
    assert await house.db.pool.fetchval("SELECT contacts FROM audience") == 1


async def test_a_name_of_an_audience_is_a_key(house: House) -> None:
    answer = await house.ask("PUT", "/v1/audiences/My%20List", table(row()))
    assert answer.status_code == 400
    assert await house.db.pool.fetchval("SELECT count(*) FROM audience") == 0


async def test_one_tenant_does_not_see_the_lists_of_another(house: House) -> None:
    await house.ask("PUT", AUDIENCE, table(row()))
    assert (await house.ask("GET", AUDIENCE, tenant="other")).status_code == 404
    assert (await house.ask("PUT", AUDIENCE, table(row()), tenant="other")).status_code == 403


DOORS = [
    ("PUT", AUDIENCE),
    ("GET", AUDIENCE),
    ("GET", "/v1/campaigns"),
    ("GET", ONE),
    ("POST", f"{ONE}/pause"),
    ("POST", f"{ONE}/cancel"),
    ("POST", f"{ONE}/resume"),
    ("POST", f"{ONE}/waivers"),
    ("GET", f"{ONE}/previews/{'ab' * 32}"),
    ("GET", f"{ONE}/previews/{'ab' * 32}/mail"),
    ("GET", "/v1/kill-switches"),
    ("PUT", "/v1/kill-switches/tenant"),
]


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_no_door_opens_without_a_token(house: House, method: str, path: str) -> None:
    answer = await house.http.request(method, path, content=b"{}")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_no_door_opens_to_a_stranger(house: House, method: str, path: str) -> None:
    answer = await house.ask(method, path, {"reason": "because"}, who="eve", roles=("guest",))
    assert answer.status_code == 403
    assert "needs one of" in answer.json()["fix"]


@pytest.mark.parametrize("door", ["waivers", "resume", "previews/" + "ab" * 32])
async def test_an_agent_neither_waives_nor_resumes_nor_reads_mails(house: House, door: str) -> None:
    method = "GET" if door.startswith("previews") else "POST"
    body = {"reason": "because"} if method == "POST" else None
    answer = await house.ask(method, f"{ONE}/{door}", body, who="planner-bot", roles=LEAD, kind="agent")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": 3}, "reason"),
        ({"reason": "x", "approved_by": "ana"}, "approved_by"),
        (b"{", "body"),
        (b'{"reason": "a", "reason": "b"}', "body"),
        (b"", "body"),
    ],
)
async def test_a_malformed_request_names_the_field_and_stores_nothing(house: House, body: object, field: str) -> None:
    await house.hear(small())
    before = len(await house.said())
    answer = await house.ask("POST", f"{ONE}/pause", body)
    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert answer.json()["fix"]
    assert len(await house.said()) == before


async def test_a_command_needs_a_key(house: House) -> None:
    await house.hear(small())
    answer = await house.ask("POST", f"{ONE}/pause", {"reason": "wrong price"}, key=None)
    assert (answer.status_code, answer.json()["field"]) == (400, "idempotency-key")


async def test_a_campaign_nobody_knows_is_a_404(house: House) -> None:
    for method, path in (("GET", ""), ("POST", "/pause"), ("POST", "/cancel")):
        body = {"reason": "x"} if method == "POST" else None
        answer = await house.ask(method, f"/v1/campaigns/{uuid4()}{path}", body)
        assert answer.status_code == 404, path
        assert answer.json()["fix"]


async def test_the_campaign_of_another_tenant_is_a_404(house: House) -> None:
    await house.hear(small())
    assert (await house.ask("GET", ONE, tenant="other")).status_code == 404
    assert (await house.ask("POST", f"{ONE}/cancel", {"reason": "x"}, tenant="other")).status_code == 404
    assert not [event for event in await house.said() if isinstance(event, CampaignFinished)]
    assert (await house.ask("GET", "/v1/campaigns", tenant="other")).json() == {"campaigns": []}


async def test_pausing_works_at_once_and_once(house: House) -> None:
    await house.hear(small())
    first = await house.ask("POST", f"{ONE}/pause", {"reason": "wrong price"}, key="p")
    again = await house.ask("POST", f"{ONE}/pause", {"reason": "wrong price"}, key="p")
    other = await house.ask("POST", f"{ONE}/pause", {"reason": "another"}, key="p")
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert first.json() == again.json()
    assert len([event for event in await house.said() if isinstance(event, CampaignHalted)]) == 1
    assert (await house.ask("GET", ONE)).json()["halted"] is True


async def test_what_is_refused_is_a_problem_with_a_fix(house: House) -> None:
    await house.hear(small())
    answer = await house.ask("POST", f"{ONE}/resume", {"reason": "go on"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["fix"]


async def test_a_campaign_shows_where_it_stands(house: House) -> None:
    proposal = await proposed(house)
    body = (await house.ask("GET", ONE)).json()
    assert (body["stage"], body["halted"], body["launched"], body["finished"]) == ("execution", False, False, None)
    assert body["steps"] == {
        "draft": "done", "check": "done", "render": "done", "approve": "open", "send": "open", "watch": "open",
        "close": "open",
    }  # fmt: skip
    assert {item["verdict"] for item in body["checklist"]} == {"pass"}
    assert body["audience"]["recipients"] == 40
    assert set(body["artefacts"]) == {"mail.attended", "mail.no_show"}
    assert body["artefacts"]["mail.attended"]["results"]
    shown = body["proposals"][str(proposal.decision_id)]
    assert (shown["state"], shown["option"]) == ("pending", "send")
    listed = (await house.ask("GET", "/v1/campaigns")).json()["campaigns"]
    assert [(one["campaign_id"], one["stage"]) for one in listed] == [(str(CAMPAIGN), "execution")]


async def test_a_campaign_shows_what_a_caller_needs_and_nothing_of_how_it_is_kept(house: House) -> None:
    await proposed(house)
    body = (await house.ask("GET", ONE)).json()
    assert set(body) == {
        "campaign_id", "name", "plan_version", "opens_at", "stage", "halted", "halt", "held", "launched", "finished",
        "steps", "artefacts", "audience", "checklist", "proposals", "sending", "effects",
    }  # fmt: skip
    assert set(body["artefacts"]["mail.attended"]) == {"name", "revision", "content_hash", "checked", "results"}
    [shown] = body["proposals"].values()
    assert set(shown) == {"state", "option", "title", "recipients", "content_hash"}
    assert set(body["audience"]) == {
        "members", "recipients", "without_consent", "suppressed", "excluded", "exclusions",
    }  # fmt: skip


async def test_a_halted_campaign_says_why_and_since_which_trigger(house: House) -> None:
    await house.hear(small())
    await house.ask("POST", f"{ONE}/pause", {"reason": "wrong price"})
    assert (await house.ask("GET", ONE)).json()["halt"] == {"because": "paused_by_person", "trigger_id": None}


async def test_a_failing_item_is_waived_by_name_and_the_send_is_proposed(house: House) -> None:
    await house.with_audience(*people(40))
    await house.hear(small(100))
    await house.work()
    assert not [event for event in await house.said() if isinstance(event, ActionProposed)]
    failing = [item["check"] for item in (await house.ask("GET", ONE)).json()["checklist"] if item["verdict"] == "fail"]
    assert failing == ["audience_segmentation"]
    body = {"item": "audience_segmentation", "reason": "the partner's list came late"}
    forbidden = await house.ask("POST", f"{ONE}/waivers", body)
    assert forbidden.status_code == 403
    answer = await house.ask("POST", f"{ONE}/waivers", body, who="leo", roles=LEAD)
    assert answer.status_code == 200
    waived = await house.last(ChecklistItemWaived)
    assert (waived.actor, waived.item) == ("leo", "audience_segmentation")
    await house.work()
    assert await house.last(ActionProposed)
    again = await house.ask("POST", f"{ONE}/waivers", body, who="leo", roles=LEAD)
    assert again.status_code == 409


async def test_a_waiver_of_what_the_law_asks_for_is_refused_and_says_so(house: House) -> None:
    await house.with_audience(*people(40, consent="no"))
    await house.hear(small())
    await house.work()
    body = {"item": "consent", "reason": "they will not mind"}
    answer = await house.ask("POST", f"{ONE}/waivers", body, who="leo", roles=LEAD)
    assert (answer.status_code, answer.json()["title"]) == (409, "never_waived")
    assert "the law" in answer.json()["fix"]
    assert not [event for event in await house.said() if isinstance(event, ChecklistItemWaived | ActionProposed)]


async def test_the_preview_is_the_mail_to_the_letter(house: House) -> None:
    proposal = await proposed(house)
    path = f"{ONE}/previews/{proposal.action.content_hash}"
    listed = (await house.ask("GET", path)).json()
    assert [(one["variant"], one["recipients"]) for one in listed["mails"]] == [
        ("mail.attended", 20),
        ("mail.no_show", 20),
    ]
    [sample, *_] = listed["mails"][0]["samples"]
    mail = (await house.ask("GET", f"{path}/mail?recipient={sample}", who="ana", roles=("campaign_approver",))).json()
    kept = await house.db.pool.fetchrow("SELECT subject, body_text, body_html, digest FROM mail"
                                        " WHERE recipient_hash = $1", sample)  # fmt: skip
    assert {name: mail[name] for name in kept.keys()} == dict(kept)  # noqa: SIM118 - a record iterates over values
    assert "Hello Zoe," in mail["body_text"]
    page = await house.ask("GET", f"{path}/mail?recipient={sample}&format=html")
    assert page.text == mail["body_html"]
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_a_preview_shows_no_address(house: House) -> None:
    proposal = await proposed(house)
    path = f"{ONE}/previews/{proposal.action.content_hash}"
    for end in ("", "/mail", "/mail?format=html"):
        assert "@stark.example" not in (await house.ask("GET", path + end)).text


async def test_what_nobody_proposed_has_no_preview(house: House) -> None:
    proposal = await proposed(house)
    assert (await house.ask("GET", f"{ONE}/previews/{'ab' * 32}")).status_code == 404
    other = f"{ONE}/previews/{proposal.action.content_hash}/mail?recipient={'ab' * 32}"
    assert (await house.ask("GET", other)).status_code == 404


async def test_a_viewer_sees_the_campaign_but_not_the_mails(house: House) -> None:
    proposal = await proposed(house)
    path = f"{ONE}/previews/{proposal.action.content_hash}"
    assert (await house.ask("GET", ONE, roles=("viewer",))).status_code == 200
    assert (await house.ask("GET", path, roles=("viewer",))).status_code == 403
