"""The judge's own rules: a promise without a way to break it is worth nothing."""

import pytest

from tests.proof.judge.verdict import Invariant, invariants

pytestmark = pytest.mark.proof


@pytest.mark.parametrize("one", invariants(), ids=lambda one: one.name)
def test_every_invariant_can_be_broken(one: Invariant) -> None:
    assert one.plants
    assert one.sql.startswith("-- "), "the first line says what is promised"
