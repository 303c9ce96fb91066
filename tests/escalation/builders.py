"""Given a history, when one message more, then a decision: for escalation."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from chassis.decision import Identity, Loaded, Message, Task
from contracts.actions import ActionProposed, ActionUncertain
from contracts.briefing import PlanIssued
from contracts.decision import Action, ReasonGiven
from contracts.escalation import CaseOpened
from contracts.event import Event, Meta, Severity
from contracts.monitor import Evidence, TriggerFired
from contracts.plan import ActionClass, Response, Trigger
from escalation.commands import Choice, DecideCase
from escalation.domain.decide import decide
from escalation.domain.state import Case, Escalation, Reason, Shared
from escalation.metrics import observe
from policy.directory import Directory, Person
from tests.builders import T0, meta, plan_issued, proposed


def person(subject: str, *roles: str, **changes: Any) -> Person:
    return Person(subject=subject, roles=roles or ("campaign_approver",), **changes)


PEOPLE = Directory(
    people=(
        person("maya", "marketer", tenant="demo"),
        person("ana", tenant="demo"),
        person("ben", tenant="demo"),
        person("leo", "marketing_lead", tenant="demo"),
    )
)
WHY = ReasonGiven(what="this one", when="the evidence names one domain", until="this campaign", why="the rest is fine")
E = TypeVar("E", bound=Event)


def who(subject: str = "ana", *roles: str, human: bool = True) -> Identity:
    return Identity(subject=subject, tenant="demo", roles=roles or ("campaign_approver",), human=human)


@dataclass
class Story:
    """One campaign, one message after another."""

    state: Escalation | None = None
    shared: Shared = field(default_factory=Shared)
    plans: dict[int, PlanIssued] = field(default_factory=dict)
    directory: Directory = PEOPLE
    said: list[Event] = field(default_factory=list)
    asked: list[Task] = field(default_factory=list)

    def tell(self, body: Any, at: datetime = T0, cause: Meta | None = None) -> Reason:
        """Decide about `body`; what was said by it is in `said`, its tasks in `asked`."""
        if isinstance(body, PlanIssued):
            self.plans[body.plan.version] = body
        here = Loaded(self.state, self.shared, dict(self.plans))
        message = Message(cause or meta(when=at), body)
        decision = decide(here, message, self.directory, at)
        observe(message, decision)
        self.state, self.said, self.asked = decision.state, list(decision.events), list(decision.tasks)
        if decision.shared is not None:
            self.shared = replace(decision.shared, learned={}, asked={}, switched=None)
        return Reason(decision.reason)

    def one(self, kind: type[E]) -> E:
        """The only event of `kind` that was just said."""
        [found] = [event for event in self.said if isinstance(event, kind)]
        return found

    def any(self, kind: type[E]) -> Sequence[E]:
        return [event for event in self.said if isinstance(event, kind)]

    @property
    def case(self) -> Case:
        """The newest case."""
        assert self.state is not None
        return list(self.state.cases.values())[-1]

    def vote(self, proposal: ActionProposed, by: Identity, at: datetime = T0, **changes: Any) -> Reason:
        values: dict[str, Any] = {
            "command_id": uuid4().hex, "actor": by, "case_id": self.case.case_id, "decision_id": proposal.decision_id,
            "content_hash": proposal.action.content_hash, "choice": Choice.APPROVE, "reason": None,
        }  # fmt: skip
        return self.tell(DecideCase(**(values | changes)), at)


def planned(issued: PlanIssued | None = None) -> Story:
    story = Story()
    story.tell(issued or plan_issued())
    return story


def asked(issued: PlanIssued | None = None) -> tuple[Story, ActionProposed]:
    """The first send waits for people."""
    story = planned(issued)
    proposal = proposed(story.plans[1])
    assert story.tell(proposal) is Reason.CASE_OPENED
    assert story.one(CaseOpened).case_id == story.case.case_id
    return story, proposal


def fired(**changes: Any) -> TriggerFired:
    values: dict[str, Any] = {
        "plan_version": 1, "rule": "bounces", "trigger": Trigger.HARD_BOUNCES, "response": Response.PAUSE,
        "severity": Severity.HIGH, "wave": 1, "decision_id": uuid4(), "metric": "hard_bounce_rate", "count": 30,
        "of": 240, "threshold": 0.05, "interval": (0.09, 0.17),
        "evidence": (Evidence(dimension="domain", value="acme-legacy.example", count=30, of=30),),
        "finding": "30 of 240 mails bounced, all at acme-legacy.example",
    }  # fmt: skip
    return TriggerFired(**(values | changes))


def option(issued: PlanIssued, trigger: UUID, name: str) -> ActionProposed:
    """What could be done about a trigger."""
    base = proposed(issued, answers=trigger)
    action: Action = base.action.model_copy(update={"content_hash": f"{len(name):02x}" * 32})
    decision_type = "send_email"
    if name == "stop":
        action = action.model_copy(update={"verb": "cancel", "action_class": ActionClass.REDUCE})
        decision_type = "stop"
    changes = {"action": action, "chosen": name, "decision_type": decision_type, "title": name}
    return base.model_copy(update=changes)


def uncertain(**changes: Any) -> ActionUncertain:
    values: dict[str, Any] = {
        "plan_version": 1, "decision_id": uuid4(), "effect_id": uuid4(), "recipient_hash": "ef" * 32,
        "recipient_domain": "example.com", "because": "killed between journal and answer",
    }  # fmt: skip
    return ActionUncertain(**(values | changes))


def later(**delta: float) -> datetime:
    return T0 + timedelta(**delta)
