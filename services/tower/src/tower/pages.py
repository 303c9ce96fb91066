"""What a browser is given: templates, safe headers, and a stream that sends a page's contents anew when they change."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from importlib.resources import files

from jinja2 import DictLoader, Environment, select_autoescape
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from contracts.event import Money
from tower.row import words
from tower.verdict import Verdict

LOOK_SECONDS = 0.5
PING_SECONDS = 15
WORDS_SECONDS = 30
"""Time that is left is said in words: they are said anew so often, although nothing happened."""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
LOOKS = {
    Verdict.ON_TRACK: "good",
    Verdict.MET: "good",
    Verdict.AT_RISK: "warn",
    Verdict.WAITING: "warn",
    Verdict.HELD: "warn",
    Verdict.HALTED: "bad",
    Verdict.FAILED: "bad",
    Verdict.MISSED: "bad",
    Verdict.REFUSED: "calm",
    Verdict.CANCELLED: "calm",
}
ATTENTION = (Verdict.HALTED, Verdict.WAITING, Verdict.HELD, Verdict.AT_RISK)
"""What somebody must do something about."""


def money(amount: Money) -> str:
    return f"{amount.micros / 1e6:,.2f} {amount.currency}"


def percent(share: float) -> str:
    return f"{share:.0%}" if share in (0, 1) else f"{share:.1%}"


def figure(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def lasting(time: timedelta) -> str:
    """A length of time in its largest unit."""
    seconds = round(time.total_seconds())
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds} s"


def moment(at: datetime) -> str:
    return f"{at:%d %b %H:%M:%S} UTC"


def short(text: object) -> str:
    """As much of a hash or id as tells it apart."""
    return str(text)[:8]


PAGES = Environment(
    loader=DictLoader({entry.name: entry.read_text() for entry in (files("tower") / "templates").iterdir()}),
    autoescape=select_autoescape(default=True),
    trim_blocks=True,
    lstrip_blocks=True,
)
PAGES.filters.update(
    figure=figure, lasting=lasting, moment=moment, money=money, percent=percent, short=short, words=words
)
PAGES.globals.update(looks=LOOKS, attention=ATTENTION)


def page(template: str, **values: object) -> Response:
    nonce = secrets.token_urlsafe(16)
    rendered = PAGES.get_template(template).render(nonce=nonce, **values)
    return HTMLResponse(rendered, headers={**SAFE, "content-security-policy": POLICY.format(nonce=nonce)})


def part(template: str, **values: object) -> str:
    """The contents of a page, as the stream sends them."""
    return PAGES.get_template(template).render(**values)


def stream(
    request: Request, changed: Callable[[], Awaitable[object]], contents: Callable[[], Awaitable[str]]
) -> Response:
    """Send `contents` at once, and anew whenever `changed` gives another value."""

    async def changes() -> AsyncIterator[ServerSentEvent]:
        seen: object = None
        while not await request.is_disconnected():
            state = (await changed(), asyncio.get_running_loop().time() // WORDS_SECONDS)
            if state != seen:
                seen = state
                yield ServerSentEvent(data=await contents(), event="contents")
            await asyncio.sleep(LOOK_SECONDS)

    return EventSourceResponse(changes(), ping=PING_SECONDS)
