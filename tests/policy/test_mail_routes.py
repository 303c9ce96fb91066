"""The organisation chooses what carries a campaign's mail: the same campaign, the same tool, and no brief has a say."""

from collections import Counter
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from pydantic import ValidationError

from contracts.brief import Workflow
from contracts.event import CampaignId
from contracts.plan import MatrixRow
from policy.organisation import MailRoute, OrganisationPolicy
from tests.builders import policy

WORKFLOW = Workflow.WEBINAR_FOLLOW_UP
CAMPAIGNS = [CampaignId(uuid5(NAMESPACE_URL, str(n))) for n in range(2000)]


def rows(*tools: str) -> tuple[MatrixRow, ...]:
    """The send's row and the stop's, for each tool."""
    return tuple(
        row.model_copy(update={"tool": tool, "id": f"{row.id}.{tool}"}) for tool in tools for row in policy().matrix
    )


def organisation(*routes: MailRoute, tools: tuple[str, ...] = ("smtp", "mail_api", "esp")) -> OrganisationPolicy:
    settled = policy(matrix=rows(*tools))
    values: dict[str, Any] = {
        name: getattr(settled, name) for name in OrganisationPolicy.model_fields if hasattr(settled, name)
    }
    return OrganisationPolicy.model_validate(values | ({"mail_routes": routes} if routes else {}))


def shares(settled: OrganisationPolicy) -> Counter[str]:
    return Counter(settled.mail_tool(WORKFLOW, campaign) for campaign in CAMPAIGNS)


def test_without_a_word_mail_goes_by_smtp() -> None:
    assert shares(organisation()) == {"smtp": len(CAMPAIGNS)}


def test_a_route_of_the_workflow_goes_before_one_of_all() -> None:
    settled = organisation(MailRoute(tool="smtp"), MailRoute(tool="esp", workflow=WORKFLOW))
    assert shares(settled) == {"esp": len(CAMPAIGNS)}


def test_campaigns_are_shared_by_weight_and_each_keeps_its_tool() -> None:
    settled = organisation(MailRoute(tool="smtp", weight=3), MailRoute(tool="mail_api"))
    assert shares(settled) == shares(settled)
    assert 0.20 < shares(settled)["mail_api"] / len(CAMPAIGNS) < 0.30


def test_a_tool_that_nobody_may_approve_is_refused_when_the_policy_is_read() -> None:
    with pytest.raises(ValidationError, match="no matrix row lets journey publish"):
        organisation(MailRoute(tool="journey"))


def test_some_route_must_be_for_every_workflow() -> None:
    with pytest.raises(ValidationError, match="none is for every workflow"):
        organisation(MailRoute(tool="smtp", workflow=WORKFLOW))
