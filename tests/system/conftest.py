"""One running system for all stories: campaigns do not disturb each other."""

from collections.abc import Iterator

import pytest

from tests.system.running import Running, running


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("system")) as started, started.http:
        yield started
