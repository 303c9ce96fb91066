"""Many races, one after the other, each on a campaign of its own; after each step the judge notes what it sees."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from random import Random
from time import monotonic
from uuid import UUID

from contracts.brief import Moment
from contracts.briefing import PlanIssued
from contracts.catalogue import BY_TYPE
from contracts.escalation import ActionCleared
from contracts.event import CampaignId, Fact
from contracts.executor import KillSwitchChanged
from contracts.framing import digest, f
from contracts.plan import Asking, Authority, Deadlines, HoldEnd, TimedHold, Waves
from tests.builders import brief, meta, plan_issued, policy
from tests.proof.races import judge, moves
from tests.proof.races.arena import Arena, Side, record
from tests.proof.races.moves import Race
from world.mail import dns_of, read

RECIPIENTS = 6
STEPS = 36
SHORT = timedelta(milliseconds=250)
PREPARING = ("draft", "check", "render", "plan")

_LOG = "SELECT id, headers->>'ce_type' AS type, value FROM event_log WHERE campaign_id = $1 AND id > $2 ORDER BY id"
_PLAN = "SELECT coalesce(max(version), 0) FROM plan WHERE campaign_id = $1"
_MAILS = """
SELECT recipient_hash, subject, body_text, body_html
  FROM snapshot JOIN mail USING (tenant, campaign_id, recipient_hash)
 WHERE campaign_id = $1 AND snapshot_hash = $2
"""
_INTENTS = """
SELECT campaign_id, effect_id, grant_id, first_dispatched_at FROM effect_intent
 WHERE campaign_id = $1 AND first_dispatched_at IS NOT NULL
