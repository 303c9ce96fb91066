"""The small form of the proof: two thousand timers, four workers."""

from pathlib import Path

import pytest

from handrail.local.sources import Infrastructure
from tests.proof.timers.firing import fire

pytestmark = pytest.mark.proof


@pytest.mark.timeout(240)
async def test_every_timer_fires_once_and_none_before_its_time(servers: Infrastructure, tmp_path: Path) -> None:
    verdict = await fire(servers, tmp_path, seed=7, count=2000, seconds=6, every=3)
    print(verdict.text())
    assert verdict.covered["kills"]
    assert verdict.holds, verdict.text()
