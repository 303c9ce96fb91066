"""The judge of growth sees growth, and says so when it cannot tell."""

import random

import pytest

from tests.proof.growth.growing import measured
from tests.proof.growth.samples import Sample, Table
from tests.proof.growth.trend import FEWEST, HOUR, Growth, trend

SECONDS = [5.0 * n for n in range(60)]


def test_a_straight_line_is_found_exactly() -> None:
    found = trend(SECONDS, [7 + 3 * at / HOUR for at in SECONDS])
    assert found.per_hour == pytest.approx(3) and found.off == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_does_not_grow(seed: int) -> None:
    noise = random.Random(seed)
    found = trend(SECONDS, [100 + noise.gauss(0, 1) for _ in SECONDS])
    assert found.judged(limit=found.off * 2) is Growth.FLAT


@pytest.mark.parametrize("seed", range(20))
def test_growth_shows_through_noise(seed: int) -> None:
    noise = random.Random(seed)
    found = trend(SECONDS, [100 + at / 10 + noise.gauss(0, 1) for at in SECONDS])
    assert abs(found.per_hour - 360) < 2 * found.off
    assert found.judged(limit=180) is Growth.GROWS


def test_what_wanders_may_be_off_by_more_than_what_jitters() -> None:
    steps = random.Random(7)
    jitter = [steps.gauss(0, 1) for _ in SECONDS]
    wandering = [sum(jitter[: n + 1]) for n in range(len(jitter))]
    scale = max(map(abs, wandering)) / max(map(abs, jitter))
    assert trend(SECONDS, wandering).off > trend(SECONDS, [scale * one for one in jitter]).off


def test_a_rough_series_is_not_called_flat() -> None:
    noise = random.Random(7)
    found = trend(SECONDS, [noise.gauss(0, 100) for _ in SECONDS])
    assert found.judged(limit=1) is Growth.UNKNOWN


def test_too_few_samples_tell_nothing() -> None:
    with pytest.raises(ValueError, match="tell nothing"):
        trend(SECONDS[: FEWEST - 1], SECONDS[: FEWEST - 1])


def run(gone: bool) -> list[Sample]:
    """An event each second for ten minutes, kept for a minute or for ever."""
    place = ("executor", "event_log")
    return [
        Sample(at, {"executor-0": 90 << 20}, {place: Table(rows, 0, int(at), float(rows), rows)})
        for at in (5.0 * n for n in range(121))
        for rows in (int(min(at, 65)) if gone else int(at),)
    ]


def test_a_table_from_which_as_much_goes_as_comes_is_flat() -> None:
    grown = measured(run(gone=True), 7, 10, 60.0, {}, [])
    [rows] = grown.rows.values()
    assert (rows.first, rows.last, rows.came_first, rows.came_last) == (65, 65, 60, 60)
    assert rows.in_time and grown.holds


def test_a_table_from_which_nothing_goes_grows() -> None:
    grown = measured(run(gone=False), 7, 10, 60.0, {}, [])
    [rows] = grown.rows.values()
    assert not rows.in_time and not grown.holds


def test_a_table_of_twice_its_rows_is_bloated() -> None:
    assert not measured(run(gone=True), 7, 10, 60.0, {("executor", "event_log"): 2.1}, []).holds
