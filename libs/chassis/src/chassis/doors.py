"""What every HTTP door does with a request: read it strictly, answer as a command was answered."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from chassis.commands import Answer
from chassis.problems import Problem
from contracts.strict import LIMIT_BYTES, Unreadable, check

M = TypeVar("M", bound=BaseModel)


async def raw_body(request: Request, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """The body, byte for byte. Raises Problem 413 before more than `limit_bytes` are kept in memory."""
    out = bytearray()
    async for chunk in request.stream():
        out += chunk
        if len(out) > limit_bytes:
            raise Problem(413, f"more than {limit_bytes} bytes", field="body", fix=f"send at most {limit_bytes} bytes")
    return bytes(out)


async def read(request: Request, model: type[M], limit_bytes: int = LIMIT_BYTES) -> M:
    """The body as a `model`. Raises Problem 400 that names each field and what is wrong with it."""
    return parse(await raw_body(request, limit_bytes), model, limit_bytes)


def parse(raw: bytes, model: type[M], limit_bytes: int = LIMIT_BYTES) -> M:
    """`raw` JSON as a `model`. Raises Problem 400."""
    try:
        check(raw, limit_bytes)
        return model.model_validate_json(raw)
    except Unreadable as error:
        raise Problem(400, error.reason, field="body", fix="send one strict JSON object") from None
    except ValidationError as error:
        errors = [
            {"field": ".".join(map(str, found["loc"])) or "body", "fix": found["msg"]}
            for found in error.errors(include_url=False, include_input=False, include_context=False)[:50]
        ]
        raise Problem(
            400, "the body does not fit", field=errors[0]["field"], fix=errors[0]["fix"], errors=errors
        ) from None


def idempotency_key(request: Request) -> str:
    """The required `Idempotency-Key` header. Raises Problem 400."""
    key = request.headers.get("idempotency-key", "")
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise Problem(
            400, "no Idempotency-Key", field="idempotency-key", fix="send a header of 1 to 200 printable characters"
        )
    return key


def respond(answer: Answer) -> Response:
    """`answer` as JSON, a refusal as problem+json."""
    kind = "application/problem+json" if answer.status >= 400 else "application/json"
    return Response(answer.body, answer.status, media_type=kind)


def page(shown: BaseModel, status: int = 200) -> Response:
    """`shown` as JSON."""
    return Response(shown.model_dump_json(), status, media_type="application/json")
