"""The small form of the proof: a little of every fault over one stream of campaigns."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.proof

SEED = os.environ.get("HANDRAIL_PROOF_SEED", "7")
SECONDS = 840


@pytest.mark.timeout(SECONDS + 30)
def test_a_little_of_every_fault_breaks_no_promise(repository: Path) -> None:
    proof = [sys.executable, "-m", "tests.proof", "small", "--seed", SEED]
    done = subprocess.run(proof, cwd=repository, capture_output=True, text=True, timeout=SECONDS)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
