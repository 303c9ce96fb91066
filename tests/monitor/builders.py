"""A campaign's history for the monitor: each builder says one thing that happened, at a second after T0."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.decision import Loaded, Message
from contracts.actions import ActionExecuted, Effect, EffectOutcome, EffectsRecorded
from contracts.brief import Anchor, Moment, Objective, Outcome
from contracts.briefing import BriefAccepted, PlanIssued
from contracts.event import Event, Value
from contracts.executor import CampaignFinished, CampaignHalted, CampaignLaunched, CampaignOutcome, CampaignResumed
from contracts.framing import digest, named
from contracts.inbound import ContactEvent, ContactEventReported, MailEvent, RecipientEventReported
from monitor.domain.decide import Ruling, decide
from monitor.domain.state import Shared, Watch
from tests.builders import at, brief, meta, plan_issued

SEND = UUID("33333333-3333-5333-8333-333333333333")
OPTION = UUID("44444444-4444-5444-8444-444444444444")
GRANT = UUID("55555555-5555-5555-8555-555555555555")


def person(number: int) -> str:
    return digest("person", str(number))


def domain(number: int) -> str:
    return f"d{number % 8}.example"


def effect(number: int, outcome: EffectOutcome = EffectOutcome.SUCCEEDED, where: str = "") -> Effect:
    return Effect(
        effect_id=named("effect", str(number)),
        recipient_hash=person(number),
        recipient_domain=where or domain(number),
        variant="mail.attended",
        outcome=outcome,
        because="accepted",
    )


def sent(
    numbers: Iterable[int],
    *,
    wave: int = 1,
    size: int = 240,
    done: bool = False,
    decision: UUID = SEND,
    outcome: EffectOutcome = EffectOutcome.SUCCEEDED,
) -> EffectsRecorded:
    return EffectsRecorded(
        plan_version=1,
        decision_id=decision,
        wave=wave,
        wave_size=size,
        wave_done=done,
        effects=tuple(effect(number, outcome) for number in numbers),
    )


def report(number: int, kind: MailEvent, *, machine: bool = False, where: str = "") -> RecipientEventReported:
    return RecipientEventReported(
        kind=kind,
        recipient_hash=person(number),
        recipient_domain=where or domain(number),
        effect_id=named("effect", str(number)),
        machine=machine,
        provider="sendgrid",
    )


def contact(number: int, kind: ContactEvent = ContactEvent.DEMO_BOOKED) -> ContactEventReported:
    return ContactEventReported(kind=kind, recipient_hash=person(number))


def accepted() -> BriefAccepted:
    return BriefAccepted(received_at=at(0), submitted_by="maya", brief=brief(), warnings=())


def planned(closes: Moment | None = None, *, target: int = 20, **changes: Any) -> PlanIssued:
    """A plan whose outcome is booked demos, counted until `closes` (a minute after the end of sending)."""
    objective = Objective(
        outcome=Outcome.BOOKED_DEMOS,
        unit="demos",
        target=target,
        baseline=4,
        window_closes=closes or Moment(after=Anchor.END_OF_SENDING, by=timedelta(seconds=60)),
        source_of_truth="crm",
    )
    return plan_issued(brief_=brief(objective=objective), **changes)


def launched() -> CampaignLaunched:
    return CampaignLaunched(plan_version=1, decision_id=SEND, grant_id=GRANT, recipients=588, checklist=())


def halted(actor: str | None = None) -> CampaignHalted:
    return CampaignHalted(
        plan_version=1,
        because="bounces",
        trigger_id=None,
        actor=actor,
        fence=1,
        sent=240,
        remaining=348,
        closes=(),
    )


def resumed() -> CampaignResumed:
    return CampaignResumed(plan_version=1, decision_id=OPTION, grant_id=GRANT, fence=1, remaining=333, closes=())


def executed(*, ended: bool = True) -> ActionExecuted:
    return ActionExecuted(
        plan_version=1, decision_id=SEND, grant_id=GRANT, succeeded=240, failed=0, unknown=0, skipped=0,
        sending_ended=ended,
    )  # fmt: skip


def finished(outcome: CampaignOutcome = CampaignOutcome.COMPLETED) -> CampaignFinished:
    return CampaignFinished(plan_version=1, outcome=outcome, because="outcome_verified")


class History:
    """Folds messages as the chassis would, each at its second, and keeps what came of them."""

    def __init__(self, issued: PlanIssued | None = None, *, begun: bool = True) -> None:
        self.issued = issued or planned()
        self.here: Loaded[Watch, Shared] = Loaded(None, Shared(), {self.issued.plan.version: self.issued})
        self.rulings: list[Ruling] = []
        if begun:
            self.then(accepted()).then(self.issued)

    def then(self, body: Value, seconds: float = 0, *, now: float | None = None, said: Any = None) -> "History":
        """`body` happened at `seconds`, and is read at `now` (the same second)."""
        when: datetime = at(seconds)
        read = at(seconds if now is None else now)
        ruling = decide(self.here, Message(said or meta(when=when), body), None, read)
        shared = ruling.shared if ruling.shared is not None else self.here.shared
        self.here = replace(self.here, state=ruling.state, shared=shared)
        self.rulings.append(ruling)
        return self

    def all(self, bodies: Iterable[Value], seconds: float = 0) -> "History":
        for body in bodies:
            self.then(body, seconds)
        return self

    @property
    def state(self) -> Watch:
        assert self.here.state is not None
        return self.here.state

    @property
    def last(self) -> Ruling:
        return self.rulings[-1]

    def said(self, kind: type[Event]) -> Sequence[Any]:
        """All events of a class, in the order they were said."""
        return [event for ruling in self.rulings for event in ruling.events if isinstance(event, kind)]

    def wave(self, number: int = 1, decision: UUID = SEND) -> Any:
        return self.state.waves[f"{decision}:{number}"]
