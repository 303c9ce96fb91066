"""Who asks at the executor's doors, and about which campaign."""

from dataclasses import dataclass

from starlette.requests import Request

from chassis.decision import Identity, Key
from chassis.identity import require, require_human
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import CampaignId, Tenant
from executor import store
from executor.domain.state import Campaign

PEOPLE = ("marketer", "campaign_approver", "marketing_lead", "operator")
READERS = (*PEOPLE, "auditor", "viewer")
LOOKERS = ("marketer", "campaign_approver", "marketing_lead")
"""Who may read mails."""


@dataclass(frozen=True, slots=True)
class Callers:
    parts: Parts

    def reader(self, request: Request) -> Identity:
        """Whoever may look. Raises Problem 401 or 403."""
        who = self.parts.gate.identify(request)
        require(who, *READERS)
        return who

    def person(self, request: Request, *roles: str) -> Identity:
        """A person with one of `roles`: no agent. Raises Problem 401 or 403."""
        who = self.parts.gate.identify(request)
        require(who, *roles)
        require_human(who)
        return who

    async def known(self, request: Request, who: Identity) -> tuple[Key, Campaign]:
        """The campaign of the path, as it stands. Raises Problem 404."""
        key = key_in(request, who)
        async with self.parts.db.pool.acquire() as conn:
            state = await store.state_of(conn, key)
        if state is None:
            raise Problem(404, "no such campaign", field="campaign_id", fix="see GET /v1/campaigns")
        return key, state


def key_in(request: Request, who: Identity) -> Key:
    """The campaign of the path, in the tenant of the token."""
    return Key(Tenant(who.tenant), CampaignId(request.path_params["campaign_id"]))
