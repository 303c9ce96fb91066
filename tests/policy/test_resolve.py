"""The stricter word wins: a brief may tighten what the organisation settled, never loosen it."""

from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.brief import Brief, Frequency, QuietHours, SlaTarget
from contracts.plan import TimedHold
from policy.lint import lint
from policy.organisation import OrganisationPolicy, load_organisation
from policy.resolve import resolve
from tests.builders import brief, policy

FRAMEWORK = "webinar_follow_up.1"
DAY = 24 * 60


def organisation(**changes: Any) -> OrganisationPolicy:
    settled = policy(**changes)
    fields = OrganisationPolicy.model_fields.keys() & type(settled).model_fields.keys()
    return OrganisationPolicy.model_validate({name: getattr(settled, name) for name in fields})


def quiet(starts: time, ends: time) -> QuietHours:
    return QuietHours(starts=starts, ends=ends, confirmed=True)


def minutes(hours: QuietHours) -> set[int]:
    start, end = (at.hour * 60 + at.minute for at in (hours.starts, hours.ends))
    return {(start + step) % DAY for step in range((end - start) % DAY)}


@pytest.mark.parametrize(("ours", "asked", "effective"), [
    ((5, 3), (9, 9), (5, 3)), ((5, 3), (2, 1), (2, 1)), ((5, 3), (7, 1), (5, 1)),
])  # fmt: skip
def test_the_lower_frequency_counts(ours: tuple[int, int], asked: tuple[int, int], effective: tuple[int, int]) -> None:
    def often(pair: tuple[int, int]) -> Frequency:
        return Frequency(per_week=pair[0], per_day=pair[1], confirmed=True)

    resolved = resolve(organisation(frequency=often(ours)), FRAMEWORK, brief(frequency=often(asked)))
    assert (resolved.frequency.per_week, resolved.frequency.per_day) == effective


@pytest.mark.parametrize(("ours", "asked", "effective"), [
    ((21, 8), (0, 0), (21, 8)), ((0, 0), (21, 8), (21, 8)), ((21, 8), (22, 7), (21, 8)), ((22, 7), (21, 8), (21, 8)),
    ((21, 6), (22, 8), (21, 8)), ((0, 0), (0, 0), (0, 0)),
])  # fmt: skip
def test_it_is_quiet_whenever_either_says_so(
    ours: tuple[int, int], asked: tuple[int, int], effective: tuple[int, int]
) -> None:
    one, other, both = (quiet(time(pair[0]), time(pair[1])) for pair in (ours, asked, effective))
    assert resolve(organisation(quiet_hours=one), FRAMEWORK, brief(quiet_hours=other)).quiet_hours == both


def test_windows_that_fill_the_day_do_not_merge_into_none() -> None:
    ours, asked = quiet(time(8), time(20)), quiet(time(20), time(8))
    merged = resolve(organisation(quiet_hours=ours), FRAMEWORK, brief(quiet_hours=asked)).quiet_hours
    assert len(minutes(merged)) >= DAY - 1


@given(st.tuples(st.integers(0, 23), st.integers(0, 23)), st.tuples(st.integers(0, 23), st.integers(0, 23)))
def test_no_brief_takes_a_quiet_minute_away(ours: tuple[int, int], asked: tuple[int, int]) -> None:
    one, other = (quiet(time(pair[0]), time(pair[1])) for pair in (ours, asked))
    merged = resolve(organisation(quiet_hours=one), FRAMEWORK, brief(quiet_hours=other)).quiet_hours
    wanted = minutes(one) | minutes(other)
    if len(wanted) < DAY:  # a full day is the case above
        assert wanted <= minutes(merged)


@pytest.mark.parametrize(("ours", "asked", "effective"), [
    ({"within": timedelta(minutes=15)}, {"within": timedelta(hours=1)}, {"within": timedelta(minutes=15)}),
    ({"within": timedelta(minutes=15)}, {"within": timedelta(minutes=5)}, {"within": timedelta(minutes=5)}),
    ({"at_least": 0.95}, {"at_least": 0.5}, {"at_least": 0.95}),
    ({"at_least": 0.95}, {"within": timedelta(days=9)}, {"at_least": 0.95}),
])  # fmt: skip
def test_the_tighter_promise_counts(ours: dict[str, Any], asked: dict[str, Any], effective: dict[str, Any]) -> None:
    def one(target: dict[str, Any]) -> tuple[SlaTarget, ...]:
        return (SlaTarget(sla="response_time", **target),)

    resolved = resolve(organisation(sla_targets=one(ours)), FRAMEWORK, brief(sla_targets=one(asked)))
    assert resolved.sla_targets == one(effective)


def test_a_policy_that_reaches_somebody_for_everything_has_no_findings() -> None:
    assert lint(policy(), [("smtp", "send_campaign"), ("smtp", "cancel")]) == []


@pytest.mark.parametrize(
    ("changes", "actions", "finding"),
    [
        ({}, [("ads", "raise_budget")], "no row for ads/raise_budget"),
        ({"triggers": policy().triggers[1:]}, [], "no rule for hard_bounces"),
        ({"triggers": (*policy().triggers, policy().triggers[0])}, [], "2 rules for hard_bounces"),
        ({"matrix": (*policy().matrix, policy().matrix[0])}, [], "2 rows for smtp/send_campaign"),
        ({"matrix": (policy().matrix[0].model_copy(update={"backup_role": "campaign_approver"}),)}, [], "no backup"),
        ({"matrix": ()}, [], "no matrix row asks campaign_approver"),
        ({"boundaries": ()}, [], "nothing can be delegated"),
        (
            {"holds": (TimedHold(id="h", tool="ads", verb="x", decision_type="y", length=timedelta(minutes=1)),)},
            [],
            "no row for ads/x",
        ),
    ],
)
def test_each_gap_is_found(changes: dict[str, Any], actions: list[tuple[str, str]], finding: str) -> None:
    assert any(finding in found for found in lint(policy(**changes), actions))


def test_the_examples_policy_has_no_gap(repository: Path) -> None:
    settled = load_organisation(repository / "examples" / "organisation.yaml").policy
    text = (repository / "examples" / "webinar-follow-up" / "brief.yaml").read_text()
    resolved = resolve(settled, FRAMEWORK, Brief.model_validate(yaml.safe_load(text)))
    assert lint(resolved, [("smtp", "send_campaign"), ("smtp", "cancel")]) == []
