"""Who asks: known from a verified bearer token only, never from a body."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import jwt
from jwt.types import Options
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request

from chassis.clock import utc_now
from chassis.decision import Identity
from chassis.problems import Problem
from contracts.event import Subject

ALGORITHMS = ["EdDSA", "ES256", "RS256"]
AHEAD_SECONDS = 30.0
"""So far may the issuer's clock be ahead of ours; a token's end is taken as it says."""


Seconds = Annotated[float, Field(allow_inf_nan=False)]
"""Since 1970."""


class Claims(BaseModel):
    """What a token must say, and in which shape: a claim of another shape is no claim."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    sub: Subject
    tenant: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """One tenant: nobody's token is everybody's."""
    roles: list[str] = Field(default_factory=list)
    kind: str = ""
    exp: Seconds
    nbf: Seconds = 0.0
    iat: Seconds = 0.0


@dataclass(frozen=True, slots=True)
class Gate:
    """Verifies tokens of one issuer for one audience, under public keys from settings."""

    issuer: str
    audience: str
    keys: Mapping[str, jwt.PyJWK]
    now: Callable[[], datetime] = utc_now

    @staticmethod
    def from_settings(issuer: str, audience: str, keys: Path | None, now: Callable[[], datetime] = utc_now) -> "Gate":
        if keys is None:
            return Gate(issuer, audience, {}, now)
        found = jwt.PyJWKSet.from_dict(json.loads(keys.read_text()))
        return Gate(issuer, audience, {key.key_id: key for key in found.keys if key.key_id}, now)

    def identify(self, request: Request) -> Identity:
        """The sender of `request`. Raises Problem 401."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "no bearer token", field="authorization", fix="send `Authorization: Bearer <token>`")
        return self.verify(token)

    def verify(self, token: str) -> Identity:
        """The identity that `token` proves. Raises Problem 401."""
        try:
            key = self.keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                raise Problem(401, "the token's key is unknown", field="authorization", fix="get a new token")
            claims = jwt.decode(
                token,
                key=key,
                algorithms=ALGORITHMS,
                audience=self.audience,
                issuer=self.issuer,
                options=_OPTIONS,
            )
            said = Claims.model_validate(claims)
            _in_force(said, self.now().timestamp())
            return Identity(subject=said.sub, tenant=said.tenant, roles=tuple(said.roles), human=said.kind == "human")
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise Problem(
                401, f"the token's {where} does not fit", field="authorization", fix="get a new token"
            ) from None
        except (jwt.PyJWTError, ValueError) as error:
            raise Problem(
                401, f"the token does not hold: {error}", field="authorization", fix="get a new token"
            ) from None


_OPTIONS: Options = {
    "require": ["exp", "sub", "iss", "aud"],
    "verify_exp": False,  # the library would ask the wall clock of this process
    "verify_nbf": False,
    "verify_iat": False,
}


def _in_force(said: Claims, now: float) -> None:
    if said.exp <= now:
        raise jwt.ExpiredSignatureError("it has expired")
    if max(said.nbf, said.iat) > now + AHEAD_SECONDS:
        raise jwt.ImmatureSignatureError("it is not in force yet")


def require(identity: Identity, *roles: str) -> None:
    """Raise Problem 403 unless `identity` has one of `roles`."""
    if not set(roles) & set(identity.roles):
        raise Problem(403, f"{identity.subject} lacks the role", field="roles", fix=f"needs one of: {', '.join(roles)}")


def require_human(identity: Identity) -> None:
    """Raise Problem 403 unless `identity` is a person: agents and services never approve."""
    if not identity.human:
        raise Problem(403, f"{identity.subject} is no person", field="kind", fix="a person must do this")
