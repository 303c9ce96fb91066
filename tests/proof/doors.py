"""The real HTTP doors, as people and systems use them who do not give up: a lost answer is asked for again."""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.proof.people import Person
from tests.proof.place import Place

PATIENCE_SECONDS = 240.0
ANSWER_SECONDS = 15.0
PARKED = "waits behind a dead letter"
Json = dict[str, Any]


class NobodyAnswers(Exception):
    """A door gave no answer for as long as anybody would wait."""


@dataclass
class Doors:
    place: Place
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False))
    asked_again: int = 0
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)

    async def ask(
        self,
        who: Person,
        service: str,
        method: str,
        path: str,
        *,
        key: str = "",
        json: Json | None = None,
        raw: bytes = b"",
    ) -> httpx.Response:
        """The answer, whatever it says. The same key each time: what was done already is not done twice."""
        headers = {"authorization": f"Bearer {self.place.token(who)}"} | ({"idempotency-key": key} if key else {})
        urls = self.place.system.urls(service)
        give_up = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        wait = 0.1
        while True:
            url = urls[next(self._turn) % len(urls)]
            try:
                answer = await self.http.request(
                    method, f"{url}{path}", headers=headers, json=json, content=raw or None
                )
                if answer.status_code < 500 and not (answer.status_code == 409 and PARKED in answer.text):
                    return answer
                said = f"{answer.status_code} {answer.text[:300]}"
            except httpx.TransportError as error:
                said = repr(error)
            if asyncio.get_running_loop().time() > give_up:
                raise NobodyAnswers(f"{method} {service}{path}: {said}")
            self.asked_again += 1
            await asyncio.sleep(wait)
            wait = min(1.0, wait * 1.5)

    async def get(self, who: Person, service: str, path: str) -> Json | None:
        """What is there; None when there is nothing."""
        answer = await self.ask(who, service, "GET", path)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        found: Json = answer.json()
        return found
