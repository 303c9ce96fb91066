"""Counters that come out the same whatever the order and number of reports. Pure."""

from dataclasses import replace

from contracts.actions import EffectOutcome, EffectsRecorded
from contracts.event import Meta
from contracts.executor import RecipientSuppressed
from contracts.inbound import ContactEventReported, MailEvent, RecipientEventReported
from contracts.plan import Plan
from monitor.domain.state import COUNTS, OPENED_BY_MACHINE, REPORTED, Recipient, Shared, Watch, Wave, wave_key


def reported(state: Watch, shared: Shared, report: RecipientEventReported) -> tuple[Watch, Shared, str | None]:
    """Count a report once per recipient and kind. Returns the wave it belongs to, where that is known and it is new."""
    kind = OPENED_BY_MACHINE if report.kind is MailEvent.OPENED and report.machine else report.kind.value
    return _counted(state, shared, report.recipient_hash, report.recipient_domain, kind)


def unsubscribed(state: Watch, shared: Shared, left: RecipientSuppressed) -> tuple[Watch, Shared, str | None]:
    """Somebody used our own unsubscribe page: the provider need not tell us."""
    return _counted(state, shared, left.recipient_hash, left.recipient_domain, MailEvent.UNSUBSCRIBED.value)


def _counted(state: Watch, shared: Shared, recipient: str, domain: str, kind: str) -> tuple[Watch, Shared, str | None]:
    known = shared.recipients.get(recipient, Recipient(domain))
    if kind in known.kinds:
        return state, shared, None
    shared = shared.with_recipient(recipient, replace(known, kinds=known.kinds | {kind}))
    if known.wave is None:
        return state, shared, None
    wave = _with_kind(state.waves[known.wave], known, kind)
    return state.with_wave(known.wave, wave), shared, known.wave


def converted(
    state: Watch, shared: Shared, report: ContactEventReported, plan: Plan | None
) -> tuple[Watch, Shared, bool]:
    """Count what a contact did once; towards the outcome only for who was mailed, while the window is open."""
    kind = f"contact.{report.kind}"
    known = shared.recipients.get(report.recipient_hash, Recipient("unknown"))
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
    counted = state.counted
    for effect in effects.effects:
        if effect.outcome not in (EffectOutcome.SUCCEEDED, EffectOutcome.UNKNOWN):
            continue
        known = shared.recipients.get(effect.recipient_hash, Recipient(effect.recipient_domain))
        if known.wave is not None:
            continue
        known = replace(known, wave=key, domain=effect.recipient_domain)
        shared = shared.with_recipient(effect.recipient_hash, known)
        sent_by = {**wave.sent_by, known.domain: wave.sent_by.get(known.domain, 0) + 1}
        wave = replace(wave, sent=wave.sent + 1, sent_by=sent_by)
        met = replace(known, kinds=frozenset())
        for kind in sorted(known.kinds):
            if kind.startswith("contact."):
                counted += _counts(plan, kind) and state.outcome == "open"
            else:
                wave = _with_kind(wave, met, kind)
                met = replace(met, kinds=met.kinds | {kind})
    if effects.wave_done and not wave.done:
        wave = replace(wave, done=True, ended_at=meta.occurred_at)
    return replace(state.with_wave(key, wave), counted=counted), shared, key


def _with_kind(wave: Wave, recipient: Recipient, kind: str) -> Wave:
    """`wave` with one more of `kind`; a mail's fate counts as reported once."""
    counts = {**wave.counts, kind: wave.counts.get(kind, 0) + 1}
    ends = {MailEvent.DELIVERED.value, MailEvent.BOUNCED_HARD.value}
    if kind in ends and ends <= {kind, *recipient.kinds}:  # what bounced in the end was not delivered
        counts[MailEvent.DELIVERED.value] -= 1
    fates = recipient.kinds & REPORTED
    first_fate = kind in REPORTED and not (fates - {kind})
    bounced_by = wave.bounced_by
    if kind == MailEvent.BOUNCED_HARD:
        bounced_by = {**bounced_by, recipient.domain: bounced_by.get(recipient.domain, 0) + 1}
    complained_by = wave.complained_by
    if kind == MailEvent.COMPLAINED:
        complained_by = {**complained_by, recipient.domain: complained_by.get(recipient.domain, 0) + 1}
    return replace(
        wave,
        counts=counts,
        reported=wave.reported + first_fate,
        bounced_by=bounced_by,
        complained_by=complained_by,
    )


def _counts(plan: Plan, kind: str) -> bool:
    wanted = COUNTS.get(plan.brief.objective.outcome)
    return wanted is not None and kind == f"contact.{wanted}"
