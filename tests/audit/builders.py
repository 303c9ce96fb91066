"""A short campaign as records, and an export of it as the audit service would write it."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.records import Raw
from chassis.signatures import Signer, Verifier
from contracts.actions import ActionExecuted, Effect, EffectOutcome, EffectsRecorded
from contracts.audit import FIRST_PREVIOUS, CheckpointSigned, ForgeryRecorded, body, chain_hash, leaf_hash
from contracts.briefing import BriefAccepted
from contracts.codec import Header, encode
from contracts.decision import Approver, ApproverKind, ReasonGiven, Stage
from contracts.escalation import ActionCleared, ApprovalGiven, CaseKind, CaseOpened, CaseResolved, Need
from contracts.event import CampaignId, Event, Fact, Severity, outside_id, tenant_row
from contracts.executor import CampaignLaunched, WorkBegun
from contracts.framing import named
from contracts.inbound import MailEvent, RecipientEventReported
from contracts.monitor import OutcomeVerified
from handrail.export import Line
from handrail.verify import Keys
from tests.builders import CAMPAIGN, HASH, T0, TENANT, at, brief, fact, plan_issued, proposed

AUDIT = Signer("audit-1", Ed25519PrivateKey.from_private_bytes(b"a" * 32))
ESCALATION = Signer("escalation-1", Ed25519PrivateKey.from_private_bytes(b"e" * 32))
PUBLIC = {signer.key_id: signer.key.public_key() for signer in (AUDIT, ESCALATION)}
KEYS = Keys(PUBLIC)
VERIFIER = Verifier(PUBLIC)
DECISION, CASE, GRANT = (UUID(int=number, version=4) for number in (1, 2, 3))
ANA = Approver(kind=ApproverKind.HUMAN, subject="ana", role="campaign_approver", at=at(60))
WHY = ReasonGiven(what="send", when="the mails are right", until="the webinar is old", why="read both")
PLAN = plan_issued()
PROPOSED = proposed(PLAN, decision_id=DECISION)


def cleared(decision: UUID = DECISION) -> ActionCleared:
    return ActionCleared(
        grant_id=GRANT,
        decision_id=decision,
        plan_version=1,
        plan_hash=PLAN.plan_hash,
        policy_hash=PLAN.plan.policy_hash,
        content_hash=HASH,
        action=PROPOSED.action,
        approvers=(ANA,),
        case_id=CASE,
        granted_at=at(60),
        expires_at=at(7200),
        stages=(Stage(stage="novelty", verdict="needs_people", inputs=("first use",)),),
    )


def effects(wave: int, count: int, outcome: EffectOutcome = EffectOutcome.SUCCEEDED) -> EffectsRecorded:
    return EffectsRecorded(
        plan_version=1,
        decision_id=DECISION,
        wave=wave,
        wave_size=count,
        wave_done=True,
        effects=tuple(
            Effect(
                effect_id=named("effect", str(wave), str(number)),
                recipient_hash=HASH,
                recipient_domain="shop.example",
                variant="mail.attended",
                outcome=outcome,
                because="accepted",
            )
            for number in range(count)
        ),
    )


def opened() -> CaseOpened:
    return CaseOpened(
        case_id=CASE,
        kind=CaseKind.APPROVAL,
        severity=Severity.MEDIUM,
        needs=Need(role="campaign_approver", count=1, backup_role="marketing_lead"),
        subject_id=DECISION,
        title="Send the follow-up",
        because="first_use",
        deadline=at(3600),
        if_ignored="Nothing is sent",
    )


def outcome() -> OutcomeVerified:
    return OutcomeVerified.model_validate(
        {
            "plan_version": 1, "outcome": "booked_demos", "target": 20, "counted": 31, "baseline": 4,
            "window_opened_at": T0, "window_closed_at": at(60), "source_of_truth": "crm",
            "formula": "recipients with demo_booked, each once",
        }
    )  # fmt: skip


def story() -> tuple[Event, ...]:
    """A send that people approved, from the brief to its outcome."""
    return (
        BriefAccepted(received_at=T0, submitted_by="maya", brief=brief(), warnings=()),
        PLAN,
        WorkBegun(plan_version=1),
        PROPOSED,
        opened(),
        ApprovalGiven(case_id=CASE, decision_id=DECISION, content_hash=HASH, approver=ANA, reason=WHY),
        cleared(),
        CaseResolved(case_id=CASE, chosen=DECISION, by=(ANA,)),
        CampaignLaunched(plan_version=1, decision_id=DECISION, grant_id=GRANT, recipients=5, checklist=()),
        effects(1, 3),
        effects(2, 2, EffectOutcome.FAILED_DEFINITE),
        RecipientEventReported(
            kind=MailEvent.DELIVERED, recipient_hash=HASH, recipient_domain="shop.example", effect_id=DECISION,
            machine=False, provider="sendgrid",
        ),
        ActionExecuted(
            plan_version=1, decision_id=DECISION, grant_id=GRANT, succeeded=3, failed=2, unknown=0, skipped=0,
            sending_ended=True,
        ),
        outcome(),
    )  # fmt: skip


def fact_of(event: Event, nth: int, campaign: CampaignId = CAMPAIGN) -> Fact[Event]:
    """The same (event, nth) is the same fact, whenever it is built."""
    event_id = named(str(campaign), event.type, str(nth))
    return fact(event, campaign, event_id=event_id, sequence=nth, when=T0 + timedelta(seconds=nth))


def record(said: Fact[Event], offset: int = 0) -> Raw:
    """Its Kafka record, signed by whoever owns the topic where it must be."""
    headers, value = encode(said)
    if said.event.signed:
        headers = (AUDIT if isinstance(said.event, CheckpointSigned | ForgeryRecorded) else ESCALATION).sign(
            headers, value
        )
    return Raw("cluster", said.event.topic, 0, offset, said.event.key(said.meta), headers, value)


def records(events: Sequence[Event] | None = None) -> list[Raw]:
    """The records of `events`, or of the story."""
    chosen = story() if events is None else events
    return [record(fact_of(event, number), number) for number, event in enumerate(chosen, 1)]


@dataclass(frozen=True, slots=True)
class Kept:
    """One record of a chain under construction: bytes that a test may change before they are chained."""

    event_id: UUID
    topic: str
    key: bytes
    headers: tuple[Header, ...]
    value: bytes

    @staticmethod
    def of(raw: Raw, event_id: UUID) -> "Kept":
        return Kept(event_id, raw.topic, raw.key or b"", tuple(raw.headers), raw.value or b"")


def chained(kept: Sequence[Kept]) -> list[Line]:
    """`kept` with leaves, numbers and hashes computed: what anybody could do who may write the table."""
    lines, previous = [], FIRST_PREVIOUS
    for seq, one in enumerate(kept, 1):
        own = body(one.topic, one.key, one.headers, one.value)
        link = chain_hash(seq, previous, own)
        lines.append(
            Line(
                seq=seq,
                event_id=str(one.event_id),
                topic=one.topic,
                key=_text(one.key),
                headers=[(name, _text(text)) for name, text in one.headers],
                value=_text(one.value),
                leaf=leaf_hash(own).hex(),
                prev=previous.hex(),
                hash=link.hex(),
            )
        )
        previous = link
    return lines


def sealed(events: Sequence[Event] | None = None, every: int = 5) -> list[Kept]:
    """The story with a checkpoint after each `every` records and at the end, as audit's own records."""
    kept: list[Kept] = []
    chosen = story() if events is None else events
    for number, event in enumerate(chosen, 1):
        said = fact_of(event, number)
        kept.append(Kept.of(record(said), _id(said)))
        if number % every == 0 or number == len(chosen):
            head = chained(kept)[-1].hash
            seal = fact_of(CheckpointSigned(size=len(kept), head=head), number, tenant_row(TENANT))
            kept.append(Kept.of(record(seal), seal.meta.event_id))
    return kept


def written(lines: Sequence[Line]) -> list[bytes]:
    return [line.written() for line in lines]


def edited(kept: Sequence[Kept], index: int, change: Callable[[Kept], Kept]) -> list[Kept]:
    return [change(one) if number == index else one for number, one in enumerate(kept)]


def _id(said: Fact[Event]) -> UUID:

    if said.event.topic.startswith("inbound."):
        return outside_id(said.meta.tenant, said.meta.source, said.meta.source_id)
    return said.meta.event_id


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
