"""Who asks: known from a verified bearer token only, never from a body."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jwt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request

from chassis.decision import Identity
from chassis.problems import Problem
from contracts.event import Subject

ALGORITHMS = ["EdDSA", "ES256", "RS256"]


class Claims(BaseModel):
    """What a token must say, and in which shape: a claim of another shape is no claim."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    sub: Subject
    tenant: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """One tenant: nobody's token is everybody's."""
    roles: list[str] = Field(default_factory=list)
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """Verifies tokens of one issuer for one audience, under public keys from settings."""

    issuer: str
    audience: str
    keys: Mapping[str, jwt.PyJWK]

    @staticmethod
    def from_settings(issuer: str, audience: str, keys: Path | None) -> "Gate":
        if keys is None:
            return Gate(issuer, audience, {})
        found = jwt.PyJWKSet.from_dict(json.loads(keys.read_text()))
        return Gate(issuer, audience, {key.key_id: key for key in found.keys if key.key_id})

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
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
            said = Claims.model_validate(claims)
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


def require(identity: Identity, *roles: str) -> None:
    """Raise Problem 403 unless `identity` has one of `roles`."""
    if not set(roles) & set(identity.roles):
        raise Problem(403, f"{identity.subject} lacks the role", field="roles", fix=f"needs one of: {', '.join(roles)}")


def require_human(identity: Identity) -> None:
    """Raise Problem 403 unless `identity` is a person: agents and services never approve."""
    if not identity.human:
        raise Problem(403, f"{identity.subject} is no person", field="kind", fix="a person must do this")