"""


@dataclass
class Report:
    """What races came to. n without a violation bound the chance of one, they do not exclude it."""

    seed: int
    races: int = 0
    steps: int = 0
    mails: int = 0
    seconds: float = 0
    happened: Counter[str] = field(default_factory=Counter)
    violations: dict[str, list[str]] = field(default_factory=dict)
    blind: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """The steps of races that broke something."""

    @property
    def holds(self) -> bool:
        return not self.blind and not any(self.violations.values())

    def text(self) -> str:
        lines = [
            f"races: seed {self.seed}, {self.races} races, {self.steps} steps, {self.seconds:.0f} s",
            f"  mails       {self.mails}",
            f"  happened    {', '.join(f'{name} {count}' for name, count in sorted(self.happened.items()))}",
        ]
        for name, rows in self.violations.items():
            lines += [f"  {len(rows):>5}  {name}", *(f"           {row}" for row in rows)]
        seen = len(judge.INVARIANTS) - len(self.blind)
        lines.append(f"  self-test   {seen} of {len(judge.INVARIANTS)} planted violations seen")
        lines += [f"    unseen    {name}" for name in self.blind]
        lines += self.told[:200]
        share = min(1.0, 3 / max(1, self.races))
        bound = f"0 violations in {self.races} races: at most {share:.2%} of such races (95 %)"
        lines.append(f"  {'holds' if self.holds else 'FAILS'}       {bound if self.holds else 'see above'}")
        return "\n".join(lines)


async def prove(
    arena: Arena, seed: int, count: int, seconds: float = 3600, *, often: moves.Move | None = None, broken: bool = False
) -> Report:
    """Run `count` races, or as many as begin within `seconds`.

    `often` is a move that comes ten times as often; with `broken` it stops at the first violation.
    """
    report, began = Report(seed), monotonic()
    for number in range(count):
        if monotonic() - began > seconds:
            break
        race = await prepared(arena, Random(f"{seed}.{number}"), f"race{seed}-{number}")
        await run(race, report, often)
        report.races += 1
        if found := await judge.broken(arena.judge, race.campaign):
            report.told += [f"  race {number}: {', '.join(found)}", *(f"    {line}" for line in race.log)]
            if broken:
                break
    report.violations = await judge.violations(arena.judge)
    report.blind = await judge.unseen(arena.judge)
    report.seconds = monotonic() - began
    return report


async def prepared(arena: Arena, rng: Random, name: str) -> Race:
    """A campaign whose first send is proposed; what escalation knows of it by then is a matter of luck."""
    needed, independent = rng.choice([1, 1, 2]), rng.random() < 0.25
    issued = plan(rng, name, needed, independent)
    race = Race(arena, CampaignId(UUID(int=rng.getrandbits(128), version=4)), issued, rng, RECIPIENTS)
    await arena.judge.execute("INSERT INTO race VALUES ($1, $2, $3)", race.campaign, needed, independent)
    await arena.audience(name, RECIPIENTS)
    known = record(Fact(meta(race.campaign, event_id=race.uuid(), source="/services/briefing"), issued))
    await arena.executor.hear([known])
    while (await race.executed()).proposals == {}:
        await arena.executor.soon(race.campaign, *PREPARING)
        assert await arena.executor.work(), "the campaign is not prepared"
    if rng.random() < 0.8:
        await arena.escalation.hear([known])
    else:
        race.outside.append((arena.escalation, known))
    await observe(race, Report(0))
    return race


def plan(rng: Random, name: str, needed: int, independent: bool) -> PlanIssued:
    """Waves of two, and by luck: more than one approver, rules that clear, grants that end soon, holds."""
    quick = rng.random() < 0.2
    send, stop = policy().matrix
    authority = Authority.INDEPENDENT if independent else Authority.APPROVAL
    hold = TimedHold(
        id="last-word", tool="smtp", verb="send_campaign", decision_type="send_email", length=timedelta(seconds=1),
        then=rng.choice(list(HoldEnd)),
    )  # fmt: skip
    settled = policy(
        matrix=(send.model_copy(update={"needed": needed, "authority": authority}), stop),
        autonomy_rung=3 if independent else 1,
        waves=Waves(first=2, then=2, verdict_share=0.95, verdict_after=timedelta(seconds=10)),
        deadlines=Deadlines(case=timedelta(hours=4), grant=SHORT if quick else timedelta(hours=12)),
        asking=Asking(acknowledge=policy().asking.acknowledge, per_hour=1000),
        holds=(hold,) if rng.random() < 0.5 else (),
    )
    timing = brief().timing
    window = SHORT if quick else timing.send_window
    return plan_issued(
        policy_=settled,
        brief_=brief(
            audience=brief().audience.model_copy(update={"segment_ref": name, "size_estimate": RECIPIENTS}),
            timing=timing.model_copy(
                update={"launch": Moment(after=timing.launch.after, by=timedelta(0)), "send_window": window}
            ),
        ),
    )


async def run(race: Race, report: Report, often: moves.Move | None = None) -> None:
    """`STEPS` steps of one to three moves at once, then everything that was begun, to its end."""
    unrest = race.rng.choice([0.1, 0.4, 1.0])
    for _ in range(STEPS):
        await step(race, report, pick(race.rng, unrest, often))
    for move in (moves.deliver, moves.hear_outside, moves.work, moves.dispatch, moves.go_on) * 6:
        await step(race, report, [move])
    for side in (race.arena.escalation, race.arena.executor):
        await side.forget(race.campaign)
    rows = await race.arena.executor.pool.fetch(_INTENTS, race.campaign)
    await race.arena.judge.executemany("INSERT INTO intent VALUES ($1, $2, $3, $4)", [tuple(row) for row in rows])


def pick(rng: Random, unrest: float, often: moves.Move | None) -> list[moves.Move]:
    """One move, or with some luck two or three at the same time."""
    weights = {**moves.GOING, **{move: weight * unrest for move, weight in moves.STOPPING.items()}}
    if often is not None:
        weights[often] *= 10
    chosen = rng.choices(list(weights), weights=list(weights.values()), k=rng.choice([1, 1, 1, 2, 3]))
    return chosen[:1] if moves.ALONE & set(chosen) else chosen


async def step(race: Race, report: Report, chosen: Sequence[moves.Move]) -> None:
    race.step += 1
    said = await asyncio.gather(*(move(race) for move in chosen))
    race.log.append(f"{race.step:>3} {' | '.join(said)}")
    report.steps += 1
    report.happened.update(move.__name__ for move in chosen)
    await observe(race, report)


async def observe(race: Race, report: Report) -> None:
    """Write down what left, what was said, and what each of the two has been told by now."""
    await _mails(race, report)
    for side in (race.arena.escalation, race.arena.executor):
        await _said(race, side, report)
    plan = await race.arena.escalation.pool.fetchval(_PLAN, race.campaign)
    heard = race.heard.get(("executor", ActionCleared.topic), 0)
    told = race.heard.get(("escalation", KillSwitchChanged.topic), 0)
    await race.arena.judge.execute(judge.FLAGS, race.campaign, race.step, heard, told, plan)
    await race.arena.judge.execute(judge.REVOKED, race.campaign, race.step, heard)


async def _mails(race: Race, report: Report) -> None:
    taken = race.arena.box.taken[race.arena.seen :]
    race.arena.seen += len(taken)
    for address, raw in taken:
        mail = read(raw, address, dns_of(race.arena.dns))
        report.mails += 1
        await race.arena.judge.execute(
            "INSERT INTO mail_out VALUES ($1, $2, $3, $4, $5)",
            UUID(mail.campaign_id), race.step, UUID(mail.effect_id), mail.recipient_hash, mail.digest,
        )  # fmt: skip


async def _said(race: Race, side: Side, report: Report) -> None:
    service = side.parts.name
    rows = await side.pool.fetch(_LOG, race.campaign, race.logged.get(service, 0))
    for row in rows:
        race.logged[service] = row["id"]
        kind, body = BY_TYPE[row["type"]].__name__, json.loads(row["value"])
        report.happened[f"{kind} {body['because']}" if kind in ("ActionRefused", "VoteRefused") else kind] += 1
        await race.arena.judge.execute(
            "INSERT INTO said VALUES ($1, $2, $3, $4, $5, $6::jsonb)",
            service, row["id"], race.campaign, race.step, kind, row["value"].decode(),
        )  # fmt: skip
        if kind == "ActionProposed":
            await _approvable(race, UUID(body["decision_id"]), body["action"]["content_hash"], body["action"]["verb"])


async def _approvable(race: Race, decision: UUID, content_hash: str, verb: str) -> None:
    """The mails that an approval of this proposal means, if they are what its hash says: computed from their texts."""
    snapshot = (await race.executed()).proposals[decision].snapshot_hash
    rows = await race.arena.executor.pool.fetch(_MAILS, race.campaign, snapshot)
    mails = sorted((row["recipient_hash"], digest(row["subject"], row["body_text"], row["body_html"])) for row in rows)
    parts = sha256(f(*(part for pair in mails for part in pair))).hexdigest()
    sender = ("Acme Webinars", "hello@mail.acme.example", "support@acme.example")
    plan = race.issued.plan
    computed = digest("handrail/content/v1", parts, *sender, "smtp", verb, "1", plan.policy_hash)
    if computed == content_hash:
        await race.arena.judge.executemany(
            "INSERT INTO approvable VALUES ($1, $2, $3, $4, $5)",
            [(race.campaign, decision, content_hash, recipient, text) for recipient, text in mails],
        )
