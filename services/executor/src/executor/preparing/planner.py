"""Says which ways there are to do the send. The port is `Planner`; this one knows them from its playbook."""

from dataclasses import dataclass
from typing import Protocol

from chassis.plans import Plans
from chassis.postgres import Database
from chassis.tasks import Leased
from contracts.decision import Candidate, DecidedBy
from contracts.plan import Plan
from executor.preparing.candidates import PlanSend, SendPlanned, Way, Ways


class Planner(Protocol):
    """Only proposes ways, in words: what it says is a `Ways`, or it raises and nothing is proposed."""

    @property
    def by(self) -> DecidedBy: ...

    def ways(self, plan: Plan, recipients: int) -> Ways: ...


class TemplatePlanner:
    """The playbook of the package: everybody with consent, in waves."""

    by = DecidedBy(id="planner.templates", version="1", model=None, prompt_hash=None)

    def ways(self, plan: Plan, recipients: int) -> Ways:
        return Ways(
            candidates=(
                Candidate(id=Way.SEND, summary="Write to everybody with consent, in waves", propensity=1.0),
                Candidate(id=Way.HALF, summary="Write to half of them first, and wait a day", propensity=0.0),
                Candidate(id=Way.NOTHING, summary="Write to nobody", propensity=0.0),
            ),
            chosen=Way.SEND,
            confidence=1.0,
            strategy=f"Write while it is fresh, {plan.policy.waves.first} first; go on only when they went well.",
        )


@dataclass(frozen=True, slots=True)
class Planning:
    """The work of asking a planner."""

    db: Database
    plans: Plans
    planner: Planner

    async def work(self, leased: Leased) -> SendPlanned:
        """Raises ValidationError for what no planner may say."""
        task: PlanSend = leased.body
        async with self.db.pool.acquire() as conn:
            issued = (await self.plans.load(conn, [leased.key]))[leased.key][task.plan_version]
        ways = self.planner.ways(issued.plan, task.recipients)
        return SendPlanned(task=task, decided_by=self.planner.by, ways=ways)
