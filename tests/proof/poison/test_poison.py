"""The small form of the proof: every kind of spoilt record a few times."""

from pathlib import Path

import pytest

from handrail.local.sources import Infrastructure
from tests.proof.chassis.counting import KILLS
from tests.proof.poison.deadly import harm
from tests.proof.poison.kinds import KINDS
from tests.proof.poison.spoiling import spoil

pytestmark = pytest.mark.proof


@pytest.mark.timeout(240)
async def test_the_good_flow_and_the_spoilt_are_kept_byte_for_byte(servers: Infrastructure, tmp_path: Path) -> None:
    verdict = await spoil(servers, tmp_path, seed=7, count=4 * len(KINDS), victims=1)
    print(verdict.text())
    assert set(KINDS) <= set(verdict.covered)
    assert verdict.holds, verdict.text()


@pytest.mark.timeout(240)
async def test_a_record_that_kills_its_process_is_kept_and_all_others_are_applied(
    servers: Infrastructure, tmp_path: Path
) -> None:
    verdict = await harm(servers, tmp_path, seed=7, harms=(KILLS,))
    print(verdict.text())
    assert verdict.holds, verdict.text()
