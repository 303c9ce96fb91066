"""Campaigns that were proposed and cleared, as the fold leaves them: contacts, mails, snapshot, grant and plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from chassis import plans
from chassis.decision import Key
from chassis.plans import Plans
from chassis.postgres import Database
from chassis.recipients import domain_of, hash_address
from chassis.tasks import Leased
from contracts.actions import Effect, EffectOutcome
from contracts.briefing import PlanIssued
from contracts.codec import encode
from contracts.decision import Action, Approver, ApproverKind, Stage
from contracts.escalation import ActionCleared
from contracts.event import CampaignId
from contracts.plan import ActionClass
from executor import changes
from executor.effects import Dispatch, Dispatched, KeepGrant, MarkReported, SetGuard
from executor.preparing.drafts import Rendered, snapshot_hash
from executor.preparing.mail import Stamp
from executor.sending.dispatch import Dispatcher
from executor.sending.journal import Journal
from executor.sending.sends import Sends
from executor.sending.settling import Settling
from executor.sending.tools.port import Tool
from executor.sending.tools.sandbox import Sandboxed
from executor.sending.tools.smtp import SmtpTool
from handrail.keys import Keys
from policy.sender import Sender
from tests.builders import HASH, TENANT, fact, meta, plan_issued
from tests.conftest import SIGNER, VERIFIER

SENDER = Sender(
    from_address="news@handrail.example",
    from_name="Handrail Demo",
    reply_to="hello@handrail.example",
    postal_address="1 Example Street, 10115 Berlin, Germany",
    link_domains=("handrail.example",),
    assets={},
)
VERB = "send_campaign"
TENANT_KEY = bytes(32)
UNSUBSCRIBE_KEY = bytes(range(32))

_CONTACT = """
INSERT INTO contact (tenant, recipient_hash, address, domain, first_name, timezone, locale)
VALUES ($1, $2, $3, $4, 'Kim', $5, 'en') ON CONFLICT DO NOTHING
"""
_CONSENT = """
INSERT INTO consent (tenant, recipient_hash, state, source, text_version, captured_at)
VALUES ($1, $2, 'yes', 'form', 'v1', clock_timestamp()) ON CONFLICT DO NOTHING
"""
_MAIL = """
INSERT INTO mail (tenant, campaign_id, plan_version, recipient_hash, position, recipient_domain, variant, subject,
                  body_text, body_html, digest)
VALUES ($1, $2, $3, $4, $5, $6, 'mail.attended', $7, $8, $9, $10) ON CONFLICT DO NOTHING
"""
_SNAPSHOT = """
INSERT INTO snapshot (tenant, campaign_id, snapshot_hash, position, recipient_hash) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Send:
    """A cleared send, and the task that begins it."""

    key: Key
    task: Dispatch
    addresses: tuple[str, ...]
    issued: PlanIssued
    told: list[Effect] = field(default_factory=list)
    """What the dispatcher said became of effects, in order."""

    def hash_of(self, address: str) -> str:
        return hash_address(TENANT_KEY, address)

    def outcomes(self) -> dict[str, EffectOutcome]:
        """The outcome told of each address; each is told once."""
        by_hash = {effect.recipient_hash: effect.outcome for effect in self.told}
        assert len(by_hash) == len(self.told)
        return {
            address: by_hash[self.hash_of(address)] for address in self.addresses if self.hash_of(address) in by_hash
        }

    def reasons(self) -> dict[str, str]:
        by_hash = {effect.recipient_hash: effect.because for effect in self.told}
        return {
            address: by_hash[self.hash_of(address)] for address in self.addresses if self.hash_of(address) in by_hash
        }


def addresses(count: int, domain: str = "attendees.example") -> tuple[str, ...]:
    return tuple(f"person{n:03}@{domain}" for n in range(count))


def rendered(address: str) -> Rendered:
    name = address.partition("@")[0]
    return Rendered(f"Für {name}", f"Hello {name},\n\n.the replay is here\n", f"<p>Hello {name} – here</p>")


async def cleared(
    db: Database,
    to: Sequence[str],
    *,
    campaign: CampaignId | None = None,
    issued: PlanIssued | None = None,
    first_wave: int = 240,
    timezone: str = "UTC",
    granted_at: datetime | None = None,
    opens_at: datetime | None = None,
    expires_in: timedelta = timedelta(hours=12),
    from_wave: int = 1,
    subjects: Mapping[str, str] | None = None,
) -> Send:
    """Everything that must be there before the first mail may leave."""
    issued = issued or plan_issued()
    key = Key(TENANT, campaign or CampaignId(uuid4()))
    plan = issued.plan
    written = {address: rendered(address) for address in to}
    for address, subject in (subjects or {}).items():
        written[address] = replace(written[address], subject=subject)
    mails = {hash_address(TENANT_KEY, address): mail for address, mail in written.items()}
    snapshot = snapshot_hash((recipient, mail.digest) for recipient, mail in mails.items())
    content = Sends(SENDER, VERB, VERIFIER).content_hash(snapshot, plan)
    async with db.transaction() as tx:
        await tx.lock([key])
        conn = tx.conn
        granted_at = granted_at or tx.now
        await plans.save(conn, key, issued)
        await changes.apply(conn, key, [SetGuard(fence=0, halted=False)])
        for position, (address, (recipient, mail)) in enumerate(zip(to, mails.items(), strict=True)):
            domain = domain_of(address)
            await conn.execute(_CONTACT, TENANT, recipient, address, domain, timezone)
            await conn.execute(_CONSENT, TENANT, recipient)
            await conn.execute(
                _MAIL, TENANT, key.campaign, plan.version, recipient, position, domain, mail.subject, mail.text,
                mail.html, mail.digest,
            )  # fmt: skip
            await conn.execute(_SNAPSHOT, TENANT, key.campaign, snapshot, position, recipient)
        grant = _grant(key, issued, content, granted_at, granted_at + expires_in)
        headers, value = encode(fact(grant, key.campaign, tenant=key.tenant))
        keep = KeepGrant(
            grant_id=grant.grant_id,
            decision_id=grant.decision_id,
            plan_version=plan.version,
            content_hash=content,
            policy_hash=plan.policy_hash,
            snapshot_hash=snapshot,
            from_wave=from_wave,
            first_wave=first_wave,
            next_waves=240,
            granted_at=granted_at,
            opens_at=opens_at or granted_at,
            expires_at=granted_at + expires_in,
            headers=tuple(SIGNER.sign(headers, value)),
            value=value,
        )
        await changes.apply(conn, key, [keep])
    task = Dispatch(
        decision_id=grant.decision_id, grant_id=grant.grant_id, plan_version=plan.version, wave=from_wave, fence=0
    )
    return Send(key, task, tuple(to), issued)


