"""A little of every fault over one stream of campaigns; each promise is a test of its own."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.proof.faults import FAULTS, SMALL
from tests.proof.judge.verdict import invariants
from tests.proof.place import place
from tests.proof.report import Report
from tests.proof.run import prove

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]
NAMES = [one.name for one in invariants()]


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    seed = secrets.randbelow(10**6)
    with (
        TemporaryDirectory(prefix="handrail-proof-", ignore_cleanup_errors=True) as home,
        place(Path(home)) as running,
    ):
        yield asyncio.run(prove(running, "small", SMALL.fault, seed=seed, count=1, seconds=900, after=SMALL.after))


@pytest.mark.parametrize("name", NAMES)
def test_the_promise_holds(report: Report, name: str) -> None:
    [finding] = [one for one in report.findings if one.invariant == name]
    assert finding.violations == 0, report.text()


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_sees_it_broken(report: Report, name: str) -> None:
    unseen = [one.what for one in report.planted if one.invariant == name and not one.seen]
    assert not unseen, report.text()


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_the_fault_happened(report: Report, fault: str) -> None:
    assert report.by_fault[fault] > 0, report.text()


def test_every_point_and_story_was_reached(report: Report) -> None:
    assert not report.problems, report.text()
