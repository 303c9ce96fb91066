from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.keys import Keys, init
from tests.executor_effects.postbox import Postbox, postbox


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return init(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where journals are kept."""
    return tmp_path / "journal"
