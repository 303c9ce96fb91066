"""A lost answer is settled by what its tool promises, and by nothing else: repeated, looked up, or left to people."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from contracts.actions import EffectOutcome
from executor import changes
from executor.effects import AbandonPlanned, SeeEvidence, SetGuard
from executor.sending.dispatch import Dispatcher, NoSuchTool
from executor.sending.outcomes import LOOK_UPS
from executor.sending.tools.smtp import SmtpTool
from handrail.keys import Keys
from handrail.local import ports
from tests.builders import brief, euros, plan_issued
from tests.conftest import MakeDb
from tests.executor_effects.campaigns import SENDER, Send, cleared, dispatcher, effect_of, now, run, stamp, states
from tests.executor_effects.outside import CLASSES, applied, doors, drive, forward, tools, world
from tests.world.conftest import Running

SOME = 3


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Running]:
    """One world for all tests that need no other: each has recipients of its own."""
    with world(tmp_path_factory.mktemp("promises"), keys) as running:
        yield running


def those(fault: str, tag: str, count: int = SOME) -> tuple[str, ...]:
    return tuple(f"{fault}+{tag}.{n}@simulator.example" for n in range(count))


def taken(running: Running, to: tuple[str, ...]) -> list[int]:
    ledger = applied(running)
    return [ledger[who] for who in to]


Sending = Callable[..., Awaitable[tuple[Send, Dispatcher]]]


@pytest.fixture
def sending(db_for: MakeDb, outside: Running, folder: Path, keys: Keys) -> Sending:
    """A cleared send by a class of tool, and a dispatcher for it."""

    async def make(name: str, to: tuple[str, ...], **changed: Any) -> tuple[Send, Dispatcher]:
        db = await db_for("executor")
        issued = plan_issued(mail_tool=CLASSES[name], brief_=changed.pop("brief_", None))
        send = await cleared(db, to, issued=issued, granted_at=changed.pop("granted_at", None))
        return send, dispatcher(db, 0, folder, keys, tools=tools(doors(outside), keys, **changed))

    return make


@pytest.mark.parametrize("name", CLASSES)
async def test_a_tool_that_is_away_uses_nobody_up(
    name: str, sending: Sending, outside: Running, folder: Path, keys: Keys
) -> None:
    to = those("none", f"away{name}")
    send, healed = await sending(name, to)
    nowhere, nothing = ports.free(2)
    gone = tools(replace(doors(outside), smtp_port=nowhere), keys, base=f"http://127.0.0.1:{nothing}")
    await stays_away(dispatcher(healed.db, 0, folder, keys, tools=gone), send)
    await drive(healed, send)
    assert taken(outside, to) == [1] * SOME


@pytest.mark.parametrize("name", CLASSES)
async def test_a_tool_that_cannot_prove_who_it_is_gets_no_mail(
    name: str, sending: Sending, outside: Running, folder: Path, keys: Keys, tmp_path: Path
) -> None:
    to = those("none", f"tls{name}")
    send, healed = await sending(name, to)
    with unproven_smtp(tmp_path) as (port, seen):
        unproven = {
            **tools(doors(outside), keys, base=f"https://127.0.0.1:{outside.api_port}"),
            "smtp": SmtpTool("127.0.0.1", port, SENDER.from_address, stamp(keys), 5),
        }
        await stays_away(dispatcher(healed.db, 0, folder, keys, tools=unproven), send)
        assert seen == []
    await drive(healed, send)
    assert taken(outside, to) == [1] * SOME


async def stays_away(one: Dispatcher, send: Send) -> None:
    for _ in range(4):
        await forward(one.db)
        done = await run(one, send)
        assert (done.left_in_wave, done.unsettled, done.turned_away, send.told) == (SOME, 0, None, [])
    await forward(one.db)


@contextmanager
def unproven_smtp(folder: Path) -> Iterator[tuple[int, list[object]]]:
    """An SMTP server that offers TLS with a certificate that nobody vouches for; what it was given."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.example")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    day = timedelta(days=1)
    signed = made.not_valid_before(now() - day).not_valid_after(now() + day).sign(key, hashes.SHA256())
    pem = folder / "unproven.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(secret + signed.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    seen: list[object] = []

    class Noting(Sink):
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
            seen.append(envelope)
            return "250 OK"

    [port] = ports.free(1)
    controller = Controller(Noting(), hostname="127.0.0.1", port=port, tls_context=context)
    controller.start()
    try:
        yield port, seen
    finally:
        controller.stop()


