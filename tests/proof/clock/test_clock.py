"""The small form of the proof: three processes whose clocks are wrong, each in another way."""

import os
from pathlib import Path

import pytest

from handrail.local.sources import Infrastructure
from tests.proof.clock.clocks import library
from tests.proof.clock.skewed import skew

pytestmark = pytest.mark.proof


@pytest.mark.timeout(240)
async def test_only_the_databases_clock_counts(servers: Infrastructure, tmp_path: Path) -> None:
    if library() is None:
        missing = "there is no libfaketime: `make tools` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    verdict = await skew(servers, tmp_path, seed=7, count=100, clocks=("ten years ahead", "frozen"))
    print(verdict.text())
    assert verdict.holds, verdict.text()
