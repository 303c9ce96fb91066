"""Sends what the guard permits, and knows afterwards what became of it, whatever happened in between."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from chassis.crashpoints import crashpoint
from chassis.decision import Key
from chassis.plans import Plans
from chassis.postgres import Database
from chassis.tasks import Leased
from contracts.actions import EffectOutcome
from contracts.plan import ActionClass, Plan
from executor.effects import Dispatch, Dispatched
from executor.people.unsubscribe import Link, token
from executor.preparing.mail import Envelope
from executor.sending import guard, told
from executor.sending.dispatch_points import DispatchPoint
from executor.sending.guard import Permit, Permitted
from executor.sending.journal import Journal
from executor.sending.refusal import Refused
from executor.sending.sends import Sends
from executor.sending.settling import Settling
from executor.sending.tools.port import Answer, Line, Outgoing, Tool

LINES = 4
"""Connections used at once: at most so many answers can be lost by one kill."""
MARGIN = 0.2
"""No mail is begun in the last part of a lease."""

_LOCK = "SELECT 1 FROM campaign WHERE (tenant, campaign_id) = ($1, $2) FOR UPDATE"


class NoSuchTool(Exception):
    """The plan's mail tool has no settings here."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    db: Database
    sends: Sends
    tools: Mapping[str, Tool]
    settling: Settling
    journal: Journal
    public_url: str
    unsubscribe_key: bytes
    plans: Plans

    async def work(self, leased: Leased) -> Dispatched:
        """One run: settle what a dead process left, send up to 50, look lost answers up, say what became of all."""
        task: Dispatch = leased.body
        key = leased.key
        plan = await self.plan(key, task.plan_version)
        await self.settling.left_behind(key)
        refused: Refused | None = None
        stopped: Answer | None = None
        try:
            tool = self._publishing(plan)
            permitted = await guard.permit(self.db, self.sends, key, task, plan, tool.capability, self.journal.name)
            crashpoint(DispatchPoint.PERMITTED)
            self.settling.in_hand.add(permitted.lease)
            try:
                stopped = await self._send_all(tool, key, task, permitted)
            finally:
                self.settling.in_hand.discard(permitted.lease)
        except Refused as no:
            refused = no
        if refused is None or not refused.retry:
            await self.settling.lost(key, task.decision_id, refused.because if refused else None)
        async with self.db.pool.acquire() as conn:
            turned_away = stopped.because if stopped is not None and stopped.unwelcome else None
            return await told.told(conn, key, task, refused, turned_away)

    async def plan(self, key: Key, version: int) -> Plan:
        async with self.db.pool.acquire() as conn:
            return (await self.plans.load(conn, [key]))[key][version].plan

    def tool(self, plan: Plan) -> Tool:
        """What carries the plan's mail. Raises NoSuchTool."""
        if (tool := self.tools.get(plan.mail_tool)) is None:
            setting = f"EXECUTOR_{plan.mail_tool.upper()}_URL"
            raise NoSuchTool(f"the plan sends by {plan.mail_tool}, which has no settings here: set {setting}")
        return tool

    def _publishing(self, plan: Plan) -> Tool:
        try:
            tool = self.tool(plan)
        except NoSuchTool:
            raise Refused("tool_not_configured") from None
        if ActionClass.PUBLISH not in tool.capability.scopes:
            raise Refused("tool_out_of_scope")
        return tool

    async def _send_all(self, tool: Tool, key: Key, task: Dispatch, permitted: Permit) -> Answer | None:
        """Send what was permitted; the answer that made it stop, if one did."""
        queue = list(reversed(permitted.mails))
        stopped: Answer | None = None
        answers: dict[UUID, Answer] = {}
        deadline = asyncio.get_running_loop().time() + self.sends.lease_time.total_seconds() * (1 - MARGIN)

        async def line() -> None:
            nonlocal stopped
            async with tool.connection() as open_line:
                while queue and stopped is None:
                    if asyncio.get_running_loop().time() > deadline:
                        stopped = _kept_back("too_slow")
                        return
                    one = queue.pop()
                    async with self.db.pool.acquire() as conn:
                        because = await guard.still(conn, key, task, permitted.lease, one)
                    match because:
                        case None:
                            answer = answers[one.effect_id] = await self._send(tool, open_line, key, one, permitted)
                            stopped = stopped or (answer if answer.away else None)
                        case "suppressed" | "no_more_repeats":
                            answers[one.effect_id] = _not_sent(one, because)
                        case _:
                            stopped = _kept_back(because)
                            queue.append(one)

        ended = await asyncio.gather(*(line() for _ in range(min(LINES, len(queue)))), return_exceptions=True)
        if stopped is not None:
            answers |= {one.effect_id: _kept_back(stopped.because, stopped) for one in queue}
        else:
            answers |= {one.effect_id: _kept_back("not_begun") for one in queue}
        async with self.db.pool.acquire() as conn, conn.transaction():
            await conn.execute(_LOCK, *key)
            await self.settling.record(conn, key, permitted.lease, answers)
            crashpoint(DispatchPoint.OUTCOME)
        crashpoint(DispatchPoint.RECORDED)
        for error in ended:
            if isinstance(error, BaseException):
                raise error
        return stopped

    async def _send(self, tool: Tool, line: Line, key: Key, one: Permitted, permitted: Permit) -> Answer:
        try:
            body = tool.prepare(Outgoing(one.rendered, self._envelope(key, one, permitted), self.sends.sender))
        except ValueError:
            return Answer(EffectOutcome.FAILED_DEFINITE, "not_a_mail")
        self.journal.begin(one.intent)
        crashpoint(DispatchPoint.REPEATED if one.lost else DispatchPoint.BEGUN)
        answer = await line.send(one.effect_id, one.address, body)
        crashpoint(DispatchPoint.ANSWERED)
        self.journal.end(one.effect_id, "again" if answer.again else answer.outcome.value, answer.because)
        return answer

    def _envelope(self, key: Key, one: Permitted, permitted: Permit) -> Envelope:
        return Envelope(
            tenant=key.tenant,
            campaign=key.campaign,
            effect=one.effect_id,
            recipient_hash=one.recipient_hash,
            address=one.address,
            unsubscribe_url=self.unsubscribe_url(key, one.recipient_hash, one.address.rpartition("@")[2]),
            at=permitted.at,
        )

    def unsubscribe_url(self, key: Key, recipient: str, domain: str) -> str:
        """The link of one recipient in one campaign."""
        link = Link(key.tenant, key.campaign, recipient, domain)
        return f"{self.public_url}/u/{token(link, self.unsubscribe_key)}"


def _kept_back(because: str, stopped: Answer | None = None) -> Answer:
    """Nothing of it left, and nobody is to blame for it."""
    wait = stopped.wait if stopped is not None else None
    return Answer(EffectOutcome.FAILED_DEFINITE, because, again=True, away=True, wait=wait)


def _not_sent(one: Permitted, because: str) -> Answer:
    """Not sent after all: nothing left, unless an earlier answer is lost, which stays open."""
    if not one.lost:
        return Answer(EffectOutcome.SKIPPED, because)
    return Answer(EffectOutcome.UNKNOWN, because, futile=because == "suppressed")
