"""The small form of the proof: a little of every fault over one stream of campaigns."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.proof

SEED = os.environ.get("HANDRAIL_PROOF_SEED", "7")
SECONDS = 780
TIDY_SECONDS = 60


@pytest.mark.timeout(SECONDS + 2 * TIDY_SECONDS)
def test_a_little_of_every_fault_breaks_no_promise(repository: Path) -> None:
    command = [sys.executable, "-m", "tests.proof", "small", "--seed", SEED]
    proof = subprocess.Popen(command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = proof.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        proof.send_signal(signal.SIGINT)  # it stops what it started
        said, _ = proof.communicate(timeout=TIDY_SECONDS)
    print(said)
    assert proof.returncode == 0, said
