"""Wiring: the only module of the monitor that knows what the chassis runs."""

from functools import partial

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
from monitor.domain.standing import standing
from monitor.domain.state import SlaDeadline, WaveDeadline, WindowCloses
from monitor.metrics import CURRENCY, DECISIONS, observe, show
from monitor.sendgrid import Webhook
from monitor.settings import Settings


async def build(parts: Parts) -> None:
    settings = parts.settings
    assert isinstance(settings, Settings)
    currency = settings.reporting_currency
    CURRENCY.labels(currency=currency).set(1)

    async def measure() -> None:
        async with parts.db.pool.acquire() as conn:
            watches, now = await store.running(conn)
        show(standing(watches, now, currency))

    keys = load_keys(settings.tenant_keys)
    parts.applier = Fold(
        decide, store.load, store.save, None, DECISIONS, keeps_plans=True, observe=partial(observe, currency),
        verifier=parts.verifier, tenants=frozenset(keys),
    )  # fmt: skip
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
    parts.routes = Api(parts, webhook, keys.get).routes()
    parts.measures = (measure,)
