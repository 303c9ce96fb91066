"""Is this signal real, and what must happen now? Triggers by the frozen table, one verdict a wave. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from contracts.event import Event, Severity
from contracts.inbound import MailEvent
from contracts.monitor import Evidence, TriggerFired
from contracts.plan import Plan, Response, Trigger, TriggerRule
from monitor import rates
from monitor.domain.state import Wave

SHOWN = 5
"""At most so many parts of a figure are evidence."""


def fired(wave: Wave, plan: Plan) -> tuple[Wave, tuple[Event, ...]]:
    """The triggers of bounces and complaints that this wave passes for the first time.

    Counts only grow and what they are held against only falls, so the order of reports decides nothing.
    """
    events: list[Event] = []
    for rule in plan.policy.triggers:
        if rule.trigger is Trigger.WAVE_REPORTED or wave.sent < rule.minimum or rule.id in wave.fired:
            continue
        count, of = figure(rule, wave)
        if rates.rate(count, of) <= rule.threshold:
            continue
        paused = wave.paused or rule.response in (Response.PAUSE, Response.ESCALATE)
        wave = replace(wave, fired=tuple(sorted((*wave.fired, rule.id))), paused=paused)
        events.append(_event(rule, wave, plan, count, of, tuple(_evidence(rule, wave))))
    return wave, tuple(events)


def verdict(wave: Wave, plan: Plan, due: bool) -> tuple[Wave, tuple[Event, ...]]:
    """The word that the next wave waits for, once: when nearly all is reported, or at the deadline by what is.

    None while a trigger holds the wave. None on silence either: after the deadline it waits for the rule's minimum.
    """
    if due and not wave.overdue:
        wave = replace(wave, overdue=True)
    if not wave.done or wave.judged:
        return wave, ()
    rule = next((one for one in plan.policy.triggers if one.trigger is Trigger.WAVE_REPORTED), None)
    if rule is None:
        return wave, ()
    enough = plan.policy.waves.verdict_share * wave.sent
    if wave.reported < (min(enough, max(1, rule.minimum)) if wave.overdue else enough):
        return wave, ()
    wave = replace(wave, judged=True)
    if wave.paused:
        return wave, ()
    return wave, (_event(rule, wave, plan, wave.reported, wave.sent, ()),)


def figure(rule: TriggerRule, wave: Wave) -> tuple[int, int]:
    """What the rule looks at: (count, of)."""
    match rule.trigger:
        case Trigger.HARD_BOUNCES:
            return wave.count(MailEvent.BOUNCED_HARD), wave.mails
        case Trigger.COMPLAINTS:
            complained = wave.count(MailEvent.COMPLAINED)
            return complained, max(complained, wave.arrived)
        case Trigger.WAVE_REPORTED:
            return wave.reported, wave.sent


def _evidence(rule: TriggerRule, wave: Wave) -> Iterator[Evidence]:
    parts = wave.bounced_by if rule.trigger is Trigger.HARD_BOUNCES else wave.complained_by
    ranked = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    for domain, count in ranked[:SHOWN]:
        yield Evidence(dimension="domain", value=domain[:120], count=count, of=wave.sent_by.get(domain, count))


def _event(
    rule: TriggerRule, wave: Wave, plan: Plan, count: int, of: int, evidence: tuple[Evidence, ...]
) -> TriggerFired:
    metric = {
        Trigger.HARD_BOUNCES: "hard_bounce_rate",
        Trigger.COMPLAINTS: "complaint_rate",
        Trigger.WAVE_REPORTED: "reported_share",
    }[rule.trigger]
    return TriggerFired(
        plan_version=plan.version,
        rule=rule.id,
        trigger=rule.trigger,
        response=rule.response,
        severity=Severity(rule.severity),
        wave=wave.number,
        decision_id=wave.decision_id,
        metric=metric,
        count=count,
        of=of,
        threshold=rule.threshold,
        interval=rates.interval(count, of),
        evidence=evidence,
        finding=_finding(rule, wave, count, of, evidence),
    )


def _finding(rule: TriggerRule, wave: Wave, count: int, of: int, evidence: tuple[Evidence, ...]) -> str:
    share = f"{rates.rate(count, of):.1%}"
    match rule.trigger:
        case Trigger.HARD_BOUNCES:
            worst = f", {evidence[0].count} of them at {evidence[0].value}" if evidence else ""
            return f"{count} of {of} mails of wave {wave.number} bounced ({share}, limit {rule.threshold:.0%}){worst}"
        case Trigger.COMPLAINTS:
            return f"{count} of {of} people complained about wave {wave.number} ({share}, limit {rule.threshold:.2%})"
        case Trigger.WAVE_REPORTED:
            few = "" if wave.sent >= 200 else "; too few to judge bounces by"
            return f"wave {wave.number} went well: {count} of {of} mails reported ({share}){few}"
