"""The command line: help, tokens, and one clear line for whatever goes wrong."""

import json
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from handrail import keys
from handrail.local import environment
from tests.cli.command import handrail
from tests.cli.doors import open_door

DECISION = "11111111-1111-5111-8111-111111111111"
COMMANDS = (
    "up", "down", "status", "logs", "run", "migrate", "keys", "dev", "audience", "brief", "campaign", "case", "people",
    "explain", "audit", "kill", "dead-letters", "events", "demo", "replay",
    "recover",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keys.init(tmp_path / "keys")
    return tmp_path


def test_help_names_every_command(tmp_path: Path) -> None:
    ran = handrail("--help", home=tmp_path)
    assert ran.code == 0
    assert [name for name in COMMANDS if f" {name} " not in ran.out] == []


def test_help_loads_nothing_that_is_slow() -> None:
    slow = "{'httpx', 'pydantic', 'asyncpg', 'aiokafka', 'cryptography', 'docker', 'yaml'}"
    code = f"import sys, handrail.cli; print(sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "nothing"), 2, "there is no service 'nothing': it is one of briefing, executor"),
        (("status",), 1, "start it with `handrail up`"),
        (("logs",), 2, "no logs in"),
        (("logs", "tower"), 2, "no logs in"),
        (("migrate", "monitor"), 2, "no database for monitor: set MONITOR_DSN"),
        (("dead-letters", "list", "monitor"), 3, "nobody said where monitor's database is"),
        (("dead-letters", "list", "nothing"), 2, "there is no service 'nothing'"),
        (("replay", "--service", "nothing"), 2, "there is no service 'nothing'"),
        (("replay", "--service", "monitor"), 3, "nobody said where monitor's database is"),
        (("recover", "--service", "nothing"), 2, "there is no service 'nothing'"),
        (("dev", "backup", "monitor", "file"), 3, "no database of 'monitor'"),
        (("dev", "restore", "monitor", "nowhere"), 2, "there is no file nowhere"),
        (("dev", "stop"), 3, "nothing was started in"),
        (("dev", "start", "tower"), 3, "nothing was started in"),
        (("dev", "new-kafka"), 3, "no Kafka of"),
        (("explain", DECISION), 3, "nobody said where audit is"),
        (("case", "list"), 3, "nobody said where escalation is"),
        (("case", "approve", "1"), 2, "say who decides, by --token or HANDRAIL_TOKEN: locally --as ana or leo"),
        (("case", "list", "--as", "nobody"), 2, "nobody is called 'nobody': there are maya"),
        (("case", "settle", "1", "perhaps"), 2, "'perhaps' is neither applied nor not_applied"),
        (("kill", "engage", "everything", "--reason", "x"), 2, "'everything' is no scope"),
        (("brief", "submit", "nowhere.yaml"), 2, "nowhere.yaml: No such file or directory"),
        (("audience", "upload", "name", "nowhere.csv"), 2, "nowhere.csv: No such file or directory"),
        (("audit", "verify", "nowhere", "--keys", "nowhere"), 2, "there is no file nowhere"),
        (("events", "publish", "nowhere.json"), 2, "nowhere.json: No such file"),
        (("up", "--organisation", "nowhere"), 2, "there is no file nowhere"),
        (("up", "--smtp", "nowhere"), 2, "'nowhere' is not HOST:PORT"),
        (("up", "--smtp", "mail.example:25"), 2, "real mail needs --public-url"),
    ],
)
def test_what_goes_wrong_is_one_clear_line(home: Path, words: tuple[str, ...], code: int, said: str) -> None:
    ran = handrail(*words, home=home)
    assert said in ran.err
    assert ran.err.startswith("error ")
    assert ran.err.count("\n") == 1
    assert ran.code == code


