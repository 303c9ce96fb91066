"""A service's routes as one ASGI application: requests are counted, and what goes wrong is a problem with a fix."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.connection import UNAVAILABLE
from chassis.metrics import INGRESS
from chassis.problems import Problem, answer_problem

log = structlog.get_logger(__name__)


def application(
    routes: Sequence[BaseRoute], lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None
) -> Starlette:
    return Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={
            Problem: answer_problem,
            HTTPException: _no_such_door,
            Exception: _failed,
            **dict.fromkeys(UNAVAILABLE, _unavailable),
        },
        middleware=[Middleware(Counted), Middleware(Readable)],
    )


async def _no_such_door(_: Request, error: Exception) -> Response:
    """A path or method that no route has."""
    assert isinstance(error, HTTPException)
    problem = Problem(error.status_code, "no such door", field="path", fix="look at the path again; an id is a UUID")
    if error.status_code == 405:
        problem = Problem(405, "not by this method", field="method", fix="use one of the methods in `allow`")
    answer = problem.response()
    answer.headers.update(error.headers or {})
    return answer


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("a door could not be served", path=request.url.path, error=repr(error)[:300])
    fix = "repeat it a little later, with the same Idempotency-Key: what was done is not done twice"
    answer = Problem(503, "something this door needs is away", field="", fix=fix).response()
    answer.headers["retry-after"] = "2"
    return answer


async def _failed(_: Request, __: Exception) -> Response:
    """A bug of ours; the server logs it."""
    fix = "repeat it with the same Idempotency-Key; if it fails again, the log of the service says why"
    return Problem(500, "this failed on our side", fix=fix).response()


class Counted:
    """ASGI middleware: counts requests by class of answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                INGRESS.labels(code=f"{message['status'] // 100}xx").inc()
            await send(message)

        await self.app(scope, receive, counting if scope["type"] == "http" else send)


class Readable:
    """ASGI middleware: no path of ours has a control character, and no database keeps a NUL."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].isprintable():
            refused = Problem(400, "an unprintable path", field="path", fix="send printable characters")
            await refused.response()(scope, receive, send)
        else:
            await self.app(scope, receive, send)
