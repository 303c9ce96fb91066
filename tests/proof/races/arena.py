"""Escalation and the executor on a real database each, a real mail server, and the judge's own database beside them.

There is no Kafka here: the events of each are given to the other by hand, so that a race decides what is read when.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import yaml
from pydantic import SecretStr

from chassis.consumer import Consumer
from chassis.decision import Command, Key
from chassis.event_log import headers_of
from chassis.identity import Gate
from chassis.migrate import migrate
from chassis.postgres import Database
from chassis.records import Raw
from chassis.service import Build, Parts
from chassis.settings import ChassisSettings
from chassis.signatures import Verifier
from chassis.tasks import Kind, Worker
from contracts.codec import encode
from contracts.event import CampaignId, Event, Fact
from escalation.answers import reply as escalation_reply
from escalation.app import build as build_escalation
from escalation.settings import Settings as EscalationSettings
from executor.api.answers import reply as executor_reply
from executor.app import build as build_executor
from executor.effects import Dispatch
from executor.people import audience
from executor.sending.approved import Approved, Verified
from executor.sending.dispatch import Dispatcher
from executor.settings import Settings as ExecutorSettings
from handrail import keys
from handrail.local.databases import PostgresServer
from tests.builders import TENANT
from tests.conftest import SIGNER, VERIFIER
from tests.executor.test_audience import row, table
from tests.executor_effects.postbox import Postbox, postbox
from tests.proof.races.judge import TABLES

REPOSITORY = Path(__file__).parent.parent.parent.parent
PEOPLE = """
people:
  - {subject: maya, roles: [marketer, campaign_approver]}
  - {subject: ana, roles: [campaign_approver]}
  - {subject: ben, roles: [campaign_approver]}
  - {subject: leo, roles: [marketing_lead]}
"""
_EVENTS = """
SELECT id, topic, headers, value
  FROM event_log
 WHERE campaign_id = $1 AND topic = $2 AND id > $3
 ORDER BY id
 LIMIT $4
"""
_SOON = """
UPDATE task SET due_at = '2000-01-01'
 WHERE campaign_id = $1 AND kind = ANY($2::text[]) AND done_at IS NULL AND leased_until IS NULL
"""
_DONE = "UPDATE task SET done_at = clock_timestamp() WHERE campaign_id = $1 AND done_at IS NULL"


def _forgetting(table: str, what: str) -> str:
    """A trigger that takes a word back as soon as it is written."""
    return f"""
        CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.{what}; RETURN NEW; END $$;
        CREATE TRIGGER forget BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION forget();
    """


FORGETTING = {
    "revocations": _forgetting("approval_grant", "revoked_at := NULL"),
    "kill switch": _forgetting("kill_switch", "engaged := false"),
}
SABOTAGES = ("revocations", "kill switch", "signatures", "content")


class Credulous(Verifier):
    """Believes whatever is signed, by whomever."""

    def __call__(self, key_id: str, signed: bytes, signature: bytes) -> bool:
        return True


class Anything(Approved):
    """Approved is approved, whatever the content is by now."""

    def holds(self, recipient: str, digest: str | None) -> bool:
        return True


class Boolean(Verified):
    def get(self, key: Key, grant: UUID, snapshot: str) -> Approved | None:
        found = super().get(key, grant, snapshot)
        return None if found is None else Anything(found.pairs)


@dataclass
class Side:
    """One service: what it hears, what it is asked, and the tasks it does."""

    parts: Parts
    _offsets: int = 0

    @property
    def pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        return self.parts.db.pool

    @property
    def topics(self) -> Sequence[str]:
        return self.parts.topics

    async def hear(self, records: Sequence[Raw]) -> None:
        """These records arrive as one batch, as the consumer would give them."""
        numbered = []
        for one in records:
            self._offsets += 1
            numbered.append(Raw("races", one.topic, 0, self._offsets, one.key, one.headers, one.value))
        parts = self.parts
        await Consumer(parts.db, parts.name, parts.fold, parts.verifier, "races").apply(numbered)

    async def ask(self, campaign: CampaignId, command: Command) -> str:
        """A person's command at the door; the title or result of the answer."""
        answering = escalation_reply if self.parts.name == "escalation" else executor_reply
        answer = await self.parts.commands.handle(Key(TENANT, campaign), command, answering)
        said: dict[str, str] = json.loads(answer.body)
        return said.get("result") or said.get("title") or str(answer.status)

    async def soon(self, campaign: CampaignId, *kinds: str) -> None:
        """Tasks of these kinds are due before all others."""
        await self.pool.execute(_SOON, campaign, list(kinds))

    async def work(self) -> bool:
        return await Worker(self.parts.db, self.parts.fold, self.parts.kinds).work_once()

    async def said(self, campaign: CampaignId, topic: str, after: int, limit: int) -> list[tuple[int, Raw]]:
        """What it said on `topic` after a row of its log."""
        rows = await self.pool.fetch(_EVENTS, campaign, topic, after, limit)
        return [
            (row["id"], Raw("races", row["topic"], 0, 0, b"", headers_of(row["headers"]), row["value"])) for row in rows
        ]

    async def forget(self, campaign: CampaignId) -> None:
        """No task of a race that is over comes into another."""
        await self.pool.execute(_DONE, campaign)


