"""Every known-bad build can still be made, and the test that it names is there."""

import ast
from pathlib import Path

import pytest

from tests.sabotage.builds import BUILDS, Build


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_a_build_breaks_one_place(build: Build, repository: Path) -> None:
    sound = (repository / build.file).read_text()
    assert sound.count(build.now) == 1
    assert build.now != build.then
    ast.parse(sound.replace(build.now, build.then, 1))


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_the_test_that_catches_it_is_there(build: Build, repository: Path) -> None:
    file, _, test = build.caught_by.partition("::")
    assert (repository / file).exists()
    if test:
        assert f"def {test}(" in (repository / file).read_text()


def test_there_are_enough_of_them_and_no_two_are_called_alike() -> None:
    assert len({build.name for build in BUILDS}) == len(BUILDS) >= 20
