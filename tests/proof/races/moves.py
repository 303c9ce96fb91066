"""What may happen at any time in a race: each move is one transaction of a service, or something from outside."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from chassis.decision import Identity, Key
from chassis.records import Raw
from contracts.actions import ActionProposed
from contracts.briefing import PlanIssued
from contracts.decision import ReasonGiven
from contracts.event import CampaignId, Fact, Severity
from contracts.executor import KillScope
from contracts.monitor import Evidence, TriggerFired
from contracts.plan import Response, Trigger
from escalation import store as escalation_store
from escalation.commands import AcknowledgeCase, Choice, DecideCase, RevokeClearance
from escalation.domain.state import Escalation, Status
from executor import store as executor_store
from executor.commands import CancelCampaign, EngageKillSwitch, PauseCampaign, ReleaseKillSwitch, ResumeCampaign
from executor.domain.state import Campaign
from tests.builders import TENANT, meta
from tests.executor_effects import grants
from tests.proof.races.arena import Arena, Side, record

WHY = ReasonGiven(what="this", when="now", until="today", why="it is a race")
ROLES = {
    "ana": ("campaign_approver",), "ben": ("campaign_approver",), "leo": ("marketing_lead",),
    "maya": ("marketer", "campaign_approver"), "bot": ("campaign_approver",), "sam": ("operator",),
}  # fmt: skip
FORGED = [*grants.signatures(), *grants.mismatches()]
"""Those that are read as grants: a record that nobody can read would only park the campaign."""
EDITS: Mapping[str, str] = {
    "a subject": "UPDATE mail SET subject = subject || '!' WHERE {one}",
    "a text": "UPDATE mail SET body_text = body_text || ' P.S.' WHERE {one}",
    "an HTML": "UPDATE mail SET body_html = replace(body_html, 'https://', 'https://evil.') WHERE {one}",
    "a mail and its digest": (
        "UPDATE mail SET subject = 'Buy', body_text = 'now', body_html = '<p>now</p>', digest = repeat('ab', 32) "
        "WHERE {one}"
    ),
    "an intent's digest": "UPDATE effect_intent SET digest = repeat('ab', 32) WHERE {one}",
    "an intent's grant": "UPDATE effect_intent SET grant_id = gen_random_uuid() WHERE {one} AND state = 'planned'",
    "the snapshot: one less": "DELETE FROM snapshot WHERE {one}",
    "the grant's end": "UPDATE approval_grant SET expires_at = expires_at + interval '1 day' WHERE campaign_id = $1",
    "the grant's content": "UPDATE approval_grant SET content_hash = repeat('ab', 32) WHERE campaign_id = $1",
    "the grant's use": "UPDATE approval_grant SET consumed_at = NULL WHERE campaign_id = $1",
    "the grant's revocation": (
        "UPDATE approval_grant SET revoked_at = NULL, value = value || ' '::bytea WHERE campaign_id = $1"
    ),
}
_ONE = """
campaign_id = $1
AND recipient_hash = (SELECT recipient_hash FROM mail WHERE campaign_id = $1 ORDER BY position OFFSET $2 LIMIT 1)
"""


@dataclass
class Race:
    """One campaign, from its proposal on."""

    arena: Arena
    campaign: CampaignId
    issued: PlanIssued
    rng: Random
    recipients: int
    heard: dict[tuple[str, str], int] = field(default_factory=dict)
    """Of each (who hears, topic), the last row of the other's log."""
    outside: list[tuple[Side, Raw]] = field(default_factory=list)
    """What neither of the two says, on its way to one of them."""
    step: int = 0
    log: list[str] = field(default_factory=list)
    logged: dict[str, int] = field(default_factory=dict)
    """Of each service, the last row of its log that the judge has."""

    @property
    def key(self) -> Key:
        return Key(TENANT, self.campaign)

    async def escalated(self) -> Escalation:
        async with self.arena.escalation.pool.acquire() as conn:
            return await escalation_store.state_of(conn, self.key) or Escalation()

    async def executed(self) -> Campaign:
        async with self.arena.executor.pool.acquire() as conn:
            found = await executor_store.state_of(conn, self.key)
        assert found is not None
        return found

    def uuid(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128), version=4)

    def person(self, subject: str) -> Identity:
        return Identity(subject=subject, tenant=TENANT, roles=ROLES[subject], human=subject != "bot")

    def command(self, subject: str) -> dict[str, Any]:
        return {"command_id": self.uuid().hex, "actor": self.person(subject)}


