"""The unsubscribe page: looking never unsubscribes, one POST does, whatever state the campaign is in (RFC 8058)."""

from dataclasses import dataclass
from uuid import uuid4

from jinja2 import Template
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chassis.commands import Answer
from chassis.decision import Identity, Key
from chassis.doors import raw_body
from chassis.service import Parts
from contracts.executor import SuppressionReason
from executor.commands import Unsubscribe
from executor.people.unsubscribe import read

LIMIT_BYTES = 4096
PAGE = Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><meta name="robots" content="noindex">
<style>body{font:18px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.5rem;color:#1d1d1b;
background:#fafaf7}button{font:inherit;padding:.7rem 1.4rem;border:0;border-radius:6px;background:#14532d;color:#fff}
@media(prefers-color-scheme:dark){body{background:#171715;color:#eee}}</style></head>
<body><h1>{{ title }}</h1><p>{{ text }}</p>
{% if form %}<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">
<button>Unsubscribe</button></form>{% endif %}</body></html>""",
    autoescape=True,
)


@dataclass(frozen=True, slots=True)
class UnsubscribePages:
    parts: Parts
    key: bytes

    def routes(self) -> list[Route]:
        return [Route("/u/{token}", self.look), Route("/u/{token}", self.unsubscribe, methods=["POST"])]

    async def look(self, request: Request) -> Response:
        if read(request.path_params["token"], self.key) is None:
            return _page("This link is not one of ours", "Please use the link in a mail of ours.", 404)
        return _page("Unsubscribe", "One click, and you will get no more mails from us.", 200, form=True)

    async def unsubscribe(self, request: Request) -> Response:
        text = request.path_params["token"]
        link = read(text, self.key)
        if link is None:
            return _page("This link is not one of ours", "Please use the link in a mail of ours.", 404)
        await raw_body(request, LIMIT_BYTES)
        actor = Identity(subject=f"recipient:{link.recipient_hash[:32]}", tenant=link.tenant, roles=(), human=True)
        command = Unsubscribe(
            command_id=f"unsubscribe {uuid4()}",  # each counts: consent may have been given again in between
            actor=actor,
            recipient_hash=link.recipient_hash,
            recipient_domain=link.domain,
            reason=SuppressionReason.UNSUBSCRIBE,
        )
        key = Key(link.tenant, link.campaign)
        answer = await self.parts.commands.handle(key, command, lambda _: Answer(200, "{}"))
        if answer.status != 200:
            return _page("That did not work", "Please try again in a minute.", 503)
        return _page("You are unsubscribed", "You will get no more mails from us.", 200)


def _page(title: str, text: str, status: int, form: bool = False) -> Response:
    return HTMLResponse(PAGE.render(title=title, text=text, form=form), status)
