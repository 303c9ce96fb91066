"""What is fed in: the same facts for the same seed, whoever reads them."""

import random
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from aiokafka import AIOKafkaProducer

from contracts.actions import Effect, EffectOutcome, EffectsRecorded
from contracts.codec import encode
from contracts.event import CampaignId, Event, Fact, Meta
from contracts.executor import CampaignLaunched
from contracts.framing import digest, named
from contracts.inbound import MailEvent, RecipientEventReported
from tests.builders import T0, TENANT, meta, plan_issued

CAMPAIGNS = 200
KINDS = (MailEvent.DELIVERED, MailEvent.OPENED, MailEvent.CLICKED)
"""Reported of each recipient, in this order; every fiftieth mail bounces instead, which fires no trigger."""
COPIES = 0.01
"""So many records come twice."""


def campaigns(count: int = CAMPAIGNS) -> list[CampaignId]:
    return [CampaignId(named("campaign", str(n))) for n in range(count)]


def recipients_for(events: int) -> int:
    """Recipients a campaign that make at least `events` reports together."""
    return -(-events // (CAMPAIGNS * (len(KINDS) - 1))) + 1


def begun(campaign: CampaignId, recipients: int) -> list[Fact[Event]]:
    """What the monitor knows of a campaign whose only wave is being sent."""
    decision = named("decision", str(campaign))
    effects = [
        Effect(
            effect_id=effect_of(campaign, n), recipient_hash=person(n), recipient_domain=domain(n), variant="a",
            outcome=EffectOutcome.SUCCEEDED, because="accepted",
        )
        for n in range(recipients)
    ]  # fmt: skip
    events: list[Event] = [
        plan_issued(),
        CampaignLaunched(
            plan_version=1, decision_id=decision, grant_id=decision, recipients=recipients, checklist=()
        ),
        *(
            EffectsRecorded(
                plan_version=1, decision_id=decision, wave=1, wave_size=recipients, wave_done=False,
                effects=tuple(effects[n : n + 500]),
            )
            for n in range(0, recipients, 500)
        ),
    ]  # fmt: skip
    return [Fact(_meta(campaign, str(n)), event) for n, event in enumerate(events)]


def reports(events: int, seed: int) -> Iterator[Fact[Event]]:
    """`events` reports about the recipients of `begun`, over all campaigns; a few come twice."""
    chance = random.Random(seed)
    every = campaigns()
    made = 0
    last: Fact[Event] | None = None
    for number in range(recipients_for(events)):
        kinds: Sequence[MailEvent] = KINDS if number % 50 else (MailEvent.BOUNCED_HARD,)
        for kind in kinds:
            for campaign in chance.sample(every, len(every)):
                if last is not None and chance.random() < COPIES:
                    yield last
                    made += 1
                    if made == events:
                        return
                last = Fact(_outside(campaign, f"{campaign}.{number}.{kind}"), _report(campaign, number, kind))
                yield last
                made += 1
                if made == events:
                    return
    raise AssertionError("too few recipients")


def person(number: int) -> str:
    return digest("person", str(number))


def domain(number: int) -> str:
    return f"d{number % 8}.example"


def effect_of(campaign: CampaignId, number: int) -> UUID:
    return named("effect", str(campaign), str(number))


def _report(campaign: CampaignId, number: int, kind: MailEvent) -> RecipientEventReported:
    return RecipientEventReported(
        kind=kind, recipient_hash=person(number), recipient_domain=domain(number),
        effect_id=effect_of(campaign, number), machine=False, provider="sendgrid",
    )  # fmt: skip


def _outside(campaign: CampaignId, source_id: str) -> Meta:
    trace = digest("trace", source_id)
    return Meta.outside(
        TENANT, campaign, source="/hooks/sendgrid", source_id=source_id, at=T0,
        traceparent=f"00-{trace[:32]}-{trace[32:48]}-01",
    )  # fmt: skip


def _meta(campaign: CampaignId, name: str) -> Meta:
    return meta(campaign, event_id=named("seeded", str(campaign), name))


async def publish(kafka: str, facts: Iterable[Fact[Event]]) -> int:
    """Put `facts` on their topics; returns how many."""
    count = 0
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=5, max_batch_size=256 * 1024
    ) as producer:
        for fact in facts:
            headers, value = encode(fact)
            await producer.send(fact.event.topic, value, key=fact.event.key(fact.meta), headers=headers)
            count += 1
        await producer.flush()
    return count
