"""Wiring: the only module of the executor that knows what the chassis runs."""

from datetime import timedelta
from uuid import uuid4

from chassis.fold import Fold
from chassis.plans import Plans
from chassis.recipients import load_keys
from chassis.service import Parts
from chassis.tasks import Kind
from contracts.briefing import PlanIssued
from contracts.escalation import ActionCleared, CaseOpened
from contracts.inbound import RecipientEventReported
from contracts.monitor import OutcomeVerified, TriggerFired
from executor import kill_switch, store
from executor.api.routes import routes
from executor.api.unsubscribe import UnsubscribePages
from executor.domain.decide import decide
from executor.domain.proposing import SEND
from executor.effects import AssembleOptions, Dispatch
from executor.metrics import DECISIONS, KILL_SWITCH, observe
from executor.people import directory
from executor.preparing.candidates import PlanSend
from executor.preparing.drafts import CheckMail, DraftMail, ListCame, RenderMails, SendTestMail
from executor.preparing.mail import Stamp
from executor.preparing.planner import Planning, TemplatePlanner
from executor.preparing.preparation import Preparation
from executor.preparing.remaining import Remaining
from executor.preparing.tester import Tester
from executor.preparing.writer import TemplateWriter
from executor.recovery.recover import Recovery
from executor.sending.dispatch import Dispatcher
from executor.sending.journal import Journal
from executor.sending.sends import Sends
from executor.sending.settling import Settling
from executor.sending.toolbox import toolbox
from executor.sending.tools import smtp
from executor.settings import Settings
from policy.organisation import load_organisation


async def build(parts: Parts) -> None:
    settings = parts.settings
    assert isinstance(settings, Settings)
    organisation = load_organisation(settings.organisation)
    sender = organisation.sender
    people = directory.load(settings.people, organisation.tenant)
    unsubscribe_key = bytes.fromhex(settings.unsubscribe_key.read_text().strip())
    plans = Plans()
    stamp = Stamp(settings.dkim_domain, settings.dkim_selector, settings.dkim_key.read_bytes())
    tools = toolbox(settings, sender.from_address, stamp)
    journal = Journal(settings.journal, f"{settings.replica or 'executor'}.{uuid4().hex}.jsonl")
    dispatcher = Dispatcher(
        db=parts.db,
        sends=Sends(sender, SEND, parts.verifier, timedelta(seconds=settings.lease_seconds)),
        tools=tools,
        settling=Settling(parts.db, journal, tools),
        journal=journal,
        public_url=settings.public_url.rstrip("/"),
        unsubscribe_key=unsubscribe_key,
        plans=plans,
    )
    tester = Tester(parts.db, tools[smtp.NAME], sender, stamp, people, dispatcher.public_url)
    preparation = Preparation(parts.db, dispatcher, TemplateWriter(), plans)
    keys = load_keys(settings.tenant_keys)
    parts.applier = Fold(
        decide,
        store.load,
        store.save,
        None,
        DECISIONS,
        keeps_plans=True,
        observe=observe,
        verifier=parts.verifier,
        plans=plans,
        tenants=frozenset(keys),
    )
    parts.relearn = Recovery(parts.fold, dispatcher.journal).relearn
    parts.topics = (
        PlanIssued.topic,
        ActionCleared.topic,
        CaseOpened.topic,
        TriggerFired.topic,
        OutcomeVerified.topic,
        RecipientEventReported.topic,
    )
    parts.kinds = {
        DraftMail.kind: Kind(DraftMail, preparation.draft),
        CheckMail.kind: Kind(CheckMail, preparation.check),
        ListCame.kind: Kind(ListCame),
        RenderMails.kind: Kind(RenderMails, preparation.render),
        PlanSend.kind: Kind(PlanSend, Planning(parts.db, plans, TemplatePlanner()).work),
        SendTestMail.kind: Kind(SendTestMail, tester.work),
        Dispatch.kind: Kind(Dispatch, dispatcher.work, attempts=8),
        AssembleOptions.kind: Kind(AssembleOptions, Remaining(parts.db, dispatcher).options, attempts=10),
    }

    async def measure() -> None:
        async with parts.db.pool.acquire() as conn:
            for scope, count in (await kill_switch.engaged_by_scope(conn)).items():
                KILL_SWITCH.labels(scope=scope).set(count)

    parts.measures = (measure,)
    parts.worker_slots = 3
    parts.routes = [*routes(parts, keys.get, people), *UnsubscribePages(parts, unsubscribe_key).routes()]
