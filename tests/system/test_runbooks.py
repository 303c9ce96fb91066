"""The runbooks of docs/runbooks/operations can be followed as printed, in the middle of a campaign."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from handrail.verify import verify_file
from tests.system.running import Running, contacts, running, until

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(590)]
PLANT = """
INSERT INTO dead_letter (cluster_id, topic, partition, kafka_offset, key, headers, value, sha256, kind, reason)
VALUES ('planted', 'executor.work.v1', 0, $1, $2, $3, $4, '', 'failing', 'a bug of yesterday')
"""

SAID = "SELECT key, headers::text AS headers, value FROM event_log WHERE topic = 'executor.work.v1' LIMIT 1"


@pytest.fixture(scope="module")
def own() -> Iterator[Running]:
    """A system of these tests alone: its parts are stopped, lost and restored."""
    with (
        TemporaryDirectory(prefix="handrail-runbooks-", ignore_cleanup_errors=True) as home,
        running(Path(home)) as started,
        started.http,
    ):
        yield started


def follow(own: Running, repository: Path, name: str, *between: Callable[[], None], **variables: str) -> str:
    """Run every command of a runbook, block by block; `between` happens after each. Returns what they said."""
    text = (repository / "docs/runbooks/operations" / name).read_text()
    blocks = [re.sub(r"^ +", "", block, flags=re.M) for block in re.findall(r"```bash\n(.*?)```", text, flags=re.S)]
    assert blocks
    said = ""
    kept = own.system.home / "variables"
    kept.write_text("")
    for number, block in enumerate(blocks):
        script = f"set -euo pipefail\nset -a\nsource {kept}\n{block}\ndeclare -p LETTER > {kept} 2>/dev/null || true\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=repository,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HANDRAIL_HOME": str(own.system.home),
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        said += done.stdout + done.stderr
        if number < len(between):
            between[number]()
    return said


def left(own: Running, campaign: str) -> int:
    return len(own.mails(campaign)) if own.ledger.exists() else 0


def nobody_got_two(own: Running, campaign: str) -> None:
    counts = Counter(mail["recipient"] for mail in own.mails(campaign))
    assert set(counts.values()) <= {1}, counts.most_common(3)


def test_the_kill_switch_is_engaged_by_one_and_released_by_two(own: Running, repository: Path) -> None:
    follow(own, repository, "kill.md")
    switches = own.get("executor", "/v1/kill-switches")
    assert "false" in str(switches).lower() and "true" not in str(switches).lower()


async def test_dead_letters_are_driven_again_and_thrown_away(own: Running, repository: Path) -> None:
    own.submit("letters", contacts("letters", 20))
    source = await asyncpg.connect(own.system.dsn("executor"))
    tower = await asyncpg.connect(own.system.dsn("tower"))
    row = await source.fetchrow(
        "SELECT key, headers::text AS headers, value FROM event_log WHERE topic = $1", "executor.work.v1"
    )
    await source.close()
    assert row is not None
    flat = [part for name, value in json.loads(row["headers"]).items() for part in (name.encode(), value.encode())]
    for offset, value in ((1, row["value"]), (2, b"nonsense")):
        await tower.execute(PLANT, offset, row["key"], flat, value)
    said = follow(own, repository, "redrive.md")
    assert '"applied": 1' in said and "a second person must ask" in said and "discarded" in said
    assert await tower.fetchval("SELECT count(*) FROM dead_letter") == 0
    await tower.close()


def test_a_restored_executor_sends_nothing_twice(own: Running, repository: Path, tmp_path: Path) -> None:
    """The backup knows of no approval; the process is killed in the middle of the send that followed it."""
    campaign = own.submit("restored", contacts("restored"))
    asked = own.case(campaign, "approval", seconds=200)

    def approve_and_crash() -> None:
        own.choose(asked, "send")
        until(lambda: True if left(own, campaign) >= 60 else None, "sixty mails", 200)
        own.system.processes.kill("executor-0")

    said = follow(own, repository, "recover.md", approve_and_crash, BACKUP=str(tmp_path / "executor.dump"))
    assert '"epoch": 1' in said
    before = left(own, campaign)
    now = own.campaign(campaign)
    assert now["halted"] and not now["finished"]
    answer = own.post(
        "executor",
        f"/v1/campaigns/{campaign}/resume",
        {"reason": "looked at"},
        own.token("ana", "campaign_approver", "marketing_lead"),
    )
    assert answer.status_code == 200, answer.text
    again = own.case(campaign, "approval", seconds=200)
    own.choose(again, again["options"][0]["chosen"])
    until(lambda: True if left(own, campaign) > before else None, "the others get their mail", 200)
    nobody_got_two(own, campaign)


def test_a_lost_kafka_is_said_again_and_the_campaign_goes_on(own: Running, repository: Path, tmp_path: Path) -> None:
    campaign = own.submit("replayed", contacts("replayed"))
    asked = own.case(campaign, "approval", seconds=200)
    follow(own, repository, "replay.md")
    own.choose(asked, "send")
    until(lambda: True if left(own, campaign) >= 40 else None, "mails after the replay", 200)
    nobody_got_two(own, campaign)
    answer = own.http.get(f"{own.url('audit')}/v1/export", headers=dict(own.sam))
    (tmp_path / "export.jsonl").write_bytes(answer.content)
    report = verify_file(tmp_path / "export.jsonl", own.system.keys.signature_keys)
    assert report.ok, report
