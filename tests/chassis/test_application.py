"""What goes wrong at a door is told as a problem with a fix, whoever it is to blame."""

import asyncpg
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.application import application
from chassis.problems import Problem

ERRORS = {
    "refused": Problem(409, "not now", field="stage", fix="wait"),
    "gone": ConnectionRefusedError("postgres"),
    "slow": TimeoutError(),
    "closed": asyncpg.InterfaceError("pool is closed"),
    "full": asyncpg.TooManyConnectionsError("sorry"),
    "bug": KeyError("a bug"),
}


async def door(request: Request) -> Response:
    if error := ERRORS.get(request.path_params["name"]):
        raise error
    return Response("well")


async def ask(path: str, method: str = "GET") -> httpx.Response:
    app = application([Route("/doors/{name}", door, methods=["GET", "POST"])])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        return await client.request(method, path)


@pytest.mark.parametrize(
    ("path", "method", "status", "title"),
    [
        ("/doors/refused", "GET", 409, "not now"),
        ("/doors/gone", "GET", 503, "something this door needs is away"),
        ("/doors/slow", "GET", 503, "something this door needs is away"),
        ("/doors/closed", "POST", 503, "something this door needs is away"),
        ("/doors/full", "GET", 503, "something this door needs is away"),
        ("/doors/bug", "GET", 500, "this failed on our side"),
        ("/windows/1", "GET", 404, "no such door"),
        ("/doors/1", "DELETE", 405, "not by this method"),
        ("/doors/%00", "GET", 400, "an unprintable path"),
    ],
)
async def test_a_problem_says_what_and_how_to_mend_it(path: str, method: str, status: int, title: str) -> None:
    answer = await ask(path, method)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (answer.json()["title"], answer.json()["status"]) == (title, status)
    assert answer.json()["fix"]


async def test_what_is_away_may_be_asked_again_soon() -> None:
    assert (await ask("/doors/gone")).headers["retry-after"] == "2"


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    assert set((await ask("/doors/1", "DELETE")).headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_a_bug_tells_outsiders_nothing_of_itself() -> None:
    assert "a bug" not in (await ask("/doors/bug")).text


async def test_what_works_is_left_alone() -> None:
    assert (await ask("/doors/open")).text == "well"
