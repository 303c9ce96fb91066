"""The worked numbers of the domain: 10,000 sent, 9,800 delivered."""

import pytest

from monitor import rates


@pytest.mark.parametrize(
    ("got", "worked"),
    [
        (rates.delivery_rate(9_800, 10_000), 0.98),
        (rates.hard_bounce_rate(120, 10_000), 0.012),
        (rates.complaint_rate(8, 9_800), 0.00082),
        (rates.click_rate(245, 9_800), 0.025),
        (rates.click_to_open(245, 4_200, 0), 0.0583),
        (rates.click_to_open(245, 4_200, 2_300), 0.129),
        (rates.conversion_rate(30, 245), 0.122),
    ],
)
def test_a_rate_is_what_was_worked_by_hand(got: float, worked: float) -> None:
    assert got == pytest.approx(worked, rel=5e-3)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (13, 240, 0.0319, 0.0904)],
)
def test_the_interval_is_wilsons(count: int, of: int, low: float, high: float) -> None:
    assert rates.interval(count, of) == pytest.approx((low, high), abs=2e-4)


def test_a_rate_of_nothing_is_zero_and_no_error() -> None:
    assert rates.rate(0, 0) == 0.0
