"""Who asks is judged by the database's clock, however wrong the process's own one is."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chassis.clock import Clock
from chassis.identity import Gate
from chassis.problems import Problem
from handrail.keys import AUDIENCE, ISSUER, TOKEN_KEY_ID, Keys, init
from tests.conftest import MakeDb

NOW = datetime(2031, 5, 17, 12, tzinfo=UTC)
"""Years from the clock of the machine that runs this."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return init(tmp_path_factory.mktemp("keys"))


def token(keys: Keys, **claims: Any) -> str:
    issuer = load_pem_private_key(keys.issuer.read_bytes(), password=None)
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "maya", "tenant": "demo", "iat": NOW, "exp": NOW} | claims
    return jwt.encode(given, issuer, "EdDSA", headers={"kid": TOKEN_KEY_ID})  # type: ignore[arg-type]


def gate(keys: Keys, now: datetime) -> Gate:
    return Gate.from_settings(ISSUER, AUDIENCE, keys.jwks, lambda: now)


@pytest.mark.parametrize(("seconds", "holds"), [(-60, True), (-1, True), (0, False), (1, False), (10**9, False)])
def test_a_token_holds_until_its_end_by_the_clock_of_the_gate(keys: Keys, seconds: int, holds: bool) -> None:
    at = gate(keys, NOW + timedelta(seconds=seconds))
    if holds:
        assert at.verify(token(keys, iat=NOW - timedelta(hours=1))).subject == "maya"
    else:
        with pytest.raises(Problem, match="expired"):
            at.verify(token(keys))


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "holds"), [(29, True), (31, False), (10**9, False)])
def test_a_token_from_the_future_does_not_hold(keys: Keys, claim: str, ahead: int, holds: bool) -> None:
    given = token(keys, exp=NOW + timedelta(days=99999), **{claim: NOW + timedelta(seconds=ahead)})
    if holds:
        assert gate(keys, NOW).verify(given)
    else:
        with pytest.raises(Problem, match="not in force yet"):
            gate(keys, NOW).verify(given)


@pytest.mark.parametrize("end", ["soon", None, [], float("nan")])
def test_a_token_whose_end_is_no_time_does_not_hold(keys: Keys, end: object) -> None:
    with pytest.raises(Problem):
        gate(keys, NOW).verify(token(keys, exp=end))


async def test_the_clock_is_the_databases_and_goes_on_without_it(db_for: MakeDb) -> None:
    db = await db_for("chassis")
    clock = Clock()
    await clock.look(db.pool)
    before = clock.now()
    time.sleep(0.05)
    asked = await db.pool.fetchval("SELECT clock_timestamp()")
    assert before + timedelta(milliseconds=50) <= clock.now()
    assert abs(clock.now() - asked) < timedelta(seconds=5)
