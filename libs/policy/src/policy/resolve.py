"""Organisation, template and brief resolved into one effective policy: the stricter word wins, so no brief loosens."""

from datetime import time

from contracts.brief import Brief, Frequency, QuietHours, SlaTarget
from contracts.plan import Policy
from policy.organisation import OrganisationPolicy

DAY = 24 * 60


def resolve(organisation: OrganisationPolicy, framework: str, brief: Brief) -> Policy:
    """The policy that is frozen into the plan. `framework` names the template and its version."""
    return Policy(
        id=organisation.id,
        version=organisation.version,
        matrix=organisation.matrix,
        triggers=organisation.triggers,
        boundaries=organisation.boundaries,
        holds=organisation.holds,
        frequency=_frequency(organisation.frequency, brief.frequency),
        quiet_hours=_quiet_hours(organisation.quiet_hours, brief.quiet_hours),
        sla_targets=_targets(organisation.sla_targets, brief.sla_targets),
        waves=organisation.waves,
        deadlines=organisation.deadlines,
        asking=organisation.asking,
        confidence_floor=organisation.confidence_floor,
        autonomy_rung=organisation.autonomy_rung,
        recoverable_share=organisation.recoverable_share,
        rule_versions=(f"{organisation.id}.{organisation.version}", framework),
    )


def _frequency(ours: Frequency, asked: Frequency) -> Frequency:
    """At most what the organisation allows, and less where the brief says so."""
    return Frequency(
        per_week=min(ours.per_week, asked.per_week),
        per_day=min(ours.per_day, asked.per_day),
        confirmed=asked.confirmed,
    )


def _quiet_hours(ours: QuietHours, asked: QuietHours) -> QuietHours:
    """Quiet in both windows: where neither holds the other, the one from the organisation's start on to the later end.

    Both are confirmed by people, so the merged one is too where the brief's is.
    """
    if _length(asked) == 0:
        starts, ends = ours.starts, ours.ends
    elif _length(ours) == 0:
        starts, ends = asked.starts, asked.ends
    else:
        starts, ends = _both(ours, asked)
    return QuietHours(starts=starts, ends=ends, confirmed=asked.confirmed)


def _both(one: QuietHours, other: QuietHours) -> tuple[time, time]:
    """The shortest window that covers both."""
    choices = [(first.starts, second.ends) for first in (one, other) for second in (one, other)]
    covering = [
        (starts, ends)
        for starts, ends in choices
        if all(_minutes(starts, part.starts) + _length(part) <= _minutes(starts, ends) for part in (one, other))
    ]
    if not covering:  # together they leave no minute of the day free
        return one.starts, _before(one.starts)
    return min(covering, key=lambda window: _minutes(*window))


def _length(hours: QuietHours) -> int:
    """Minutes of quiet; none when it starts where it ends."""
    return _minutes(hours.starts, hours.ends)


def _minutes(since: time, until: time) -> int:
    return ((until.hour - since.hour) * 60 + until.minute - since.minute) % DAY


def _before(at: time) -> time:
    minute = (at.hour * 60 + at.minute - 1) % DAY
    return time(minute // 60, minute % 60)


def _targets(ours: tuple[SlaTarget, ...], asked: tuple[SlaTarget, ...]) -> tuple[SlaTarget, ...]:
    """One target per SLA, the tighter of the two."""
    merged = {target.sla: target for target in ours}
    for target in asked:
        known = merged.get(target.sla)
        merged[target.sla] = target if known is None else _tighter(known, target)
    return tuple(merged[sla] for sla in sorted(merged))


def _tighter(one: SlaTarget, other: SlaTarget) -> SlaTarget:
    if one.within is not None and other.within is not None:
        return one if one.within <= other.within else other
    if one.at_least is not None and other.at_least is not None:
        return one if one.at_least >= other.at_least else other
    return one
