"""What a service answers becomes a value, or one clear complaint."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from handrail.client import Client, FieldProblem, Places, Refused, Unreachable
from handrail.local import environment, ports
from handrail.local.environment import SERVICES
from tests.cli.doors import Door, open_door

CAMPAIGN = UUID("11111111-1111-5111-8111-111111111111")


@pytest.fixture
def door() -> Iterator[Door]:
    with open_door() as opened:
        yield opened


@pytest.fixture
def handrail(door: Door) -> Iterator[Client]:
    with Client(Places(dict.fromkeys(SERVICES, door.url)), "the-token") as client:
        yield client


def refused_with(door: Door, status: int, body: object) -> None:
    door.status, door.kind = status, "application/problem+json"
    door.body = body if isinstance(body, bytes) else json.dumps(body).encode()


def test_a_problem_keeps_its_field_and_its_fix(door: Door, handrail: Client) -> None:
    refused_with(door, 403, {"title": "maya lacks the role", "field": "roles", "fix": "needs one of: operator"})
    with pytest.raises(Refused) as caught:
        handrail.pause(CAMPAIGN, "why not")
    assert caught.value.status == 403
    assert str(caught.value) == "maya lacks the role (roles): needs one of: operator"


def test_problems_of_a_brief_come_by_field(door: Door, handrail: Client) -> None:
    errors = [{"field": "goal", "problem": "vague", "fix": "name a number"}]
    refused_with(door, 422, {"title": "refused", "campaign_id": str(CAMPAIGN), "errors": errors})
    with pytest.raises(Refused) as caught:
        handrail.submit_brief("{}", "key")
    assert caught.value.errors == (FieldProblem("goal", "vague", "name a number"),)
    assert caught.value.campaign_id == str(CAMPAIGN)


def test_problems_of_a_contacts_file_come_by_line_and_column(door: Door, handrail: Client) -> None:
    errors = [{"line": "3", "column": "status", "problem": "'maybe'", "fix": "attended or no_show"}]
    refused_with(door, 422, {"title": "1 errors: nothing was imported", "errors": errors})
    with pytest.raises(Refused) as caught:
        handrail.upload_audience("people", b"email\n")
    assert caught.value.errors == (FieldProblem("line 3, status", "'maybe'", "attended or no_show"),)


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"[]", b""])
def test_a_refusal_that_is_no_problem_json_is_still_one_line(door: Door, handrail: Client, body: bytes) -> None:
    refused_with(door, 502, body)
    with pytest.raises(Refused, match="502 Bad Gateway"):
        handrail.case(CAMPAIGN)


@pytest.mark.parametrize("body", [b"{}", b"not json", b'{"cases": [{}]}'])
def test_an_answer_of_another_shape_names_the_service(door: Door, handrail: Client, body: bytes) -> None:
    door.body = body
    with pytest.raises(Unreachable, match="escalation answered what this client cannot read"):
        handrail.cases()


def test_a_service_that_is_away_is_named_with_its_address() -> None:
    [port] = ports.free(1)
    with Client(Places({"executor": f"http://127.0.0.1:{port}"}), "token") as client:
        with pytest.raises(Unreachable, match=f"executor does not answer at all at http://127.0.0.1:{port}"):
            client.campaign(CAMPAIGN)
        with pytest.raises(Unreachable, match="set HANDRAIL_AUDIT_URL"):
            list(client.export())


def test_each_command_carries_the_token_and_a_key_of_its_own(door: Door, handrail: Client) -> None:
    handrail.pause(CAMPAIGN, "once")
    handrail.pause(CAMPAIGN, "twice")
    keys = [headers["idempotency-key"] for _, _, headers, _ in door.asked]
    assert len(set(keys)) == 2
    assert {headers["authorization"] for _, _, headers, _ in door.asked} == {"Bearer the-token"}


def test_the_same_submission_has_the_same_key(door: Door, handrail: Client) -> None:
    door.body = json.dumps({"campaign_id": str(CAMPAIGN)}).encode()
    for _ in range(2):
        handrail.submit_brief("{}", "the-key")
    assert [headers["idempotency-key"] for _, _, headers, _ in door.asked] == ["the-key", "the-key"]


def test_events_are_published_as_one_batch(door: Door, handrail: Client) -> None:
    door.body = b'{"accepted": ["a", "b"]}'
    assert handrail.publish([{"id": "1"}, {"id": "2"}]).accepted == ("a", "b")
    [(method, path, headers, body)] = door.asked
    assert (method, path) == ("POST", "/v1/events")
    assert headers["content-type"] == "application/cloudevents-batch+json"
    assert json.loads(body) == [{"id": "1"}, {"id": "2"}]


def test_the_environment_says_where_a_service_is_before_the_home_does(tmp_path: Path) -> None:
    saved = {"monitor-0": {"MONITOR_HTTP_PORT": "20001"}, "tower-0": {"TOWER_HTTP_PORT": "20002"}}
    environment.save(tmp_path, saved)
    places = Places.found(tmp_path, {"HANDRAIL_MONITOR_URL": "https://monitor.example/"})
    assert places.of("monitor") == "https://monitor.example"
    assert places.of("tower") == "http://127.0.0.1:20002"
    with pytest.raises(Unreachable, match="nobody said where executor is"):
        places.of("executor")
