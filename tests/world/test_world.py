"""The world as its own process: what it takes, keeps and reports."""

import base64
import json
import signal

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from contracts.catalogue import BY_TYPE
from contracts.codec import read
from contracts.framing import digest
from contracts.inbound import ContactEvent, ContactEventReported
from tests.world.conftest import Posted, Running, wait_for
from tests.world.mails import CAMPAIGN, HTML, SUBJECT, TEXT, effect_of, mail
from world.people import Does, reactions

MANY = [f"person{number}@{domain}.example" for number in range(30) for domain in ("north", "south")]
DEAD = [f"person{number}@acme-legacy.example" for number in range(5)]


def send(running: Running, *addresses: str) -> None:
    running.send(*((address, mail(running.keys, address)) for address in addresses))


def reports(running: Running) -> list[dict[str, object]]:
    """Every report of the mail provider, in the order of arrival; the signature of each call was checked."""
    found: list[dict[str, object]] = []
    for call in running.posted():
        if call.path == "/v1/hooks/sendgrid":
            verify(running, call)
            found += json.loads(call.body)
    return found


def verify(running: Running, call: Posted) -> None:
    key = load_der_public_key(base64.b64decode(running.keys.sendgrid_public.read_text()))
    assert isinstance(key, EllipticCurvePublicKey)
    signature = base64.b64decode(call.headers["x-twilio-email-event-webhook-signature"])
    signed = call.headers["x-twilio-email-event-webhook-timestamp"].encode() + call.body.encode()
    key.verify(signature, signed, ECDSA(SHA256()))


def expected(address: str, does: Does) -> bool:
    return any(one.does is does for one in reactions(7, address, {"acme-legacy.example"}))


def test_a_mail_is_on_disk_with_what_it_said_before_the_sender_is_answered(running: Running) -> None:
    world = running.start_world()
    send(running, "ann@north.example")
    world.kill()
    [line] = running.lines()
    assert line["recipient"] == "ann@north.example"
    assert line["effect_id"] == effect_of("ann@north.example")
    assert line["digest"] == digest(SUBJECT, TEXT, HTML)
    assert (line["number"], line["dkim"], line["one_click"], line["campaign_id"]) == (1, True, True, CAMPAIGN)


def test_a_ledger_goes_on_after_a_crash_and_drops_a_line_that_was_cut(running: Running) -> None:
    world = running.start_world()
    send(running, "ann@north.example", "bea@north.example")
    world.kill()
    world.wait()
    with running.ledger.open("a") as ledger:
        ledger.write('{"number": 3, "recipient": "nob')
    running.start_world()
    send(running, "ann@north.example")
    assert [line["number"] for line in running.lines()] == [1, 2, 3]
    summary = running.summary()
    assert (summary["mails"], summary["recipients"], summary["most_mails_to_one_recipient"]) == (3, 2, 2)


def test_one_character_changed_after_signing_is_seen_and_the_mail_blocked(running: Running) -> None:
    running.start_receiver()
    running.start_world()
    raw = mail(running.keys, "ann@north.example").replace(b"Subject: ", b"Subject: x", 1)
    running.send(("ann@north.example", raw))
    running.settle()
    assert [line["dkim"] for line in running.lines()] == [False]
    assert {report["type"] for report in reports(running)} == {"blocked"}


def test_headers_of_one_click_count_only_when_they_are_signed(running: Running) -> None:
    running.start_world()
    raw = mail(running.keys, "ann@north.example")
    running.send(("ann@north.example", raw.replace(b" : list-unsubscribe-post", b"", 1)))
    assert [line["one_click"] for line in running.lines()] == [False]