@dataclass
class Arena:
    escalation: Side
    executor: Side
    judge: "asyncpg.Pool[asyncpg.Record]"
    box: Postbox
    tenant_key: bytes
    dns: Path
    seen: int = field(default=0)
    """Mails of the box that the judge has."""

    async def audience(self, name: str, count: int) -> None:
        """A list of `count` people whom no other race writes to."""
        people = (
            row(email=f"{name}-{n}@stark.example", status="attended" if n % 2 else "no_show") for n in range(count)
        )
        rows, errors = audience.parse(table(*people))
        assert not errors, errors
        async with self.executor.parts.db.transaction() as tx:
            key = Key(TENANT, CampaignId(UUID(int=0)))
            await tx.lock([key])
            await audience.save(tx.conn, key, name, rows, self.tenant_key)


def record(fact: Fact[Event]) -> Raw:
    """What another service or a stranger says, unsigned."""
    headers, value = encode(fact)
    return Raw("races", fact.event.topic, 0, 0, b"", headers, value)


@asynccontextmanager
async def arena(server: PostgresServer, folder: Path, sabotage: str = "") -> AsyncIterator[Arena]:
    """Fresh databases and a mail server, for the time of a `with`; `sabotage` spoils one of the executor's checks."""
    folder.mkdir(parents=True, exist_ok=True)
    held = keys.init(folder / "keys")
    (folder / "people.yaml").write_text(PEOPLE)
    names = {service: f"races_{service}_{uuid4().hex[:8]}" for service in ("escalation", "executor", "judge")}
    async with AsyncExitStack() as stack:
        box = stack.enter_context(postbox())
        pools = {}
        for service, name in names.items():
            dsn = await asyncio.to_thread(server.create_database, name)
            stack.push_async_callback(asyncio.to_thread, server.drop_database, name)
            if service != "judge":
                await migrate(dsn, ("chassis", service))
            pools[service] = await stack.enter_async_context(asyncpg.create_pool(dsn, min_size=1, max_size=8))
        await pools["judge"].execute(TABLES)
        if sabotage in FORGETTING:
            await pools["executor"].execute(FORGETTING[sabotage])
        told = EscalationSettings(dsn=SecretStr(""), kafka="", people=folder / "people.yaml")
        sending = ExecutorSettings(
            dsn=SecretStr(""), kafka="", organisation=_organisation(folder), people=folder / "people.yaml",
            tenant_keys=held.tenants, smtp_host="127.0.0.1", smtp_port=box.port, dkim_key=held.dkim,
            dkim_domain="mail.acme.example", dkim_selector="hr1", public_url="https://mail.acme.example",
            unsubscribe_key=held.unsubscribe, journal=folder / "journal",
        )  # fmt: skip
        yield Arena(
            escalation=await _side("escalation", told, pools["escalation"], build_escalation),
            executor=await _executor(sending, pools["executor"], sabotage),
            judge=pools["judge"],
            box=box,
            tenant_key=bytes.fromhex(json.loads(held.tenants.read_text())[TENANT]),
            dns=held.dkim_record,
        )


async def _side(
    name: str,
    settings: ChassisSettings,
    pool: "asyncpg.Pool[asyncpg.Record]",
    build: Build,
    verifier: Verifier = VERIFIER,
) -> Side:
    parts = Parts(name, settings, Database(pool, name, SIGNER), Gate("", "", {}), verifier)
    await build(parts)
    return Side(parts)


async def _executor(settings: ExecutorSettings, pool: "asyncpg.Pool[asyncpg.Record]", sabotage: str) -> Side:
    verifier = Credulous({}) if sabotage == "signatures" else VERIFIER
    side = await _side("executor", settings, pool, build_executor, verifier)
    if sabotage == "content":
        kinds = side.parts.kinds
        dispatcher = getattr(kinds[Dispatch.kind].work, "__self__", None)
        assert isinstance(dispatcher, Dispatcher)
        trusting = replace(dispatcher, sends=replace(dispatcher.sends, verified=Boolean()))
        side.parts.kinds = {**kinds, Dispatch.kind: Kind(Dispatch, trusting.work)}
    return side


def _organisation(folder: Path) -> Path:
    path = folder / "organisation.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load((REPOSITORY / "examples/organisation.yaml").read_text())))
    return path
