"""A few races as tests; `python -m tests.proof.races` runs hundreds."""

from pathlib import Path

from handrail.local.sources import Infrastructure
from tests.proof.races.arena import arena
from tests.proof.races.run import prove


async def test_approvals_raced_against_what_may_end_them(servers: Infrastructure, tmp_path: Path) -> None:
    async with arena(servers.postgres, tmp_path) as here:
        report = await prove(here, seed=20, count=12)
    assert report.holds, report.text()
    assert report.mails, "nothing was sent: there was nothing to race for"
