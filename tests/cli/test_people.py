"""`handrail people`: who can be asked, and what is missing before somebody finds out."""

import json
from pathlib import Path

import pytest

from handrail.keys import init
from tests.cli.command import handrail
from tests.cli.doors import open_door


@pytest.fixture
def home(tmp_path: Path) -> Path:
    init(tmp_path / "keys")
    return tmp_path


def test_the_directory_says_who_is_there(home: Path) -> None:
    ana = {
        "subject": "ana", "roles": ["campaign_approver"], "channels": ["inbox", "mail"], "on_call": True,
        "absent": False, "back_at": None, "requests_this_hour": 3,
    }  # fmt: skip
    with open_door() as door:
        door.body = json.dumps({"people": [ana, ana | {"subject": "leo", "absent": True}], "roles": []}).encode()
        ran = handrail("people", "list", home=home, HANDRAIL_ESCALATION_URL=door.url)
    assert ran.code == 0
    [_, first, second] = ran.out.splitlines()
    assert first.split() == ["ana", "campaign_approver", "inbox,", "mail", "on", "call", "3"]
    assert "away" in second
    assert [asked[1] for asked in door.asked] == ["/v1/directory"]


def test_the_examples_people_reach_everybody(home: Path) -> None:
    ran = handrail("people", "check", home=home)
    assert (ran.code, ran.out) == (0, "every question reaches somebody, and a backup\n")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("people: [{subject: ana, roles: [campaign_approver]}]", 1, "nobody is marketing_lead"),
        ("people: [{subject: ana, roles: [campaign_approver], abscent: true}]", 2, "people.0.abscent"),
    ],
)
def test_a_role_without_a_holder_fails_the_check(home: Path, text: str, code: int, said: str) -> None:
    people = home / "people.yaml"
    people.write_text(text)
    ran = handrail("people", "check", "--people", str(people), home=home)
    assert ran.code == code
    assert said in ran.err
