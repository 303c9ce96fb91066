"""SLA clocks: started with the plan, met or breached once; rates are settled when the campaign ends. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from chassis.decision import Task
from contracts.brief import Anchor
from contracts.event import Event
from contracts.inbound import MailEvent
from contracts.monitor import Sla, SlaBreached, SlaMet, SlaStarted
from contracts.plan import Plan
from monitor import rates
from monitor.domain.state import Clock, SlaDeadline, Watch

TIMED = frozenset({Sla.RESPONSE_TIME, Sla.DRAFT_TIME})


def started(state: Watch, plan: Plan, now: datetime) -> tuple[Watch, tuple[Event, ...], tuple[Task, ...]]:
    """A clock for each target of the policy that names an SLA, and one for completion."""
    begin = state.received_at or now
    clocks: dict[str, Clock] = dict(state.clocks)
    events: list[Event] = []
    tasks: list[Task] = []
    targets = {target.sla: target for target in plan.policy.sla_targets if target.sla in set(Sla)}
    for sla in Sla:
        target = targets.get(sla)
        within = target.within if target else None
        at_least = target.at_least if target else None
        if sla is Sla.COMPLETION:
            within = _deadline(plan, begin) - begin
        elif target is None or (sla in TIMED) != (within is not None):
            continue
        due = begin + within if within is not None else None
        clocks[sla] = Clock(sla=sla, started_at=begin, due_at=due, within=within, at_least=at_least)
        events.append(
            SlaStarted(
                plan_version=plan.version, sla=sla, started_at=begin, due_at=due, within=within, at_least=at_least
            )
        )
        if due is not None:
            tasks.append(Task(SlaDeadline(sla=sla), due))
    return replace(state, clocks=clocks), tuple(events), tuple(tasks)


def _deadline(plan: Plan, begin: datetime) -> datetime:
    moment = plan.brief.timing.deadline
    if moment.at is not None:
        return moment.at
    by = moment.by or timedelta(0)
    launch = plan.brief.timing.launch
    if moment.after is not Anchor.ACCEPTANCE:
        by += launch.by or timedelta(0)
    if moment.after is Anchor.END_OF_SENDING:
        by += plan.brief.timing.send_window
    return begin + by


def met(state: Watch, sla: Sla, at: datetime, because: str) -> tuple[Watch, tuple[Event, ...]]:
    """The promise was kept at `at`; one that was late was breached at its deadline."""
    clock = state.clocks.get(sla)
    if clock is None or clock.state != "running":
        return state, ()
    took = at - clock.started_at
    if clock.due_at is not None and at > clock.due_at:
        return _settled(state, replace(clock, state="breached", took=took), because)
    return _settled(state, replace(clock, state="met", took=took), because)


def due(state: Watch, sla: Sla, now: datetime) -> tuple[Watch, tuple[Event, ...]]:
    """The deadline passed."""
    clock = state.clocks.get(sla)
    if clock is None or clock.state != "running":
        return state, ()
    took = now - clock.started_at
    return _settled(state, replace(clock, state="breached", took=took), "the deadline passed")


def ended(state: Watch, plan: Plan, completed: bool, at: datetime) -> tuple[Watch, tuple[Event, ...]]:
    """The campaign is over: every clock that still runs is settled."""
    events: list[Event] = []
    for sla, clock in state.clocks.items():
        if clock.state != "running":
            continue
        if sla in _RATES:
            value, because = _RATES[Sla(sla)](state, plan)
            kept = value is not None and value >= (clock.at_least or 0)
            state, more = _settled(state, replace(clock, state="met" if kept else "breached", rate=value), because)
        elif completed:
            state, more = met(state, Sla(sla), at, "the campaign reached its defined end")
        else:
            took = at - clock.started_at
            state, more = _settled(
                state, replace(clock, state="breached", took=took), "the campaign ended before its defined end"
            )
        events += more
    return state, tuple(events)


def exception_rate(state: Watch) -> float:
    """Interventions by people per decision."""
    return rates.rate(state.interventions, state.decisions)


def _qa(state: Watch, plan: Plan) -> tuple[float | None, str]:
    return rates.rate(state.checks_passed, state.checks), f"{state.checks_passed} of {state.checks} checks passed"


def _quality(state: Watch, plan: Plan) -> tuple[float | None, str]:
    waves = state.waves.values()
    sent, reported = sum(wave.sent for wave in waves), sum(wave.reported for wave in waves)
    if reported < plan.policy.waves.verdict_share * sent:
        return None, f"only {reported} of {sent} mails were reported on: silence is no proof of quality"
    complaints, delivered = state.total(MailEvent.COMPLAINED), state.total(MailEvent.DELIVERED)
    said = f"{complaints} complaints of {delivered} delivered"
    return 1 - rates.complaint_rate(complaints, max(complaints, delivered)), said


def _exceptions(state: Watch, plan: Plan) -> tuple[float | None, str]:
    said = f"{state.interventions} interventions in {state.decisions} decisions"
    return 1 - min(1.0, exception_rate(state)), said


_RATES = {Sla.QA_PASS_RATE: _qa, Sla.QUALITY: _quality, Sla.EXCEPTION_RATE: _exceptions}


def _settled(state: Watch, clock: Clock, because: str) -> tuple[Watch, tuple[Event, ...]]:
    clocks: Mapping[str, Clock] = {**state.clocks, clock.sla: clock}
    made = SlaMet if clock.state == "met" else SlaBreached
    event = made(plan_version=state.plan_version, sla=clock.sla, took=clock.took, rate=clock.rate, because=because)
    return replace(state, clocks=clocks), (event,)
