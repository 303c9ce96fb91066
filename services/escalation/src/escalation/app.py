"""Wiring: the only module of escalation that knows what the chassis runs."""

from chassis.fold import Fold
from chassis.service import Parts
from chassis.tasks import Kind, Leased
from contracts.actions import ActionProposed
from contracts.briefing import PlanIssued
from contracts.executor import CampaignFinished
from contracts.monitor import TriggerFired
from escalation import store
from escalation.api import Api
from escalation.domain.decide import decide, while_waiting
from escalation.domain.state import CaseDeadline, LookDue, Notified, Notify, PlanMissing, RuleAgain
from escalation.metrics import DECISIONS, observe, show
from escalation.settings import Settings


async def build(parts: Parts) -> None:
    assert isinstance(parts.settings, Settings)
    directory = parts.settings.directory

    async def notify(leased: Leased) -> Notified:
        async with parts.db.pool.acquire() as conn:
            await store.tell(conn, leased.key.tenant, leased.body.case_id, leased.body.told)
        return Notified(case_id=leased.body.case_id, told=leased.body.told, transport="inbox")

    async def measure() -> None:
        async with parts.db.pool.acquire() as conn:
            show(await store.open_cases(conn))

    parts.applier = Fold(
        decide,
        store.load,
        store.save,
        directory,
        DECISIONS,
        keeps_plans=True,
        while_waiting=while_waiting,
        observe=observe,
        verifier=parts.verifier,
    )
    parts.topics = (PlanIssued.topic, CampaignFinished.topic, ActionProposed.topic, TriggerFired.topic)
    parts.kinds = {
        CaseDeadline.kind: Kind(CaseDeadline),
        LookDue.kind: Kind(LookDue),
        PlanMissing.kind: Kind(PlanMissing),
        RuleAgain.kind: Kind(RuleAgain),
        Notify.kind: Kind(Notify, notify),
    }
    parts.routes = Api(parts, directory).routes()
    parts.measures = (measure,)
