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
from executor import api, directory, kill_switch, store
from executor.api_unsubscribe import UnsubscribePages
from executor.candidates import PlanSend
from executor.dispatch import Dispatcher
from executor.domain.decide import decide
from executor.domain.proposing import SEND
from executor.drafts import CheckMail, DraftMail, RenderMails, SendTestMail
from executor.effects import AssembleOptions, Dispatch
from executor.journal import Journal
from executor.mail import Stamp
from executor.metrics import DECISIONS, KILL_SWITCH, observe
from executor.planner import Planning, TemplatePlanner
from executor.preparation import Preparation
from executor.recover import Recovery
from executor.remaining import Remaining
from executor.sends import Sends
from executor.settings import Settings
from executor.settling import Settling
from executor.tester import Tester
from executor.toolbox import toolbox
from executor.tools import smtp
from executor.writer import TemplateWriter
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
    parts.routes = [*api.routes(parts, keys.get, people), *UnsubscribePages(parts, unsubscribe_key).routes()]
