"""The reference pages say what the classes say."""

from pathlib import Path

import pytest

from contracts.reference import ASYNCAPI, PAGE, asyncapi, page


@pytest.mark.parametrize(("name", "make"), [(PAGE, page), (ASYNCAPI, asyncapi)])
def test_the_committed_page_is_what_the_classes_make(repository: Path, name: str, make) -> None:  # type: ignore[no-untyped-def]
    assert (repository / "docs/reference" / name).read_text() == make(), "run `make docs`"