async def long_ago(one: Dispatcher, age: timedelta) -> None:
    """Every answer that is lost was lost that long ago."""
    await one.db.pool.execute(
        "UPDATE effect_intent SET first_dispatched_at = first_dispatched_at - $1::interval, "
        "lost_at = lost_at - $1::interval, not_before = NULL WHERE lost_at IS NOT NULL",
        age,
    )


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
async def test_a_key_that_may_be_forgotten_is_not_used_again(fault: str, sending: Sending, outside: Running) -> None:
    to = those(fault, "old")
    send, one = await sending("K", to)
    await run(one, send)
    await long_ago(one, timedelta(days=1, seconds=-59))
    await drive(one, send)
    assert set(send.outcomes().values()) == {EffectOutcome.UNKNOWN}
    assert set(send.reasons().values()) == {"no_more_repeats"}
    assert taken(outside, to) == [int(fault == "reset_after")] * SOME


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
async def test_once_a_key_may_be_forgotten_a_provider_that_can_be_searched_is(
    fault: str, sending: Sending, outside: Running
) -> None:
    to = those(fault, "searched")
    send, one = await sending("K", to, settle=timedelta(seconds=3))
    await run(one, send)
    await asyncio.sleep(0.5)  # the world's index
    await long_ago(one, timedelta(days=1))
    await drive(one, send)
    assert set(send.outcomes().values()) == {EffectOutcome.SUCCEEDED}
    assert taken(outside, to) == [1] * SOME
    looked = {"looked_up"} if fault == "reset_after" else {"accepted"}
    assert set(send.reasons().values()) == looked


async def test_a_key_that_was_used_for_another_body_is_left_to_people(sending: Sending, outside: Running) -> None:
    to = those("reset_after", "reused")
    send, one = await sending("K", to)
    await run(one, send)
    await forward(one.db)
    await drive(replace(one, public_url="https://elsewhere.handrail.example"), send)
    assert set(send.outcomes().values()) == {EffectOutcome.UNKNOWN}
    assert set(send.reasons().values()) == {"key_reused"}
    assert taken(outside, to) == [1] * SOME


@pytest.mark.parametrize("name", ["K", "U", "L"])
async def test_what_the_world_reports_meanwhile_settles_a_lost_answer_without_another_request(
    name: str, sending: Sending, outside: Running
) -> None:
    """A report that comes twice changes nothing more."""
    to = those("reset_after-9", f"reported{name}")
    send, one = await sending(name, to)
    await run(one, send)
    for _ in range(2):
        for who in to:
            seen = SeeEvidence(await effect_of(one.db, send, who), "delivered")
            async with one.db.pool.acquire() as conn:
                await changes.apply(conn, send.key, [seen])
    await one.db.pool.execute("UPDATE effect_intent SET not_before = NULL")
    before = met(outside)
    await drive(one, send)
    assert set(send.reasons().values()) == {"evidence_delivered"}
    assert met(outside) == before
    assert taken(outside, to) == [1] * SOME


def met(outside: Running) -> object:
    return outside.summary()["faults"]


@pytest.mark.parametrize("name", ["K", "U"])
async def test_a_halt_ends_all_repeats_and_people_hear_of_what_is_open(
    name: str, sending: Sending, outside: Running
) -> None:
    to = those("reset_before", f"halted{name}")
    send, one = await sending(name, to)
    await run(one, send)
    await halt(one, send)
    await forward(one.db)
    done = await run(one, send)
    assert (done.refused, done.unsettled) == ("halted", 0)
    assert send.reasons() == dict.fromkeys(to, "halted")
    assert set(send.outcomes().values()) == {EffectOutcome.UNKNOWN}
    assert taken(outside, to) == [0] * SOME