def test_without_keys_nobody_can_speak(tmp_path: Path) -> None:
    ran = handrail("dev", "token", "--role", "marketer", home=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "there is no issuer" in ran.err


def claims(home: Path, *words: str) -> dict[str, object]:
    ran = handrail("dev", "token", *words, home=home)
    assert ran.code == 0, ran.err
    [key] = jwt.PyJWKSet.from_dict(json.loads((home / "keys" / "jwks.json").read_text())).keys
    found: dict[str, object] = jwt.decode(
        ran.out.strip(), key=key, algorithms=["EdDSA"], audience=keys.AUDIENCE, issuer=keys.ISSUER
    )
    return found


def test_a_token_is_for_somebody_of_the_directory_with_the_role(home: Path) -> None:
    found = claims(home, "--role", "campaign_approver")
    assert (found["sub"], found["roles"], found["kind"]) == ("ana", ["campaign_approver"], "human")


def test_a_token_can_be_for_a_system(home: Path) -> None:
    found = claims(home, "--role", "publisher", "--subject", "crm", "--agent")
    assert (found["sub"], found["roles"], found["kind"]) == ("crm", ["publisher"], "agent")


def test_the_directory_of_the_running_system_counts(home: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("people: [{subject: zoe, roles: [campaign_approver]}]\n")
    environment.save(home, {"escalation-0": {"ESCALATION_PEOPLE": str(people)}})
    assert claims(home, "--role", "campaign_approver")["sub"] == "zoe"
    assert "locally --as zoe" in handrail("case", "approve", "1", home=home).err


def test_keys_are_made_once(tmp_path: Path) -> None:
    first = handrail("keys", "init", str(tmp_path / "made"), home=tmp_path)
    assert "created" in first.out
    again = handrail("keys", "init", str(tmp_path / "made"), home=tmp_path)
    assert again.code == 0
    assert "created" not in again.out


def test_a_refusal_of_a_service_is_told_with_its_fix(home: Path) -> None:
    with open_door() as door:
        door.status = 403
        door.body = b'{"title": "own_work", "fix": "somebody else than the plan\'s author must decide"}'
        ran = handrail("case", "list", home=home, HANDRAIL_ESCALATION_URL=door.url)
    assert ran.code == 1
    assert ran.err == "error own work: somebody else than the plan's author must decide\n"


def test_problems_of_a_brief_are_listed_by_field(home: Path, repository: Path) -> None:
    vague = repository / "examples" / "webinar-follow-up" / "vague.yaml"
    errors = [{"field": "goal", "problem": "vague", "fix": "how many of what by when"}]
    with open_door() as door:
        door.status = 422
        door.body = json.dumps({"title": "refused", "errors": errors, "campaign_id": DECISION}).encode()
        ran = handrail("brief", "submit", str(vague), home=home, HANDRAIL_BRIEFING_URL=door.url)
    assert ran.code == 1
    assert "goal" in ran.out
    assert "vague: how many of what by when" in ran.out


@pytest.mark.parametrize(
    "text", ['{"id": "1"}', '[{"id": "1"}]', '{"id": "1"}\n\n{"id": "2"}\n'], ids=["one", "array", "lines"]
)
def test_events_come_alone_as_an_array_or_by_line(home: Path, text: str) -> None:
    file = home / "events.json"
    file.write_text(text)
    with open_door() as door:
        door.body = b'{"accepted": ["a"]}'
        ran = handrail("events", "publish", str(file), home=home, HANDRAIL_MONITOR_URL=door.url)
    assert ran.code == 0, ran.err
    [(_, _, _, body)] = door.asked
    assert [event["id"] for event in json.loads(body)] == [str(n + 1) for n in range(text.count("id"))]


def test_an_export_is_there_whole_or_not_at_all(home: Path) -> None:
    target = home / "export.jsonl"
    with open_door() as door:
        door.body = b'{"seq": 1}\n{"seq": 2}\n'
        ran = handrail("audit", "export", str(target), home=home, HANDRAIL_AUDIT_URL=door.url)
        assert ran.out == f"2 records in {target}\n"
        assert target.read_bytes() == door.body
        door.status, door.body = 403, b'{"title": "sam lacks the role"}'
        other = home / "other.jsonl"
        assert handrail("audit", "export", str(other), home=home, HANDRAIL_AUDIT_URL=door.url).code == 1
    assert not other.exists()


def test_an_uploaded_list_names_the_campaigns_that_may_wait_for_it(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text("email\n")
    taken = {"audience": "people", "contacts": 600, "with_consent": 588, "content_hash": "ab" * 32}
    with open_door() as door:
        door.body = json.dumps({**taken, "waiting": [DECISION]}).encode()
        ran = handrail("audience", "upload", "people", str(file), home=home, HANDRAIL_EXECUTOR_URL=door.url)
    assert (ran.code, door.asked[0][:2], door.asked[0][3]) == (0, ("PUT", "/v1/audiences/people"), b"email\n")
    assert "600 contacts, 588 with consent" in ran.out
    assert f"handrail campaign status {DECISION}" in ran.out
