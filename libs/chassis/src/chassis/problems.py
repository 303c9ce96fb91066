"""Refusals at the doors as RFC 9457 problem+json that name the field and the fix."""

import json
from dataclasses import dataclass
from dataclasses import field as dataclass_field

import structlog
from starlette.requests import Request
from starlette.responses import Response

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Problem(Exception):
    """A request that is refused with `status`; nothing was stored."""

    status: int
    title: str
    field: str = ""
    fix: str = ""
    errors: list[dict[str, str]] = dataclass_field(default_factory=list)

    def response(self) -> Response:
        body: dict[str, object] = {"type": "about:blank", "status": self.status, "title": self.title}
        if self.field:
            body["field"] = self.field
        if self.fix:
            body["fix"] = self.fix
        if self.errors:
            body["errors"] = self.errors
        headers = {"www-authenticate": "Bearer"} if self.status == 401 else None
        return Response(json.dumps(body), self.status, headers, media_type="application/problem+json")


async def answer_problem(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for `Problem`."""
    assert isinstance(error, Problem)
    if error.status in (401, 403):
        log.warning("refused at the door", status=error.status, why=error.title, method=request.method,
                    path=request.url.path)  # fmt: skip
    return error.response()
