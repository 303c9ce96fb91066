"""Counters that come out the same whatever the order and number of reports. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from contracts.actions import EffectOutcome, EffectsRecorded
from contracts.event import Meta
from contracts.executor import RecipientSuppressed
from contracts.inbound import ContactEventReported, MailEvent, RecipientEventReported
from contracts.plan import Plan
from monitor.domain.state import (
    COUNTS,
    LOST,
    OPENED_BY_MACHINE,
    REPORTED,
    Recipient,
    Shared,
    Watch,
    Wave,
    changed,
    wave_key,
)


def reported(state: Watch, shared: Shared, report: RecipientEventReported) -> tuple[Watch, Shared, str | None]:
    """Count a report once per recipient and kind. Returns the wave it belongs to, where that is known and it is new."""
    kind = OPENED_BY_MACHINE if report.kind is MailEvent.OPENED and report.machine else report.kind.value
    return _counted(state, shared, report.recipient_hash, kind)


def unsubscribed(state: Watch, shared: Shared, left: RecipientSuppressed) -> tuple[Watch, Shared, str | None]:
    """Somebody used our own unsubscribe page: the provider need not tell us."""
    return _counted(state, shared, left.recipient_hash, MailEvent.UNSUBSCRIBED.value)


def _counted(state: Watch, shared: Shared, recipient: str, kind: str) -> tuple[Watch, Shared, str | None]:
    known = shared.recipients.get(recipient, Recipient())
    if kind in known.kinds:
        return state, shared, None
    shared = shared.with_recipient(recipient, Recipient(known.domain, known.wave, known.kinds | {kind}))
    if known.wave is None:
        return state, shared, None
    wave = _with_kind(state.waves[known.wave], known, kind)
    return state.with_wave(known.wave, wave), shared, known.wave


def converted(
    state: Watch, shared: Shared, report: ContactEventReported, plan: Plan | None
) -> tuple[Watch, Shared, bool]:
    """Count what a contact did once; towards the outcome only for who was mailed, while the window is open."""
    kind = f"contact.{report.kind}"
    known = shared.recipients.get(report.recipient_hash, Recipient())
    if kind in known.kinds:
        return state, shared, False
    shared = shared.with_recipient(report.recipient_hash, replace(known, kinds=known.kinds | {kind}))
    if known.wave is None or plan is None or not _counts(plan, kind) or state.outcome != "open":
        return state, shared, False
    return replace(state, counted=state.counted + 1), shared, True


def recorded(
    state: Watch, shared: Shared, effects: EffectsRecorded, plan: Plan, meta: Meta
) -> tuple[Watch, Shared, str]:
    """Who was mailed in which wave; what was reported before counts from now on."""
    key = wave_key(effects.decision_id, effects.wave)
    wave = state.waves.get(key, Wave(decision_id=effects.decision_id, number=effects.wave))
    wave = replace(wave, size=max(wave.size, effects.wave_size))
    counted, sent_at = state.counted, state.sent_at
    for effect in effects.effects:
        if effect.outcome not in (EffectOutcome.SUCCEEDED, EffectOutcome.UNKNOWN):
            continue
        sent_at = max(sent_at or meta.occurred_at, meta.occurred_at)
        known = shared.recipients.get(effect.recipient_hash, Recipient())
        if known.wave is not None:
            continue
        known = replace(known, wave=key, domain=effect.recipient_domain)
        shared = shared.with_recipient(effect.recipient_hash, known)
        wave = replace(wave, sent=wave.sent + 1, sent_by=_one_more(wave.sent_by, known.domain))
        met = replace(known, kinds=frozenset())
        for kind in sorted(known.kinds):
            if kind.startswith("contact."):
                counted += _counts(plan, kind) and state.outcome == "open"
            else:
                wave = _with_kind(wave, met, kind)
                met = replace(met, kinds=met.kinds | {kind})
    if effects.wave_done and not wave.done:
        wave = replace(wave, done=True, ended_at=meta.occurred_at)
    return replace(state.with_wave(key, wave), counted=counted, sent_at=sent_at), shared, key


def _with_kind(wave: Wave, recipient: Recipient, kind: str) -> Wave:
    """`wave` with one more of `kind`. A mail's fate is reported once, and a mail that is lost was not delivered."""
    before, domain = recipient.kinds, recipient.domain
    was_lost, is_lost = bool(before & LOST), kind in LOST
    counts = wave.counts
    if kind != MailEvent.DELIVERED or not was_lost:
        counts = {**counts, kind: counts.get(kind, 0) + 1}
    if is_lost and not was_lost and MailEvent.DELIVERED in before:
        counts = {**counts, MailEvent.DELIVERED: counts[MailEvent.DELIVERED] - 1}
        counts = {one: count for one, count in counts.items() if count}
    return changed(
        wave,
        counts=counts,
        reported=wave.reported + (kind in REPORTED and not before & REPORTED),
        lost=wave.lost + (is_lost and not was_lost),
        bounced_by=_one_more(wave.bounced_by, domain) if kind == MailEvent.BOUNCED_HARD else wave.bounced_by,
        complained_by=_one_more(wave.complained_by, domain) if kind == MailEvent.COMPLAINED else wave.complained_by,
    )


def _one_more(parts: Mapping[str, int], of: str) -> Mapping[str, int]:
    return {**parts, of: parts.get(of, 0) + 1}


def _counts(plan: Plan, kind: str) -> bool:
    wanted = COUNTS.get(plan.brief.objective.outcome)
    return wanted is not None and kind == f"contact.{wanted}"
