"""Requests that nobody should send: each one that somebody would, with one thing wrong. Asked as a server asks."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import unquote
from uuid import UUID, uuid4

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

Json: TypeAlias = Any
Headers: TypeAlias = Mapping[str, str]

NASTY_TEXT = (
    "", " ", "\x00", "a\x00b", "\ud800", "\u202e", "é" * 5, "x" * 5000, "2026-13-45", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-01-31T09:00:00", "P99999999D", "-P1D", "PT0S", "NaN", "*", "../../etc",
    "00000000-0000-0000-0000-000000000000", "{{7*7}}", "jane.doe@example.com", "@", "1e400",
)  # fmt: skip
NASTY: Sequence[Json] = (
    *NASTY_TEXT, None, True, 0, -1, 2**31, 2**53, 2**63 - 1, 2**63, 10**30, 0.1, 1e308, [], {}, [[]], [None],
    {"": ""},
)  # fmt: skip
NASTY_SEGMENTS = (
    "%00", "%ff", "%2e%2e", "a%2Fb", "%C3%A9", "x" * 300, "0", "-", "*", "campaigns%2F", "%F0%9F%98%80",
    str(UUID(int=0)), "7777777a-7777-4777-8777-777777777777",
)  # fmt: skip
QUERIES = ("status=all", "after=1", "after=-1", "after=%00", "after=" + "9" * 30, "after=é", "%ff&&==", "a=b&a=c")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
NO_JSON = (
    b"", b"{", b"null", b"7", b'"text"', b"[]", b"[" * 40 + b"]" * 40, b'{"a":NaN}', b'{"a":1,"a":2}',
    b"\xef\xbb\xbf{}", b"\xff\xfe", b'{"a":"\\ud800"}', b" " * 5_000_000,
)  # fmt: skip
NASTY_HEADERS: Sequence[Headers] = (
    {"authorization": ""}, {"authorization": "Bearer"}, {"authorization": "Bearer nonsense"},
    {"authorization": "Bearer a.b.c"}, {"authorization": "Basic YTpi"}, {"authorization": "é" * 9},
    {"idempotency-key": ""}, {"idempotency-key": "x" * 201}, {"idempotency-key": "\x7f"}, {"idempotency-key": "é"},
    {"content-type": ""}, {"content-type": "text/plain"}, {"content-type": "multipart/form-data; boundary=x"},
    {"content-type": "application/cloudevents+json; charset=é"}, {"content-type": "application/json", "ce-type": "é"},
    {"content-type": "application/json", "ce-type": "x", "ce-id": "\x00", "ce-source": "", "ce-time": "now"},
    {"cookie": "handrail_tower=nonsense", "authorization": ""}, {"accept": "text/html", "authorization": ""},
    {"accept": "text/html"},
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A request as it goes over the line."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Headers
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").split(";")[0]


@dataclass(frozen=True, repr=False)
class Doors:
    """A service's application, and what is known to reach far into it: ids, bodies and tokens that are good."""

    app: Starlette
    routes: Sequence[BaseRoute]
    known: Mapping[str, Sequence[str]]
    """Values of path parameters, by name."""
    bodies: Mapping[str, Sequence[Json]]
    """Bodies that fit, by the last word of the path: JSON, or bytes."""
    tokens: Sequence[str]
    """The first is a person's who may do everything."""
    sign: Callable[[bytes], Headers] = field(default=lambda _: {})
    """Headers that the outside puts on a body."""
    pages: Sequence[str] = ()
    """Paths for people: what goes wrong there is told as a page."""


def requests(doors: Doors) -> Iterator[Asked]:
    """For every door: what fits it, and everything that is wrong by one thing."""
    for route in doors.routes:
        if isinstance(route, Route):
            yield from _to(doors, route)


def _to(doors: Doors, route: Route) -> Iterator[Asked]:
    [method, *_] = sorted((route.methods or {"GET"}) - {"HEAD"})
    bodies = doors.bodies.get(route.path.rsplit("/", 1)[-1], ({"reason": "a reason"},))
    paths = list(_paths(doors, route))
    right = [_signed(doors, Asked(method, paths[0], "", _headers(doors.tokens[0]), _raw(body))) for body in bodies]
    yield from right
    for path in paths[1:]:
        yield replace(right[0], path=path, headers=_again(right[0]))
    yield from (replace(right[0], method=other) for other in METHODS)
    yield from (replace(right[0], query=query) for query in QUERIES)
    for spoilt in (*NASTY_HEADERS, *({"authorization": f"Bearer {token}"} for token in doors.tokens)):
        yield replace(right[0], headers={**_again(right[0]), **spoilt})
    if method != "GET":
        for body in bodies:
            for wrong in _wrong(body):
                yield _signed(doors, replace(right[0], headers=_headers(doors.tokens[0]), body=wrong))


