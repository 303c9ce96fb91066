"""The inbox of cases, read again and again for everybody, and people's votes."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from tests.proof.book import Book
from tests.proof.doors import Doors, Json
from tests.proof.people import ANA, BEN, SAM, Person

LOOK_SECONDS = 0.4
REASON = {"what": "what the case asks", "when": "now", "until": "further notice", "why": "a proof decides"}
VOTERS = (ANA, BEN)


@dataclass
class Desk:
    doors: Doors
    book: Book
    cases: dict[UUID, list[Json]] = field(default_factory=dict)
    """The open cases of each campaign."""

    async def read(self) -> None:
        """For ever."""
        while True:
            answer = await self.doors.get(SAM, "escalation", "/v1/cases")
            if answer is not None:
                by_campaign: dict[UUID, list[Json]] = defaultdict(list)
                for case in answer["cases"]:
                    by_campaign[UUID(case["campaign_id"])].append(case)
                self.cases = by_campaign
            await asyncio.sleep(LOOK_SECONDS)

    def find(self, campaign: UUID, kind: str, *, options: int = 1) -> Json | None:
        """An open case of that kind that has its options."""
        mine = self.cases.get(campaign, [])
        return next((one for one in mine if one["kind"] == kind and len(one["options"]) >= options), None)

    async def choose(self, case: Json, chosen: Json, key: str, *, voters: tuple[Person, ...] = VOTERS) -> list[str]:
        """Each of `voters` approves one option; the titles of what was refused to them."""
        answers = [await self.vote(case, chosen, one, f"{key}-{one.subject}") for one in voters]
        return [answer.json()["title"] for answer in answers if answer.status_code != 200]

    async def vote(self, case: Json, option: Json, who: Person, key: str, choice: str = "approve") -> httpx.Response:
        body = {
            "decision_id": option["decision_id"],
            "content_hash": option["content_hash"],
            "choice": choice,
            "reason": REASON,
        }
        door = f"/v1/cases/{case['case_id']}/decisions"
        answer = await self.doors.ask(who, "escalation", "POST", door, key=key, json=body)
        if answer.status_code == 200:
            self.book.promised(UUID(case["campaign_id"]), answer.json()["events"])
        return answer
