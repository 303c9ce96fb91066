"""A brief names only what there is, so that nobody relies on what nobody does."""

from datetime import date, timedelta
from typing import Any

import pytest

from briefing.domain.decide import reviewed
from contracts.brief import ApprovalRule, Asset, Channel, Frequency, ManualStep, QuietHours, SlaTarget
from tests.briefing.builders import RULES, draft
from tests.builders import T0


@pytest.mark.parametrize(
    ("field", "value", "fix"),
    [
        ("channels", (Channel(type="sms", constraints=()),), "email"),
        ("assets", (Asset(id="nowhere", rights="own"),), "demo, replay"),
        ("assets", (Asset(id="demo", rights="own", expires=date(2026, 1, 4)),), "renew"),
        ("approval_rules", (ApprovalRule(decision="sned_email", role="campaign_approver"),), "send_email"),
        ("approval_rules", (ApprovalRule(decision="send_email", role="legal"),), "campaign_approver"),
        ("sla_targets", (SlaTarget(sla="respones_time", within=timedelta(minutes=1)),), "response_time"),
        ("sla_targets", (SlaTarget(sla="response_time", at_least=0.9),), "within"),
        ("sla_targets", (SlaTarget(sla="quality", within=timedelta(minutes=1)),), "at_least"),
        (
            "manual_baseline",
            (ManualStep(step="Write", owner="maya", minutes=1, reason="r", plan_step="drfat"),),
            "draft, check",
        ),
    ],
)
def test_what_there_is_not_is_refused_by_its_field(field: str, value: Any, fix: str) -> None:
    whole, found = reviewed(draft(**{field: value}), RULES, T0)
    assert whole is None
    assert [problem.field for problem in found] == [field]
    assert fix in found[0].fix


def test_rights_hold_through_their_last_day() -> None:
    assert reviewed(draft(assets=(Asset(id="demo", rights="own", expires=T0.date()),)), RULES, T0)[0] is not None


def test_a_stricter_organisation_is_pointed_out() -> None:
    whole, warnings = reviewed(draft(frequency=Frequency(per_week=9, per_day=3, confirmed=True)), RULES, T0)
    assert whole is not None
    assert [warning.field for warning in warnings] == ["frequency"]
    assert "per_week 5" in warnings[0].problem


def test_a_brief_that_is_stricter_than_the_organisation_hears_nothing() -> None:
    quiet = QuietHours.model_validate({"starts": "20:00", "ends": "08:00", "confirmed": True})
    assert reviewed(draft(quiet_hours=quiet), RULES, T0)[1] == ()