def _paths(doors: Doors, route: Route) -> Iterator[str]:
    """With every known value, then with each parameter spoilt."""
    given = {name: doors.known.get(name, ("x",))[0] for name in route.param_convertors}
    yield _filled(route, given)
    for name in given:
        for value in (*doors.known.get(name, ())[1:], *NASTY_SEGMENTS):
            yield _filled(route, {**given, name: value})


def _filled(route: Route, given: Mapping[str, str]) -> str:
    path = route.path
    for name, convertor in route.param_convertors.items():
        kind = type(convertor).__name__.removesuffix("Convertor").lower()
        path = path.replace(f"{{{name}:{kind}}}", given[name]).replace(f"{{{name}}}", given[name])
    return path


def _headers(token: str) -> Headers:
    key = uuid4().hex  # the same key would get the same answer
    return {"host": "door", "authorization": f"Bearer {token}", "idempotency-key": key}


def _again(asked: Asked) -> Headers:
    return {**asked.headers, "idempotency-key": uuid4().hex}


def _signed(doors: Doors, asked: Asked) -> Asked:
    """With the headers that belong to its body."""
    kind = "application/json"
    if b"specversion" in asked.body:
        kind = "application/cloudevents-batch+json" if asked.body[:1] == b"[" else "application/cloudevents+json"
    return replace(asked, headers={"content-type": kind, **asked.headers, **doors.sign(asked.body)})


def _raw(body: Json) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _wrong(body: Json) -> Iterator[bytes]:
    """`body` with one thing wrong: no JSON at all, or a part that is missing, unknown, or not what it should be."""
    yield from NO_JSON
    if isinstance(body, bytes):
        for at in range(0, len(body), max(1, len(body) // 40)):
            yield from (body[:at], body[:at] + b"\xff" + body[at:], body[:at] + b"\x00" + body[at:], body[at:])
        return
    yield from (_raw(value) for value in NASTY)
    for nth in range(len(list(_places(body)))):
        for value in NASTY:
            yield _raw(_changed(body, nth, partial(_put, value)))
        yield _raw(_changed(body, nth, _left_out))
        yield _raw(_changed(body, nth, _added))


def _changed(body: Json, nth: int, change: Callable[[Json, Json], None]) -> Json:
    copy = deepcopy(body)
    change(*list(_places(copy))[nth])
    return copy


def _put(value: Json, holder: Json, key: Json) -> None:
    holder[key] = value


def _left_out(holder: Json, key: Json) -> None:
    del holder[key]


def _added(holder: Json, key: Json) -> None:
    """One more of its kind, or an unknown name."""
    if isinstance(holder, dict):
        holder["unheard_of"] = holder[key]
    else:
        holder.append(holder[key])


def _places(value: Json) -> Iterator[tuple[Json, Json]]:
    """(holder, key) of every part, however deep."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield value, key
        yield from _places(inner)


async def ask(app: Starlette, asked: Asked) -> Answered:
    """What the application answers. A stream is left after its first part; what the application raises is raised."""
    sent = False
    gone = asyncio.Event()
    started: dict[str, Any] = {}
    body = bytearray()

    async def receive() -> MutableMapping[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": asked.body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        elif part := message.get("body", b""):
            body.extend(part)
            if b"event-stream" in dict(started["headers"]).get(b"content-type", b""):
                gone.set()

    scope = {
        "type": "http", "http_version": "1.1", "method": asked.method, "scheme": "http", "root_path": "",
        "path": unquote(asked.path), "raw_path": asked.path.encode(), "query_string": asked.query.encode(),
        "headers": [(name.encode(), text.encode("latin-1")) for name, text in asked.headers.items() if text],
        "server": ("door", 80), "client": ("test", 1),
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 60)
    headers = {name.decode().lower(): text.decode("latin-1") for name, text in started["headers"]}
    return Answered(started["status"], headers, bytes(body))
