"""What the doors show: frozen, and only what somebody outside needs. How a campaign is kept is nobody's business."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from contracts.event import CampaignId, Count, Name, RecipientHash, Sha256, Subject, Text, Value
from contracts.executor import CampaignOutcome, CampaignStage, CheckResult
from executor.domain.state import Campaign
from executor.preparing.drafts import Exclusion


class AudienceShown(Value):
    audience: Name
    contacts: Count
    with_consent: Count
    content_hash: Sha256
    imported_at: datetime


class AudienceTaken(Value):
    """A list is in; `waiting` are the campaigns that name it and have proposed nothing yet.

    Whichever of them its checklist holds up is prepared again by itself.
    """

    audience: Name
    contacts: Count
    with_consent: Count
    content_hash: Sha256
    waiting: tuple[CampaignId, ...]


class CampaignLine(Value):
    campaign_id: CampaignId
    name: str
    stage: CampaignStage
    halted: bool


class CampaignList(Value):
    campaigns: tuple[CampaignLine, ...]


class ArtefactShown(Value):
    name: Name
    revision: int
    content_hash: str
    """Empty until it is drafted."""
    checked: bool
    results: tuple[CheckResult, ...]


class RenderingShown(Value):
    """What the audience came to."""

    members: Count
    recipients: Count
    without_consent: Count
    suppressed: Count
    excluded: Count
    exclusions: tuple[Exclusion, ...]


class ProposalShown(Value):
    state: str
    """pending, granted, denied, superseded or over."""
    option: Name
    title: Text
    recipients: Count
    content_hash: Sha256


class SendingShown(Value):
    """The send in hand; `waves` are sizes by number."""

    decision_id: UUID
    wave: int
    waves: Mapping[int, int]
    ended: bool


class HaltShown(Value):
    because: Name
    trigger_id: UUID | None


class CampaignShown(Value):
    campaign_id: CampaignId
    name: str
    plan_version: int
    opens_at: datetime
    """Before this no mail leaves."""
    stage: CampaignStage
    halted: bool
    halt: HaltShown | None
    held: tuple[str, ...]
    """Why escalation holds it."""
    launched: bool
    finished: CampaignOutcome | None
    steps: Mapping[str, str]
    artefacts: Mapping[str, ArtefactShown]
    audience: RenderingShown | None
    checklist: tuple[CheckResult, ...]
    proposals: Mapping[UUID, ProposalShown]
    sending: SendingShown | None
    effects: Mapping[int, Mapping[str, int]]
    """Intents by wave and state."""


class MailLine(Value):
    """Mails that come from one draft, with a few recipients by hash to look at."""

    variant: Name
    recipients: Count
    subject: str
    samples: tuple[RecipientHash, ...]


class PreviewList(Value):
    snapshot_hash: Sha256
    mails: tuple[MailLine, ...]


class MailShown(Value):
    """One mail, to the letter."""

    subject: str
    body_text: str
    body_html: str
    digest: Sha256
    variant: Name
    recipient_hash: RecipientHash


class KillSwitchShown(Value):
    scope: str
    """global, tenant:<tenant> or campaign:<tenant>:<id>."""
    engaged: bool
    changed_by: Subject
    reason: Text
    release_by: Subject | None
    """Who asked to release it: another person must do it."""
    changed_at: datetime


class KillSwitchList(Value):
    kill_switches: tuple[KillSwitchShown, ...]


class Done(Value):
    """What came of a command, and the events it made."""

    result: str
    events: tuple[str, ...]


class Refusal(Value):
    """Why a command changed nothing, and what would mend it."""

    title: str
    status: int
    fix: str


def campaign(
    campaign_id: CampaignId,
    state: Campaign,
    checklist: tuple[CheckResult, ...],
    effects: Mapping[int, Mapping[str, int]],
) -> CampaignShown:
    seen, sending, halt = state.audience, state.sending, state.halt
    return CampaignShown(
        campaign_id=campaign_id,
        name=state.name,
        plan_version=state.plan_version,
        opens_at=state.opens_at,
        stage=state.stage,
        halted=halt is not None,
        halt=HaltShown(because=halt.because, trigger_id=halt.trigger_id) if halt else None,
        held=state.holds,
        launched=state.launched,
        finished=state.finished,
        steps=state.steps,
        artefacts={
            one.name: ArtefactShown(
                name=one.name,
                revision=one.revision,
                content_hash=one.content_hash,
                checked=one.checked,
                results=one.results,
            )
            for one in state.artefacts.values()
        },
        audience=RenderingShown(
            members=seen.members,
            recipients=seen.recipients,
            without_consent=seen.without_consent,
            suppressed=seen.suppressed,
            excluded=seen.excluded,
            exclusions=seen.exclusions,
        )
        if seen
        else None,
        checklist=checklist,
        proposals={
            decision: ProposalShown(
                state=one.state,
                option=one.option,
                title=one.title,
                recipients=one.recipients,
                content_hash=one.action.content_hash,
            )
            for decision, one in state.proposals.items()
        },
        sending=SendingShown(
            decision_id=sending.decision_id, wave=sending.wave, waves=sending.waves, ended=sending.ended
        )
        if sending
        else None,
        effects=effects,
    )