@pytest.mark.parametrize(("fault", "left"), [("reset_before", "planned"), ("reset_after", "succeeded")])
async def test_a_halt_does_not_end_a_look_up_and_nothing_more_leaves(
    fault: str, left: str, sending: Sending, outside: Running
) -> None:
    to = those(fault, "halted")
    send, one = await sending("L", to)
    await run(one, send)
    await halt(one, send)
    done = await run(one, send)
    assert (done.refused, done.unsettled, done.retry_at is not None) == ("halted", SOME, True)
    while done.unsettled:
        assert done.retry_at is not None
        await asyncio.sleep(max(0.0, (done.retry_at - now()).total_seconds()))
        done = await run(one, send)
    assert await states(one.db, send) == dict.fromkeys(to, left)
    assert taken(outside, to) == [int(left == "succeeded")] * SOME
    open_touches = await one.db.pool.fetchval("SELECT sum(cardinality(days)) FROM touch")
    assert open_touches == (SOME if left == "succeeded" else 0)


async def halt(one: Dispatcher, send: Send) -> None:
    async with one.db.pool.acquire() as conn, conn.transaction():
        await changes.apply(conn, send.key, [SetGuard(fence=1, halted=True)])


async def test_what_is_abandoned_while_its_answer_is_lost_is_open_and_never_a_failure(sending: Sending) -> None:
    to = those("reset_before", "abandoned")
    send, one = await sending("K", to)
    await run(one, send)
    async with one.db.pool.acquire() as conn, conn.transaction():
        await changes.apply(conn, send.key, [AbandonPlanned(send.task.decision_id)])
    await run(one, send)
    assert set(send.outcomes().values()) == {EffectOutcome.UNKNOWN}


STOPPED = {
    "suppressed": "INSERT INTO suppression (tenant, recipient_hash, domain, reason) "
    "SELECT tenant, recipient_hash, domain, 'complaint' FROM contact",
    "no_consent": "UPDATE consent SET state = 'withdrawn'",
    "contact_erased": "DELETE FROM contact",
    "send_window_over": "UPDATE approval_grant SET opens_at = opens_at - interval '3 h'",
}


@pytest.mark.parametrize("because", STOPPED)
async def test_who_may_not_be_written_to_any_more_is_not_asked_for_again_and_not_called_skipped(
    because: str, sending: Sending, outside: Running
) -> None:
    to = those("reset_before", because)
    send, one = await sending("U", to)
    await run(one, send)
    await one.db.pool.execute(STOPPED[because])
    await forward(one.db)
    await drive(one, send)
    assert set(send.outcomes().values()) == {EffectOutcome.UNKNOWN}
    assert send.reasons() == dict.fromkeys(to, because)
    assert taken(outside, to) == [0] * SOME


async def test_a_kill_switch_waits_for_its_release_and_forgets_nothing(sending: Sending, outside: Running) -> None:
    to = those("reset_before", "killed")
    send, one = await sending("K", to)
    await run(one, send)
    await one.db.pool.execute("UPDATE kill_switch SET engaged = true WHERE scope = 'global'")
    await forward(one.db)
    done = await run(one, send)
    assert (done.refused, done.unsettled, send.told) == ("killed", SOME, [])
    await one.db.pool.execute("UPDATE kill_switch SET engaged = false WHERE scope = 'global'")
    await drive(one, send)
    assert taken(outside, to) == [1] * SOME


async def test_a_repeat_is_one_mail_to_the_persons_limit_and_to_the_budget(sending: Sending, outside: Running) -> None:
    to = those("reset_after-3", "counted")
    budget = {"total": euros(0.05 * SOME), "per_mail": euros(0.05)}
    send, one = await sending("K", to, brief_=brief(budget=budget))
    await drive(one, send)
    assert taken(outside, to) == [1] * SOME
    assert await one.db.pool.fetchval("SELECT sum(cardinality(days)) FROM touch") == SOME
    assert await one.db.pool.fetchval("SELECT spent FROM campaign_guard") == 50_000 * SOME


