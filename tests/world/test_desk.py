"""The mail tools over HTTP: what each promises about a request that comes twice, and how each breaks its promise."""

import json
import smtplib
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from contracts.framing import digest
from handrail.keys import Keys
from tests.world.conftest import SENDERS_TOKEN, Running, outside, wait_for
from tests.world.mails import CAMPAIGN, HTML, SUBJECT, TEXT, effect_of, mail
from world.faults import Fault, Faults, rule

ANN = "ann@north.example"


TOOLS = ("mail_api", "journey", "esp")


def body(address: str, subject: str = SUBJECT) -> dict[str, object]:
    return {
        "from": "Acme Events <events@acme.example>",
        "to": address,
        "subject": subject,
        "text": TEXT,
        "html": HTML,
        "reference": effect_of(address),
        "headers": {
            "List-Unsubscribe": f"<https://mail.acme.example/u/{effect_of(address)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "metadata": {
            "tenant": "demo",
            "campaign_id": CAMPAIGN,
            "effect_id": effect_of(address),
            "recipient_hash": "ab" * 32,
        },
    }


class Sender:
    """Hands mail in at the doors, as a program would that knows what they speak."""

    def __init__(self, running: Running, token: str = SENDERS_TOKEN) -> None:
        headers = {"authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{running.api_port}", headers=headers, trust_env=False, timeout=2
        )

    def mail_api(self, address: str, subject: str = SUBJECT) -> httpx.Response:
        key = {"idempotency-key": effect_of(address)}
        return self._http.post("/mail_api/v1/mails", json=body(address, subject), headers=key)

    def journey(self, address: str, subject: str = SUBJECT) -> httpx.Response:
        return self._http.put(f"/journey/v1/messages/{effect_of(address)}", json=body(address, subject))

    def esp(self, address: str, subject: str = SUBJECT) -> httpx.Response:
        return self._http.post("/esp/v1/mails", json=body(address, subject))

    def search(self, address: str, tool: str = "esp") -> list[str]:
        answer = self._http.get(f"/{tool}/v1/mails", params={"reference": effect_of(address)})
        assert answer.is_success
        return [one["reference"] for one in answer.json()["mails"]]

    def close(self) -> None:
        self._http.close()

    def by(self, tool: str) -> Callable[[str], httpx.Response]:
        doors = {"mail_api": self.mail_api, "journey": self.journey, "esp": self.esp}
        return doors[tool]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, world_keys: Keys) -> Iterator[Running]:
    """One world for all tests that need no other: each has recipients of its own."""
    with outside(tmp_path_factory.mktemp("desk"), world_keys) as running:
        running.start_receiver()
        running.start_world("--index-delay", "2", "--late-seconds", "3", "--slow-seconds", "20")
        yield running


@pytest.fixture(scope="module")
def sender(shared: Running) -> Iterator[Sender]:
    found = Sender(shared)
    yield found
    found.close()


def taken(running: Running, address: str) -> Counter[object]:
    """Applied effects for one recipient, by tool."""
    return Counter(line["tool"] for line in running.lines() if line["recipient"] == address)


def test_a_mail_is_on_disk_with_what_it_said_before_the_sender_is_answered_and_a_crash_changes_nothing(
    running: Running,
) -> None:
    world = running.start_world()
    sender = Sender(running)
    before = {tool: sender.by(tool)(ANN) for tool in TOOLS}
    world.kill()
    world.wait()
    for tool, line in zip(TOOLS, running.lines(), strict=True):
        assert (before[tool].status_code, before[tool].json()["reference"]) == (200, effect_of(ANN))
        assert (line["tool"], line["reference"], line["recipient"]) == (tool, effect_of(ANN), ANN)
        assert line["digest"] == digest(SUBJECT, TEXT, HTML)
        assert (line["effect_id"], line["campaign_id"], line["one_click"]) == (effect_of(ANN), CAMPAIGN, True)
    running.start_world("--index-delay", "0")
    for tool in ("mail_api", "journey"):
        assert sender.by(tool)(ANN).json() == before[tool].json()
    assert sender.search(ANN) == [effect_of(ANN)]
    sender.close()
    assert taken(running, ANN) == dict.fromkeys(TOOLS, 1)


def test_the_same_key_sends_once_and_another_body_is_refused(shared: Running, sender: Sender) -> None:
    who = "key@north.example"
    first, again, other = sender.mail_api(who), sender.mail_api(who), sender.mail_api(who, "Another subject")
    assert first.json() == again.json()
    assert (other.status_code, other.json()) == (422, {"error": "key_reused"})
    assert taken(shared, who) == {"mail_api": 1}


def test_a_key_is_forgotten_after_its_lifetime(running: Running) -> None:
    running.start_world("--key-lifetime", "0")
    sender = Sender(running)
    assert sender.mail_api(ANN).json() != sender.mail_api(ANN).json()
    sender.close()
    assert taken(running, ANN) == {"mail_api": 2}


def test_an_external_id_makes_one_message_however_often_it_is_put(shared: Running, sender: Sender) -> None:
    who = "upsert@north.example"
    for subject in (SUBJECT, SUBJECT, "Another subject"):
        assert sender.journey(who, subject).is_success
    assert taken(shared, who) == {"journey": 1}
    assert shared.summary()["replaced"] == 2


