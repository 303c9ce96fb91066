"""Wiring: the only module of the monitor that knows what the chassis runs."""

from chassis.fold import Fold
from chassis.recipients import load_keys
from chassis.service import Parts
from chassis.tasks import Kind
from contracts.actions import ActionProposed
from contracts.briefing import PlanIssued
from contracts.escalation import OverrideRecorded
from contracts.executor import WorkBegun
from contracts.inbound import ContactEventReported, MetricReported, RecipientEventReported
from monitor import store
from monitor.api import Api
from monitor.domain.decide import decide
from monitor.domain.state import SlaDeadline, WaveDeadline, WindowCloses
from monitor.metrics import DECISIONS, IN_PROGRESS, observe
from monitor.sendgrid import Webhook
from monitor.settings import Settings

_RUNNING = "SELECT count(*) FROM campaign_state WHERE (body->>'plan_version')::int > 0 AND body->>'finished' IS NULL"


async def build(parts: Parts) -> None:
    settings = parts.settings
    assert isinstance(settings, Settings)

    async def measure() -> None:
        async with parts.db.pool.acquire() as conn:
            IN_PROGRESS.set(await conn.fetchval(_RUNNING))

    parts.applier = Fold(
        decide, store.load, store.save, None, DECISIONS, keeps_plans=True, observe=observe, verifier=parts.verifier
    )
    parts.topics = (
        PlanIssued.topic,
        WorkBegun.topic,
        ActionProposed.topic,
        OverrideRecorded.topic,
        RecipientEventReported.topic,
        ContactEventReported.topic,
        MetricReported.topic,
    )
    parts.kinds = {
        WaveDeadline.kind: Kind(WaveDeadline),
        SlaDeadline.kind: Kind(SlaDeadline),
        WindowCloses.kind: Kind(WindowCloses),
    }
    webhook = Webhook.from_file(settings.sendgrid_tenant, settings.sendgrid_key)
    parts.routes = Api(parts, webhook, load_keys(settings.tenant_keys).get).routes()
    parts.measures = (measure,)