def _grant(key: Key, issued: PlanIssued, content: str, granted_at: datetime, expires_at: datetime) -> ActionCleared:
    plan = issued.plan
    action = Action(
        tool=plan.mail_tool, verb=VERB, action_class=ActionClass.PUBLISH, target="webinar-registrants",
        params_hash=HASH, content_hash=content, answers=None,
    )  # fmt: skip
    return ActionCleared(
        grant_id=uuid4(),
        decision_id=uuid4(),
        plan_version=plan.version,
        plan_hash=issued.plan_hash,
        policy_hash=plan.policy_hash,
        content_hash=content,
        action=action,
        approvers=(Approver(kind=ApproverKind.HUMAN, subject="ana", role="campaign_approver", at=granted_at),),
        case_id=uuid4(),
        granted_at=granted_at,
        expires_at=expires_at,
        stages=(Stage(stage="matrix", verdict="approval", inputs=()),),
    )


def stamp(keys: Keys) -> Stamp:
    return Stamp("mail.handrail.example", "handrail", keys.dkim.read_bytes())


def dispatcher(
    db: Database,
    port: int,
    folder: Path,
    keys: Keys,
    *,
    name: str | None = None,
    tools: Mapping[str, Tool] | None = None,
    sandbox: bool = False,
) -> Dispatcher:
    """The dispatcher of one process: two of them have two journals. Its only tool is SMTP at `port`, unless told."""
    carrying: Mapping[str, Tool] = tools or {
        "smtp": SmtpTool("127.0.0.1", port, SENDER.from_address, stamp(keys), timeout_seconds=5)
    }
    if sandbox:
        carrying = {name: Sandboxed(tool) for name, tool in carrying.items()}
    journal = Journal(folder, name or f"{uuid4().hex}.jsonl")
    return Dispatcher(
        db=db,
        sends=Sends(SENDER, VERB, VERIFIER),
        tools=carrying,
        settling=Settling(db, journal, carrying),
        journal=journal,
        public_url="https://mail.handrail.example",
        unsubscribe_key=UNSUBSCRIBE_KEY,
        plans=Plans(),
    )


def leased(send: Send, task: Dispatch | None = None) -> Leased:
    cause = meta(send.key.campaign, tenant=send.key.tenant)
    return Leased(uuid4(), uuid4(), cause, task or send.task, 1)


async def run(one: Dispatcher, send: Send, task: Dispatch | None = None) -> Dispatched:
    """One run, and what the fold does with what it says: the outcomes are marked as told."""
    done = await one.work(leased(send, task))
    send.told.extend(done.effects)
    if done.effects:
        told = MarkReported(done.decision_id, tuple(effect.effect_id for effect in done.effects))
        async with one.db.pool.acquire() as conn, conn.transaction():
            await changes.apply(conn, send.key, [told])
    return done


async def run_all(one: Dispatcher, send: Send, task: Dispatch | None = None) -> Dispatched:
    """Runs until the wave has nothing left to do now."""
    done = await run(one, send, task)
    while done.left_in_wave and done.refused is None and done.retry_at is None:
        done = await run(one, send, task)
    return done


async def states(db: Database, send: Send) -> dict[str, str]:
    """State of each address's intent that is not abandoned."""
    rows = await db.pool.fetch(
        "SELECT recipient_hash, state FROM effect_intent WHERE campaign_id = $1 AND state <> 'abandoned'",
        send.key.campaign,
    )
    known = {row["recipient_hash"]: row["state"] for row in rows}
    return {address: known[send.hash_of(address)] for address in send.addresses if send.hash_of(address) in known}


async def effect_of(db: Database, send: Send, address: str) -> UUID:
    found = await db.pool.fetchval(
        "SELECT effect_id FROM effect_intent WHERE (campaign_id, recipient_hash) = ($1, $2)",
        send.key.campaign,
        send.hash_of(address),
    )
    assert isinstance(found, UUID)
    return found


def fenced(send: Send, fence: int) -> Dispatch:
    return send.task.model_copy(update={"fence": fence})


def wave(send: Send, number: int) -> Dispatch:
    return send.task.model_copy(update={"wave": number})


def now() -> datetime:
    return datetime.now(UTC)
