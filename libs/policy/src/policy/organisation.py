"""What an organisation has settled for all its campaigns: `organisation.yaml` as types."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.brief import Frequency, QuietHours, SlaTarget, Workflow
from contracts.event import CampaignId, Count, Name, Share, Tenant
from contracts.framing import f
from contracts.plan import ActionClass, Asking, Boundary, Deadlines, MatrixRow, TimedHold, TriggerRule, Waves
from policy.sender import Sender


class MailRoute(BaseModel):
    """A tool that carries mail: of all workflows or one, and for which share of its campaigns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: Name
    workflow: Workflow | None = None
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Of all routes that fit, campaigns are shared by weight: a new provider starts with few."""


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
    mail_routes: Annotated[tuple[MailRoute, ...], Field(min_length=1)] = (MailRoute(tool="smtp"),)

    @model_validator(mode="after")
    def _every_route_reaches_somebody(self) -> Self:
        publishing = {row.tool for row in self.matrix if row.action_class is ActionClass.PUBLISH}
        if missing := sorted({route.tool for route in self.mail_routes} - publishing):
            raise ValueError(f"mail_routes: no matrix row lets {', '.join(missing)} publish: every send would be held")
        if all(route.workflow for route in self.mail_routes):
            raise ValueError("mail_routes: none is for every workflow: name one without `workflow`")
        return self

    def mail_tool(self, workflow: Workflow, campaign: CampaignId) -> Name:
        """The tool for a campaign's mail: the same campaign, the same tool, whatever its brief says."""
        routes = [route for route in self.mail_routes if route.workflow is workflow]
        return _shared(routes or [route for route in self.mail_routes if route.workflow is None], campaign)


class Organisation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Tenant
    sender: Sender
    policy: OrganisationPolicy


def _shared(routes: Sequence[MailRoute], campaign: CampaignId) -> Name:
    hashed = sha256(f("handrail/mail-route/v1", campaign.bytes)).digest()
    left = int.from_bytes(hashed[:8], "big") % sum(route.weight for route in routes)
    for route in routes:
        if left < route.weight:
            return route.tool
        left -= route.weight
    raise AssertionError("the rest of a division is less than its divisor")


def load_organisation(path: Path) -> Organisation:
    """Reads `organisation.yaml`. Raises ValidationError that names the field."""
    return Organisation.model_validate(yaml.safe_load(path.read_text()))
