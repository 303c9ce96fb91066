"""A draft to one's own address: the directory says where that is, never the request."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.doors import idempotency_key, read, respond
from chassis.problems import Problem
from chassis.service import Parts
from contracts.event import Name
from executor.api.answers import reply
from executor.api.callers import LOOKERS, Callers, key_in
from executor.commands import SendTest
from executor.people.directory import Directory


class DraftNamed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    artefact: Name


@dataclass(frozen=True, slots=True)
class TestSends:
    parts: Parts
    callers: Callers
    directory: Directory

    def routes(self) -> list[Route]:
        return [Route("/v1/campaigns/{campaign_id:uuid}/test-sends", self.send, methods=["POST"])]

    async def send(self, request: Request) -> Response:
        who = self.callers.person(request, *LOOKERS)
        body = await read(request, DraftNamed)
        key = key_in(request, who)
        if (key.tenant, who.subject) not in self.directory:
            fix = "give your entry in people.yaml a `mail`"
            raise Problem(409, "the directory has no mail of yours", field="mail", fix=fix)
        command = SendTest(command_id=idempotency_key(request), actor=who, artefact=body.artefact)
        return respond(await self.parts.commands.handle(key, command, reply))