@pytest.mark.parametrize("name", CLASSES)
async def test_two_dispatchers_at_once_send_each_mail_once_whatever_is_lost(
    name: str, sending: Sending, outside: Running, folder: Path, keys: Keys
) -> None:
    to = (
        *those("reset_after", f"both{name}", 20),
        *those("late", f"both{name}", 20),
        *those("none", f"both{name}", 20),
    )
    send, one = await sending(name, to)
    two = dispatcher(one.db, 0, folder, keys, tools=tools(doors(outside), keys))
    await asyncio.gather(drive(one, send), drive(two, send))
    assert taken(outside, to) == [1] * len(to)


SILENT_SEARCHES = {
    # faults of the search: requests that it gets for three mails, eight times
    "nonsense": (("search:garbage_before=0.5", "search:wrong_id_before=0.5"), SOME * LOOK_UPS),
    "away": (("search:reset_before=1",), LOOK_UPS),
}


@pytest.mark.parametrize("how", SILENT_SEARCHES)
async def test_a_look_up_that_never_answers_is_given_up_in_the_end(
    how: str, db_for: MakeDb, folder: Path, keys: Keys, tmp_path: Path
) -> None:
    """A search that is away is asked once a run, and not for each mail."""
    faults, requests = SILENT_SEARCHES[how]
    db, to = await db_for("executor"), those("reset_after", "unclear")
    told = [word for fault in faults for word in ("--fault", fault)]
    with world(tmp_path / "world", keys, *told) as running:
        send = await cleared(db, to, issued=plan_issued(mail_tool="esp"))
        one = dispatcher(db, 0, folder, keys, tools=tools(doors(running), keys))
        done = await run(one, send)
        while done.left_in_wave:
            await db.pool.execute("UPDATE effect_intent SET not_before = NULL")
            done = await run(one, send)
        assert set(send.outcomes().values()) == {EffectOutcome.UNKNOWN}
        assert taken(running, to) == [1] * SOME
        met = running.summary()["faults"]
        assert isinstance(met, dict)
        assert sum(count for fault, count in met.items() if fault.startswith("search")) == requests


@pytest.mark.parametrize("name", ["K", "U", "L"])
async def test_a_tool_that_refuses_us_is_told_apart_from_one_that_refuses_a_recipient(
    name: str, sending: Sending, outside: Running
) -> None:
    to = those("locked_out-9", f"us{name}")
    send, one = await sending(name, to)
    done = await run(one, send)
    assert (done.turned_away, done.left_in_wave, done.effects) == ("refused_401", SOME, ())


async def test_a_mail_server_that_refuses_our_sender_is_told_apart_too(
    db_for: MakeDb, folder: Path, keys: Keys, tmp_path: Path
) -> None:
    db, to = await db_for("executor"), those("none", "us")
    with world(tmp_path / "world", keys, "--fault", "smtp:locked_out=1") as running:
        send = await cleared(db, to)
        done = await run(dispatcher(db, 0, folder, keys, tools=tools(doors(running), keys)), send)
    assert (done.turned_away, done.left_in_wave, done.effects) == ("refused_us_550", SOME, ())


async def test_a_plan_whose_tool_has_no_settings_is_refused_before_and_after_it_is_approved(sending: Sending) -> None:
    send, one = await sending("L", those("none", "unset"))
    one = replace(one, tools={"smtp": one.tools["smtp"]})
    with pytest.raises(NoSuchTool, match="esp, which has no settings here: set EXECUTOR_ESP_URL"):
        one.tool(send.issued.plan)
    assert (await run(one, send)).refused == "tool_not_configured"


async def test_a_grant_for_one_tool_is_none_for_another(sending: Sending, outside: Running) -> None:
    """Whoever can change the plan's row cannot change what was approved."""
    to = those("none", "swapped")
    send, one = await sending("K", to)
    body = send.issued.model_dump_json().replace('"mail_tool":"mail_api"', '"mail_tool":"esp"')
    await one.db.pool.execute("UPDATE plan SET body = $1", body.encode())
    assert (await run(one, send)).refused == "grant_of_another_action"
    assert taken(outside, to) == [0] * SOME
