"""A goal says what, how many and by when."""

import pytest

from briefing.domain.vague import why_vague
from tests.builders import brief


@pytest.mark.parametrize(
    "goal",
    [
        "200 trial signups by 30 June",
        "200 trial sign-ups, 2026-06-30",
        "20 booked demos within a day",
        "20 demos in the next 2 weeks",
        "1,000 registrations by May 3rd, 2027",
        "CPA of 40 EUR in May",
        "30 qualified leads per week",
        "Pipeline of 50.000 EUR in Q3 2026",
    ],
)
def test_a_goal_with_number_time_and_outcome_is_clear(goal: str) -> None:
    assert why_vague(goal, None) is None


@pytest.mark.parametrize(
    ("goal", "lacks"),
    [
        ("improve engagement", "no number and no time and no outcome"),
        ("improve engagement by 2030", "no number and no outcome"),
        ("improve engagement within 2 weeks", "no number and no outcome"),
        ("improve engagement by 20 % by June", "no outcome"),
        ("trial signups by 30 June", "no number"),
        ("200 trial signups", "no time"),
        ("we may get 200 trial signups", "no time"),
        ("be the talk of the town by summer", "no number and no time and no outcome"),
    ],
)
def test_what_a_vague_goal_lacks_is_said(goal: str, lacks: str) -> None:
    assert lacks in (why_vague(goal, None) or "")


def test_the_objectives_own_unit_counts_as_an_outcome() -> None:
    objective = brief().objective.model_copy(update={"unit": "meetings"})
    assert why_vague("20 meetings by June", objective) is None


def test_a_goal_that_speaks_of_another_number_than_the_target_is_asked_about() -> None:
    assert "objective.target is 20" in (why_vague("500 demos by June", brief().objective) or "")
