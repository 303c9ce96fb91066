"""Lists of contacts, in and shown."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from uuid import uuid4

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.commands import Answer, Commands
from chassis.connection import Conn
from chassis.decision import Decision, Key, Loaded
from chassis.doors import page, raw_body, respond
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import Tenant, tenant_row
from executor import store
from executor.api.callers import Callers
from executor.api.views import AudienceTaken
from executor.commands import ImportAudience
from executor.domain.state import Campaign
from executor.effects import Shared
from executor.people import audience


@dataclass(frozen=True, slots=True)
class Audiences:
    parts: Parts
    callers: Callers
    tenant_keys: Callable[[Tenant], bytes | None]

    def routes(self) -> list[Route]:
        return [
            Route("/v1/audiences/{name}", self.import_audience, methods=["PUT"]),
            Route("/v1/audiences/{name}", self.audience),
        ]

    async def import_audience(self, request: Request) -> Response:
        who = self.callers.person(request, "marketer", "marketing_lead")
        tenant, name = Tenant(who.tenant), request.path_params["name"]
        tenant_key = self.tenant_keys(tenant)
        if tenant_key is None:
            raise Problem(403, "this tenant has no key for recipients", field="tenant", fix="see `handrail keys init`")
        raw = await raw_body(request, audience.LIMIT_BYTES)
        rows, errors = await asyncio.to_thread(audience.parse, raw)
        if errors:
            listed = [{name: str(value) for name, value in asdict(one).items()} for one in errors]
            told = f"{len(errors)} errors: nothing was imported"
            raise Problem(422, told, field="body", fix="mend each line", errors=listed)
        key = Key(tenant, tenant_row(tenant))
        command_id = request.headers.get("idempotency-key") or f"audience {uuid4()}"  # a PUT replaces, each time
        try:
            command = ImportAudience(
                command_id=command_id,
                actor=who,
                audience=name,
                contacts=len(rows),
                with_consent=sum(1 for row in rows if row.consent == "yes"),
                content_hash=audience.content_hash(rows),
            )
        except ValidationError:
            raise Problem(400, "no name", field="name", fix="at most 120 of a-z, 0-9, _ . : -") from None

        async def save(conn: Conn, touched: Mapping[Key, Loaded[Campaign, Shared]]) -> None:
            """With the command or not at all: a repeated or refused one writes nothing."""
            await audience.save(conn, key, name, rows, tenant_key)
            await store.save(conn, touched)

        commands = Commands(self.parts.db, replace(self.parts.fold, save=save))
        return respond(await commands.handle(key, command, partial(_taken, command)))

    async def audience(self, request: Request) -> Response:
        who = self.callers.reader(request)
        tenant = Tenant(who.tenant)
        async with self.parts.db.pool.acquire() as conn:
            found = await audience.shown(conn, Key(tenant, tenant_row(tenant)), request.path_params["name"])
        if found is None:
            raise Problem(404, "no such audience", field="name", fix="upload it: PUT /v1/audiences/{name}")
        return page(found)


def _taken(command: ImportAudience, decision: Decision[Campaign, Shared]) -> Answer:
    view = AudienceTaken(
        audience=command.audience,
        contacts=command.contacts,
        with_consent=command.with_consent,
        content_hash=command.content_hash,
        waiting=tuple(task.campaign for task in decision.tasks if task.campaign),
    )
    return Answer(200, view.model_dump_json())
