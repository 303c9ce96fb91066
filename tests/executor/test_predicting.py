"""What a send is expected to bring: an interval that owns up to not knowing the rate, within the brief's own window."""

from datetime import datetime, timedelta
from math import comb, exp, lgamma
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import ActionProposed
from contracts.brief import Anchor, Brief, Moment
from executor.domain.predicting import PRIOR_PEOPLE, horizon, predicted
from tests.builders import T0, at, brief, plan_issued
from tests.executor.builders import Story, planned
from tests.executor.test_halting import pause, resume

DAY = timedelta(days=1)


def rated(rate: float) -> Brief:
    return brief(worth=brief().worth.model_copy(update={"expected_rate": rate}))


def chance(k: int, n: int, rate: float) -> float:
    """Of exactly `k` outcomes: the beta-binomial by its definition."""
    a, b = max(rate * PRIOR_PEOPLE, 0.5), max((1 - rate) * PRIOR_PEOPLE, 0.5)

    def log_beta(x: float, y: float) -> float:
        return lgamma(x) + lgamma(y) - lgamma(x + y)

    return comb(n, k) * exp(log_beta(k + a, n - k + b) - log_beta(a, b))


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("n", [1, 7, 60, 300])
def test_the_interval_holds_95_of_100_and_its_ends_are_needed(n: int, rate: float) -> None:
    found = predicted(rated(rate), n, DAY)
    below = sum(chance(k, n, rate) for k in range(int(found.low)))
    up_to = below + sum(chance(k, n, rate) for k in range(int(found.low), int(found.high) + 1))
    assert below < 0.025 + 1e-9
    assert up_to >= 0.975 - 1e-9
    assert up_to - chance(int(found.high), n, rate) < 0.975
    assert below + chance(int(found.low), n, rate) >= 0.025 - 1e-9


@given(st.floats(0, 1), st.integers(0, 3000))
def test_the_middle_lies_within_whatever_the_rate(rate: float, n: int) -> None:
    found = predicted(rated(rate), n, DAY)
    assert 0 <= found.low <= found.mid <= found.high <= n
    assert found.metric == "booked_demos"


def test_a_larger_audience_does_not_make_a_guessed_rate_known() -> None:
    """A binomial interval shrinks to nothing as people are added: this one keeps what the prior does not know."""
    widths = []
    for n in (588, 5_880, 40_000):
        found = predicted(rated(0.06), n, DAY)
        widths.append((found.high - found.low) / n)
    assert widths[0] >= widths[1] >= widths[2] > 0.1


def test_the_interval_is_wider_than_that_of_a_known_rate() -> None:
    found = predicted(rated(0.05), 588, DAY)
    half = 1.96 * (588 * 0.05 * 0.95) ** 0.5
    assert found.low < 588 * 0.05 - half
    assert found.high > 588 * 0.05 + half


def test_who_writes_to_nobody_expects_nothing() -> None:
    found = predicted(brief(), 0, DAY)
    assert (found.low, found.mid, found.high) == (0, 0, 0)


HOURS, MINUTES = timedelta(hours=1), timedelta(minutes=1)
WINDOWS: dict[str, tuple[dict[str, Any], datetime, timedelta]] = {
    # the window, when it is asked, and how long it lasts from then on; launched at 60 s, two hours to send in
    "after the last mail": ({"after": Anchor.END_OF_SENDING, "by": 5 * DAY}, T0, 5 * DAY + 2 * HOURS + MINUTES),
    "after the launch": ({"after": Anchor.LAUNCH, "by": 3 * HOURS}, T0, 3 * HOURS + MINUTES),
    "asked after the launch": ({"after": Anchor.LAUNCH, "by": 3 * HOURS}, at(600), 3 * HOURS),
    "after the acceptance": ({"after": Anchor.ACCEPTANCE, "by": 3 * HOURS}, at(600), 3 * HOURS - 10 * MINUTES),
    "at a fixed time": ({"at": at(7200)}, at(600), 110 * MINUTES),
    "at a time that is over": ({"at": at(60)}, at(600), timedelta(0)),
}


@pytest.mark.parametrize("case", WINDOWS)
def test_the_horizon_is_the_end_of_the_briefs_window(case: str) -> None:
    window, now, lasts = WINDOWS[case]
    objective = brief().objective.model_copy(update={"window_closes": Moment.model_validate(window)})
    assert horizon(brief(objective=objective), accepted_at=T0, opens_at=at(60), now=now) == lasts


def test_a_proposal_predicts_up_to_the_end_of_its_own_window() -> None:
    story = Story()
    proposal = story.proposed()
    assert proposal.prediction == predicted(story.issued.plan.brief, 588, timedelta(hours=2, seconds=60))


def test_an_option_predicts_for_whom_it_still_writes_to() -> None:
    story = Story().halted()
    assert story.option("resume_all").prediction.mid == pytest.approx(348 * 0.05)
    assert story.option("stop").prediction.high == 0


def test_what_is_asked_again_later_has_less_time_left() -> None:
    objective = brief().objective.model_copy(update={"window_closes": Moment(at=at(86400))})
    story = Story(plan_issued(brief_=brief(objective=objective))).prepared()
    story.tell(pause())
    story.now = at(3600)
    story.tell(resume())
    story.tell(planned(story))
    first, again = story.said(ActionProposed)
    assert (first.prediction.horizon, again.prediction.horizon) == (DAY, timedelta(hours=23))