def test_a_label_promises_nothing_but_can_be_searched_after_a_while(shared: Running, sender: Sender) -> None:
    who = "label@north.example"
    sender.esp(who)
    assert sender.search(who) == []
    wait_for(lambda: sender.search(who) == [effect_of(who)])
    sender.esp(who)
    assert taken(shared, who) == {"esp": 2}
    assert sender.search("bea@north.example") == []


def test_who_has_no_token_is_refused(shared: Running) -> None:
    stranger = Sender(shared, token="another")
    assert {stranger.by(tool)("stranger@north.example").status_code for tool in TOOLS} == {401}
    stranger.close()
    assert taken(shared, "stranger@north.example") == {}


def test_who_got_a_mail_through_any_door_reacts_and_the_provider_reports(shared: Running, sender: Sender) -> None:
    dead = {tool: f"{tool}@acme-legacy.example" for tool in TOOLS}
    for tool, who in dead.items():
        sender.by(tool)(who)
    shared.settle()
    calls = [call for call in shared.posted() if call.path == "/v1/hooks/sendgrid"]
    bounced = {one["email"] for call in calls for one in json.loads(call.body) if one["event"] == "bounce"}
    assert set(dead.values()) <= bounced


ANSWERS: dict[Fault, tuple[str, bool]] = {
    Fault.RESET_BEFORE: ("cut", False),
    Fault.RESET_AFTER: ("cut", True),
    Fault.EOF_BEFORE: ("cut", False),
    Fault.EOF_AFTER: ("cut", True),
    Fault.SLOW_BEFORE: ("slow", False),
    Fault.SLOW_AFTER: ("slow", True),
    Fault.ERROR_BEFORE: ("500", False),
    Fault.ERROR_AFTER: ("500", True),
    Fault.GARBAGE_BEFORE: ("garbage", False),
    Fault.GARBAGE_AFTER: ("garbage", True),
    Fault.WRONG_ID_BEFORE: ("another", False),
    Fault.WRONG_ID_AFTER: ("another", True),
    Fault.SILENT: ("200", False),
    Fault.LATE: ("cut", False),
    Fault.BUSY: ("429 in 1", False),
    Fault.UNAVAILABLE: ("503 in 1", False),
    Fault.REFUSED: ("422", False),
    Fault.LOCKED_OUT: ("401", False),
}


def said(ask: Callable[[str], httpx.Response], address: str) -> str:
    try:
        answer = ask(address)
    except httpx.TimeoutException:
        return "slow"
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        return "cut"
    if "json" not in answer.headers["content-type"]:
        return "garbage"
    if answer.is_success:
        return "200" if answer.json()["reference"] == effect_of(address) else "another"
    wait = answer.headers.get("retry-after")
    return f"{answer.status_code} in {wait}" if wait else str(answer.status_code)


@pytest.mark.parametrize("tool", TOOLS)
def test_each_fault_is_met_once_and_takes_the_mail_or_does_not(shared: Running, sender: Sender, tool: str) -> None:
    for fault, (answer, applied) in ANSWERS.items():
        address = f"{fault}+{tool}@simulator.example"
        assert said(sender.by(tool), address) == answer, fault
        assert taken(shared, address) == ({tool: 1} if applied else {}), fault
        if fault is not Fault.LATE:
            assert said(sender.by(tool), address) == "200", fault
    assert set(ANSWERS) == set(Fault)


def test_while_a_late_mail_is_on_its_way_a_repeat_is_told_so(shared: Running, sender: Sender) -> None:
    address = "late@simulator.example"
    assert said(sender.mail_api, address) == "cut"
    assert said(sender.mail_api, address) == "409 in 1"
    wait_for(lambda: said(sender.mail_api, address) == "200")
    assert taken(shared, address) == {"mail_api": 1}


def test_faults_by_rate_are_the_same_in_every_run() -> None:
    rules = [rule("mail_api:reset_after=0.2"), rule("*:busy=0.1x2")]
    people = [f"{n}@north.example" for n in range(2000)]

    def run(seed: int) -> list[Fault | None]:
        faults = Faults(seed, rules)
        return [faults.next("mail_api", effect_of(person), person) for person in people]

    assert run(3) == run(3) != run(4)
    seen = Counter(run(3))
    assert 320 < seen[Fault.RESET_AFTER] < 480
    assert 140 < seen[Fault.BUSY] < 260
    faults = Faults(3, rules)
    thrice = [[faults.next("journey", effect_of(person), person) for _ in range(3)] for person in people]
    assert {third for _, _, third in thrice} == {None}


@pytest.mark.parametrize("text", ["mail_api:reset_after", "mail_api:nonsense=0.1", "mail_api:busy=1.5", "busy=0.1"])
def test_a_rule_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is (not|none)"):
        rule(text)


def test_a_sender_that_smtp_does_not_want_is_told_before_anything_else(running: Running) -> None:
    running.start_world("--fault", "smtp:locked_out=1")
    with pytest.raises(smtplib.SMTPSenderRefused):
        running.send((ANN, mail(running.keys, ANN)))
    assert running.lines() == []


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.GARBAGE_AFTER, Fault.BUSY, Fault.REFUSED, Fault.SILENT])
def test_smtp_breaks_too(shared: Running, fault: Fault) -> None:
    address = f"{fault}@simulator.example"
    try:
        shared.send((address, mail(shared.keys, address)))
    except (smtplib.SMTPException, OSError):
        assert fault is not Fault.SILENT
    else:
        assert fault is Fault.SILENT
    assert taken(shared, address) == ({"smtp": 1} if fault.endswith("_after") else {})