Move = Callable[[Race], Awaitable[str]]


async def deliver(race: Race) -> str:
    """What one of the two said reaches the other, topic by topic in any order; sometimes one record once more."""
    arena, rng = race.arena, race.rng
    sides = [(arena.escalation, arena.executor), (arena.executor, arena.escalation)]
    rng.shuffle(sides)
    everything = rng.random() < 0.6
    heard: list[str] = []
    for teller, hearer in sides:
        for topic in rng.sample(list(hearer.topics), len(hearer.topics)):
            place = (hearer.parts.name, topic)
            found = await teller.said(race.campaign, topic, race.heard.get(place, 0), 50 if everything else 2)
            if found:
                race.heard[place] = found[-1][0]
                again = found[:1] if rng.random() < 0.1 else []
                await hearer.hear([raw for _, raw in [*found, *again]])
                heard.append(f"{hearer.parts.name} hears {len(found)} of {topic}")
                if not everything:
                    return heard[0]
        if heard:
            return ", ".join(heard)
    return "nothing to hear"


async def hear_outside(race: Race) -> str:
    """A plan or a trigger reaches one of the two."""
    if not race.outside:
        return "nothing from outside"
    hearer, raw = race.outside.pop(race.rng.randrange(len(race.outside)))
    await hearer.hear([raw])
    return f"{hearer.parts.name} hears {raw.topic} from outside"


async def work(race: Race) -> str:
    side = race.rng.choice([race.arena.escalation, race.arena.executor])
    return f"{side.parts.name} {'works' if await side.work() else 'has nothing to do'}"


async def dispatch(race: Race) -> str:
    await race.arena.executor.soon(race.campaign, "dispatch")
    return f"dispatch: {'runs' if await race.arena.executor.work() else 'not asked for'}"


async def vote(race: Race, choice: Choice | None = None) -> str:
    """Somebody decides about some case, whether they may or not, and whether they saw what is there or not."""
    state, rng = await race.escalated(), race.rng
    if not state.cases:
        return "nobody is asked"
    cases = list(state.cases.values())
    still_open = [one for one in cases if one.status is Status.OPEN]
    case = rng.choice(still_open if still_open and rng.random() < 0.9 else cases)
    if not case.options:
        return "a case without options"
    decision = rng.choice(case.options)
    shown = state.proposals[decision].action.content_hash
    if rng.random() < 0.1:
        shown = ("0" if shown[0] != "0" else "1") + shown[1:]
    subject = rng.choice(["ana", "ana", "ben", "ben", "leo", "maya", "bot", "sam"])
    choice = choice or rng.choice([Choice.APPROVE] * 5 + [Choice.REFUSE])
    about = {"case_id": case.case_id, "decision_id": decision, "content_hash": shown}
    command = DecideCase(**race.command(subject), **about, choice=choice, reason=WHY)
    return f"{subject} {choice}s {case.kind}: {await race.arena.escalation.ask(race.campaign, command)}"


async def acknowledge(race: Race) -> str:
    cases = list((await race.escalated()).cases)
    if not cases:
        return "nobody is asked"
    command = AcknowledgeCase(**race.command("ana"), case_id=race.rng.choice(cases))
    return f"ana looks: {await race.arena.escalation.ask(race.campaign, command)}"


async def expire(race: Race) -> str:
    """The deadline of a case is now."""
    await race.arena.escalation.soon(race.campaign, "case_deadline")
    return f"deadline: {'met' if await race.arena.escalation.work() else 'none'}"


async def revoke(race: Race) -> str:
    rulings = [one for one in (await race.escalated()).rulings.values() if one.grant_id]
    if not rulings:
        return "nothing to revoke"
    command = RevokeClearance(
        **race.command("leo"), decision_id=race.rng.choice(rulings).decision_id, because="a second thought"
    )
    return f"leo revokes: {await race.arena.escalation.ask(race.campaign, command)}"


async def pause(race: Race) -> str:
    return (
        f"pause: {await race.arena.executor.ask(race.campaign, PauseCampaign(**race.command('maya'), reason='wait'))}"
    )


async def resume(race: Race) -> str:
    return (
        f"resume: {await race.arena.executor.ask(race.campaign, ResumeCampaign(**race.command('maya'), reason='go'))}"
    )


