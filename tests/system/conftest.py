"""One running system for all stories: campaigns do not disturb each other."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.system.running import Running, running


@pytest.fixture(scope="session")
def system() -> Iterator[Running]:
    with (
        TemporaryDirectory(prefix="handrail-system-", ignore_cleanup_errors=True) as home,
        running(Path(home)) as started,
        started.http,
    ):
        yield started
