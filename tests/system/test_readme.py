"""The examples of the README work as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.running import Running

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def test_the_curl_examples_work_as_printed(system: Running, repository: Path) -> None:
    [block] = re.findall(r"```bash\n(.*?)```", (repository / "README.md").read_text(), flags=re.S)
    home = system.system.home
    script = "set -euo pipefail\n" + block.replace(".handrail/", f"{home}/")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=repository,
        env={**os.environ, "PATH": path, "HANDRAIL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"accepted"' in done.stdout
    assert '"cases"' in done.stdout