async def cancel(race: Race) -> str:
    return (
        f"cancel: {await race.arena.executor.ask(race.campaign, CancelCampaign(**race.command('maya'), reason='no'))}"
    )


async def kill(race: Race) -> str:
    command = EngageKillSwitch(**race.command("sam"), scope=KillScope.CAMPAIGN, reason="an incident")
    return f"kill: {await race.arena.executor.ask(race.campaign, command)}"


async def release(race: Race) -> str:
    """Two people, one after the other."""
    said = []
    for subject in ("sam", "leo"):
        command = ReleaseKillSwitch(**race.command(subject), scope=KillScope.CAMPAIGN, reason="it is over")
        said.append(await race.arena.executor.ask(race.campaign, command))
    return f"release: {', '.join(said)}"


async def go_on(race: Race) -> str:
    """The monitor says that the wave in hand went well."""
    sending = (await race.executed()).sending
    if sending is None:
        return "no wave to judge"
    await race.arena.executor.hear([record(_fired(race, Trigger.WAVE_REPORTED, sending.wave, sending.decision_id))])
    return f"wave {sending.wave} went well"


async def trigger(race: Race) -> str:
    """The monitor says stop, to both: each hears it when it does."""
    sending = (await race.executed()).sending
    wave, decision = (sending.wave, sending.decision_id) if sending else (1, race.uuid())
    raw = record(_fired(race, Trigger.HARD_BOUNCES, wave, decision))
    race.outside += [(race.arena.executor, raw), (race.arena.escalation, raw)]
    return "a trigger fires"


async def newer_plan(race: Race) -> str:
    plan = race.issued.plan.model_copy(update={"version": 2})
    newer = PlanIssued(plan=plan, plan_hash=plan.hash)
    raw = record(Fact(meta(race.campaign, event_id=race.uuid(), source="/services/briefing"), newer))
    race.outside += [(race.arena.escalation, raw), (race.arena.executor, raw)]
    return "a newer plan is issued"


async def edit(race: Race) -> str:
    """Somebody with the executor's database changes what was approved, or what it rests on."""
    name = race.rng.choice(list(EDITS))
    statement = EDITS[name].format(one=_ONE)
    person = (race.rng.randrange(race.recipients),) if "$2" in statement else ()
    await race.arena.executor.pool.execute(statement, race.campaign, *person)
    return f"edit: {name}"


async def forge(race: Race) -> str:
    """A grant that escalation never gave reaches the executor."""
    proposals = [one for one in (await race.escalated()).proposals.values() if isinstance(one, ActionProposed)]
    if not proposals:
        return "nothing to forge"
    forgery = race.rng.choice(FORGED)
    made = forgery.make(race.rng.choice(proposals), race.campaign)
    await race.arena.executor.hear([Raw("races", made.topic, 0, 0, b"", made.headers, made.value)])
    return f"forged: {forgery.name}"


async def wait(_: Race) -> str:
    """Long enough for a short grant to end."""
    await asyncio.sleep(0.3)
    return "time passes"


GOING: Mapping[Move, float] = {
    deliver: 10, work: 5, vote: 6, dispatch: 6, go_on: 4, hear_outside: 3, resume: 1.5, release: 1.5, acknowledge: 0.5,
    forge: 1,
}  # fmt: skip
STOPPING: Mapping[Move, float] = {
    expire: 0.5,
    revoke: 1,
    pause: 1,
    kill: 1,
    trigger: 1,
    edit: 1.5,
    newer_plan: 0.3,
    wait: 0.4,
    cancel: 0.2,
}
ALONE = frozenset({edit})
"""The judge looks at what was approved between two steps: what changes it by force is a step of its own."""


def _fired(race: Race, kind: Trigger, wave: int, decision: UUID) -> Fact[TriggerFired]:
    pausing = kind is Trigger.HARD_BOUNCES
    event = TriggerFired(
        plan_version=1, rule="bounces" if pausing else "reported", trigger=kind,
        response=Response.PAUSE if pausing else Response.CONTINUE, severity=Severity.HIGH if pausing else Severity.LOW,
        wave=wave, decision_id=decision, metric="hard_bounce_rate", count=1, of=2, threshold=0.05, interval=(0.1, 0.9),
        evidence=(Evidence(dimension="domain", value="stark.example", count=0, of=2),), finding="1 of 2 bounced",
    )  # fmt: skip
    return Fact(meta(race.campaign, event_id=race.uuid(), source="/services/monitor"), event)