def test_reports_are_signed_and_say_what_the_seed_says(running: Running) -> None:
    running.start_receiver()
    running.start_world()
    send(running, *MANY, *DEAD)
    running.settle()
    found = reports(running)
    kinds = {"delivered": Does.RECEIVES, "bounce": Does.BOUNCES, "click": Does.CLICKS, "spamreport": Does.COMPLAINS}
    for kind, does in kinds.items():
        said = {report["email"] for report in found if report["event"] == kind and report.get("type") != "blocked"}
        assert said == {address for address in (*MANY, *DEAD) if expected(address, does)}, kind
    one = next(report for report in found if report["event"] == "delivered")
    assert one["effect_id"] == effect_of(str(one["email"]))
    assert {report["sg_machine_open"] for report in found if report["event"] == "open"} == {True, False}


def test_a_report_that_comes_twice_is_the_same_report(running: Running) -> None:
    running.start_receiver()
    running.start_world("--pace", "0.2")
    send(running, *MANY, *DEAD)
    running.settle()
    found = reports(running)
    by_id = {report["sg_event_id"]: report for report in found}
    assert all(by_id[report["sg_event_id"]] == report for report in found)
    taken = running.summary()["reports"]
    assert isinstance(taken, dict)
    assert len(by_id) == taken["the webhook"]["taken"]
    assert len(found) - len(by_id) == taken["the webhook"]["repeated"]


def test_demos_are_cloud_events_that_our_contracts_read(running: Running) -> None:
    running.start_receiver()
    running.start_world()
    send(running, *MANY)
    running.settle()
    booked = set()
    for call in running.posted():
        if call.path != "/v1/events":
            continue
        assert call.headers["authorization"] == "Bearer the-token"
        batch = "batch" in call.headers["content-type"]
        for event in json.loads(call.body) if batch else [json.loads(call.body)]:
            read_back = read(BY_TYPE[event["type"]], json.dumps(event["data"]).encode())
            assert isinstance(read_back, ContactEventReported)
            assert read_back.kind is ContactEvent.DEMO_BOOKED
            assert (event["campaignid"], event["tenant"], event["specversion"]) == (CAMPAIGN, "demo", "1.0")
            booked.add(event["id"])
    assert booked == {f"demo-{effect_of(address)}" for address in MANY if expected(address, Does.BOOKS_DEMO)}
    assert booked


def test_who_leaves_looks_at_the_page_and_posts_the_form(running: Running) -> None:
    leaving = next(
        address
        for address in (f"leaver{number}@north.example" for number in range(2000))
        if expected(address, Does.UNSUBSCRIBES)
    )
    running.start_receiver()
    running.start_world()
    send(running, leaving)
    running.settle()
    visits = [call for call in running.posted() if call.path == f"/u/{effect_of(leaving)}"]
    assert [call.method for call in visits] == ["GET", "POST"]
    assert visits[1].body == "List-Unsubscribe=One-Click"
    assert visits[1].headers["host"] == "mail.acme.example"
    assert running.summary()["unsubscribed"] == 1


def test_a_door_that_is_away_loses_nothing(running: Running) -> None:
    running.start_world()
    send(running, *MANY, *DEAD)

    def attempts() -> int:
        found = running.summary()["reports"]
        assert isinstance(found, dict)
        return min(int(door["attempts"]) for door in found.values())

    wait_for(lambda: attempts() >= 2)
    running.start_receiver(busy=3)
    running.settle()
    bounced = {report["email"] for report in reports(running) if report["event"] == "bounce"}
    assert set(DEAD) <= bounced
    delivered = {report["email"] for report in reports(running) if report["event"] == "delivered"}
    assert delivered == {address for address in MANY if expected(address, Does.RECEIVES)}


def test_a_mail_without_our_arguments_is_taken_and_nobody_reports(running: Running) -> None:
    running.start_receiver()
    running.start_world()
    running.send(("ann@north.example", b"Subject: hello\r\n\r\nfrom a stranger\r\n"))
    running.settle()
    assert [line["effect_id"] for line in running.lines()] == [""]
    assert running.posted() == []


def test_it_stops_when_asked(running: Running) -> None:
    world = running.start_world()
    world.send_signal(signal.SIGTERM)
    assert world.wait(10) == 0
