"""What an organisation has settled for all its campaigns: `organisation.yaml` as types."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from contracts.brief import Frequency, QuietHours, SlaTarget
from contracts.event import Count, Name, Share, Tenant
from contracts.plan import Asking, Boundary, Deadlines, MatrixRow, TimedHold, TriggerRule, Waves
from policy.sender import Sender


class OrganisationPolicy(BaseModel):
    """The organisation's part of every effective policy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Name
    version: Count
    matrix: tuple[MatrixRow, ...]
    triggers: tuple[TriggerRule, ...]
    boundaries: tuple[Boundary, ...]
    holds: tuple[TimedHold, ...]
    frequency: Frequency
    quiet_hours: QuietHours
    sla_targets: tuple[SlaTarget, ...]
    waves: Waves
    deadlines: Deadlines
    asking: Asking
    confidence_floor: Share
    autonomy_rung: Annotated[int, Field(ge=1, le=4)]
    recoverable_share: Share


class Organisation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Tenant
    sender: Sender
    policy: OrganisationPolicy


def load_organisation(path: Path) -> Organisation:
    """Reads `organisation.yaml`. Raises ValidationError that names the field."""
    return Organisation.model_validate(yaml.safe_load(path.read_text()))
