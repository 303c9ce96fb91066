"""What the doors show of a campaign: counts, rates with their bases, promises and figures. No address."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from contracts.event import CampaignId, Count, Name, Value
from contracts.executor import CampaignStage
from contracts.inbound import MailEvent, MetricReported
from contracts.monitor import Sla
from monitor import rates
from monitor.domain.clocks import exception_rate
from monitor.domain.state import OPENED_BY_MACHINE, Watch, Wave


class CampaignLine(Value):
    campaign_id: CampaignId
    outcome: str


class Campaigns(Value):
    campaigns: tuple[CampaignLine, ...]


class WaveShown(Value):
    """One wave, each recipient counted once; the interval is the rate's own, at 95 %."""

    wave: Count
    decision_id: UUID
    size: Count
    sent: Count
    reported: Count
    delivered: Count
    bounced_hard: Count
    hard_bounce_rate: float | None
    hard_bounce_interval: tuple[float, float]
    bounced_by_domain: Mapping[str, int]
    complained: Count
    clicked: Count
    done: bool
    judged: bool
    paused: bool


class ClockShown(Value):
    """One promise: running, met or breached."""

    sla: Sla
    state: Name
    started_at: datetime
    due_at: datetime | None
    within: timedelta | None
    at_least: float | None
    took: timedelta | None
    rate: float | None


class Totals(Value):
    """Of all waves together. Opens decide nothing: machines open mails too."""

    sent: Count
    delivered: Count
    bounced_hard: Count
    complained: Count
    unsubscribed: Count
    clicked: Count
    opened_by_people: Count
    opened_by_machines: Count
    delivery_rate: float | None
    click_rate: float | None
    exception_rate: float | None


class CampaignShown(Value):
    """`counted` is what counts towards the outcome; the window in which it counts ends at `closes_at`."""

    campaign_id: CampaignId
    plan_version: Count
    stage: CampaignStage
    outcome: Name
    counted: Count
    launched_at: datetime | None
    ended_at: datetime | None
    halted_at: datetime | None
    closes_at: datetime | None
    decisions: Count
    interventions: Count
    totals: Totals
    waves: tuple[WaveShown, ...]
    clocks: tuple[ClockShown, ...]
    metrics: tuple[MetricReported, ...]
    """What channels reported of themselves, each in its last revision."""


class Accepted(Value):
    """Our ids of the events that were taken."""

    accepted: tuple[UUID, ...]


class Reports(Value):
    """How many of a provider's reports were taken; the others are about mails that are not ours."""

    accepted: Count
    not_ours: Count


def campaign(campaign_id: CampaignId, watch: Watch, metrics: Sequence[MetricReported]) -> CampaignShown:
    return CampaignShown(
        campaign_id=campaign_id,
        plan_version=watch.plan_version,
        stage=watch.stage,
        outcome=watch.outcome,
        counted=watch.counted,
        launched_at=watch.launched_at,
        ended_at=watch.ended_at,
        halted_at=watch.halted_at,
        closes_at=watch.closes_at,
        decisions=watch.decisions,
        interventions=watch.interventions,
        totals=_totals(watch),
        waves=tuple(_wave(wave) for wave in sorted(watch.waves.values(), key=lambda wave: wave.number)),
        clocks=tuple(ClockShown.model_validate(clock, from_attributes=True) for clock in watch.clocks.values()),
        metrics=tuple(metrics),
    )


def _totals(watch: Watch) -> Totals:
    sent, delivered = sum(wave.sent for wave in watch.waves.values()), watch.total(MailEvent.DELIVERED)
    clicked = watch.total(MailEvent.CLICKED)
    return Totals(
        sent=sent,
        delivered=delivered,
        bounced_hard=watch.total(MailEvent.BOUNCED_HARD),
        complained=watch.total(MailEvent.COMPLAINED),
        unsubscribed=watch.total(MailEvent.UNSUBSCRIBED),
        clicked=clicked,
        opened_by_people=watch.total(MailEvent.OPENED),
        opened_by_machines=watch.total(OPENED_BY_MACHINE),
        delivery_rate=rates.delivery_rate(delivered, sent),
        click_rate=rates.click_rate(clicked, delivered),
        exception_rate=exception_rate(watch),
    )


def _wave(wave: Wave) -> WaveShown:
    bounced = wave.count(MailEvent.BOUNCED_HARD)
    return WaveShown(
        wave=wave.number,
        decision_id=wave.decision_id,
        size=wave.size,
        sent=wave.sent,
        reported=wave.reported,
        delivered=wave.count(MailEvent.DELIVERED),
        bounced_hard=bounced,
        hard_bounce_rate=rates.hard_bounce_rate(bounced, wave.sent),
        hard_bounce_interval=rates.interval(bounced, wave.sent),
        bounced_by_domain=wave.bounced_by,
        complained=wave.count(MailEvent.COMPLAINED),
        clicked=wave.count(MailEvent.CLICKED),
        done=wave.done,
        judged=wave.judged,
        paused=wave.paused,
    )
