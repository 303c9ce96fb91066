"""What the executor remembers of a campaign."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.decision import Action
from contracts.executor import CampaignOutcome, CampaignStage, CheckResult
from executor.preparing.drafts import Exclusion


class Reason(StrEnum):
    """Why a decision went the way it did. Also the `reason` label of the decisions metric."""

    WORK_BEGUN = "work_begun"
    KNOWN = "known"
    DRAFTED = "drafted"
    CHECKED = "checked"
    CHECK_FAILED = "check_failed"
    PLANNING = "planning"
    PROPOSED = "proposed"
    CHECKLIST_BLOCKS = "checklist_blocks"
    WAIVED = "waived"
    NOTHING_TO_WAIVE = "nothing_to_waive"
    NEVER_WAIVED = "never_waived"
    TEST_ASKED = "test_asked"
    TESTED = "tested"
    NOT_DRAFTED = "not_drafted"
    KILLED = "killed"
    TOO_MANY_TESTS = "too_many_tests"
    GRANT_TAKEN = "grant_taken"
    GRANT_REFUSED = "grant_refused"
    WORD_REFUSED = "word_refused"
    DENIED = "denied"
    REVOKED = "revoked"
    SENDING = "sending"
    WAVE_DONE = "wave_done"
    SENT = "sent"
    DISPATCH_REFUSED = "dispatch_refused"
    HALTED = "halted"
    HALTED_ALREADY = "halted_already"
    PLAN_CHANGED = "plan_changed"
    NEXT_WAVE = "next_wave"
    RESUMING = "resuming"
    HELD = "held"
    RELEASED = "released"
    OPTIONS_PROPOSED = "options_proposed"
    OUTCOME_TAKEN = "outcome_taken"
    CASE_SEEN = "case_seen"
    SUPPRESSED = "suppressed"
    SETTLED = "settled"
    CANCELLED = "cancelled"
    NOT_HALTED = "not_halted"
    NOT_RUNNING = "not_running"
    STEP_FAILED = "step_failed"
    AUDIENCE_IMPORTED = "audience_imported"
    LIST_CHANGED = "list_changed"
    KILL_SWITCH_ENGAGED = "kill_switch_engaged"
    ENGAGED_ALREADY = "engaged_already"
    RELEASE_ASKED = "release_asked"
    KILL_SWITCH_RELEASED = "kill_switch_released"
    NOT_ENGAGED = "not_engaged"
    RECOVERED = "recovered"
    NOTED = "noted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    name: str
    revision: int
    template: str = ""
    content_hash: str = ""
    results: tuple[CheckResult, ...] = ()
    checked: bool = False

    @property
    def passed(self) -> bool:
        return self.checked and not [one for one in self.results if one.verdict.value in ("fail", "error")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What rendering came to."""

    snapshot_hash: str
    content_hash: str
    audience_hash: str
    members: int
    recipients: int
    without_consent: int
    suppressed: int
    exclusions: tuple[Exclusion, ...]
    checks: tuple[CheckResult, ...]

    @property
    def excluded(self) -> int:
        """How many are left out because the brief says so."""
        return sum(one.left_out for one in self.exclusions)


@dataclass(frozen=True, slots=True)
class Failure:
    """Work of preparing that failed for good; `artefact` is empty where it is about all of them."""

    kind: str
    artefact: str
    because: str

    @property
    def item(self) -> str:
        """As the checklist calls it."""
        return f"{self.artefact}:{self.kind}" if self.artefact else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a grant must match."""

    decision_id: UUID
    action: Action
    plan_version: int
    plan_hash: str
    policy_hash: str
    snapshot_hash: str
    recipients: int
    option: str
    title: str
    state: str = "pending"
    """pending, granted, denied, superseded by another, or over: nobody need decide it any more."""
    grant_id: UUID | None = None
    without: tuple[str, ...] = ()
    """Domains that it leaves out."""
    halts: int = 0
    """How often the campaign had been halted when this was proposed: a later halt makes it stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """The send in hand: wave by wave."""

    decision_id: UUID
    grant_id: UUID
    wave: int
    waves: Mapping[int, int]
    """Size by wave."""
    wave_done: bool = False
    judged: bool = False
    """The monitor has said that this wave went well."""
    ended: bool = False
    """Every wave is settled."""
    turned_away: int = 0
    """Runs in a row in which the tool refused us ourselves."""
    succeeded: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0

    @property
    def settled(self) -> int:
        return self.succeeded + self.failed + self.unknown + self.skipped

    @property
    def left(self) -> int:
        return max(0, sum(self.waves.values()) - self.settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    because: str
    trigger_id: UUID | None
    blamed: tuple[str, ...] = ()
    """Domains to blame, as its triggers say so far."""
    resumed: bool = False
    """A person wants to go on: what is proposed from now on may lift it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Everything about one campaign but its effects and contacts."""

    plan_version: int
    plan_hash: str = ""
    name: str = ""
    accepted_at: datetime
    opens_at: datetime
    """Before this no mail leaves, whatever was approved."""
    stage: CampaignStage = CampaignStage.BRIEFING
    stage_before: CampaignStage = CampaignStage.BRIEFING
    open_cases: tuple[UUID, ...] = ()
    steps: Mapping[str, str] = field(default_factory=dict)
    artefacts: Mapping[str, Artefact] = field(default_factory=dict)
    audience: Audience | None = None
    waived: Mapping[str, str] = field(default_factory=dict)
    proposals: Mapping[UUID, Proposal] = field(default_factory=dict)
    sending: Sending | None = None
    sent_before: int = 0
    """Mails that left under earlier decisions of the same step."""
    launched: bool = False
    halt: Halt | None = None
    halts: int = 0
    """How often the campaign was halted so far."""
    asked_about: tuple[UUID, ...] = ()
    """The triggers of the halt it is in: people are asked about each."""
    left_out: tuple[str, ...] = ()
    """Domains that a person chose to go on without."""
    holds: tuple[str, ...] = ()
    """Why escalation holds the whole campaign."""
    lists: tuple[str, ...] = ()
    """The audiences that its plan names: whom it is for, and whom it leaves out."""
    renderings: int = 0
    """How often rendering was asked for."""
    list_came: bool = False
    """One of its lists came while it was being rendered."""
    failures: tuple[Failure, ...] = ()
    """Until a person resumes."""
    fence: int = 0
    finished: CampaignOutcome | None = None

    @property
    def running(self) -> bool:
        return self.finished is None
