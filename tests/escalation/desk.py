"""Two replicas of escalation over one real database, and people at their doors."""

from typing import Any
from uuid import uuid4

import httpx

from chassis.application import application
from chassis.records import receive
from chassis.service import Parts
from chassis.tasks import Worker
from contracts.catalogue import BY_TYPE
from contracts.codec import Header
from contracts.event import Event, Fact
from handrail.keys import Keys, dev_token
from tests.builders import fact, plan_issued, proposed, record
from tests.conftest import VERIFIER


def _door(parts: Parts) -> httpx.AsyncClient:
    app = application(parts.routes)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://escalation")


class Desk:
    """Two replicas of escalation over one database, and people at its doors."""

    def __init__(self, replicas: list[Parts], keys: Keys) -> None:
        self.parts, self.keys, self.offset = replicas[0], keys, 0
        self.doors = [_door(one) for one in replicas]

    async def read(self, *events: Event | Fact[Event]) -> None:
        """These arrive from Kafka, as one batch."""
        facts = [one if isinstance(one, Fact) else fact(one) for one in events]
        batch = [receive(record(one, self.offset + n), VERIFIER) for n, one in enumerate(facts)]
        self.offset += len(batch)
        async with self.parts.db.transaction() as tx:
            assert self.parts.applier is not None
            await self.parts.applier.apply(tx, batch)

    async def hear(self, of: Fact[Event] | bytes, headers: list[Header]) -> None:
        """One record from Kafka with headers of its own: on the topic of cases where it is only bytes."""
        topic = "escalation.cases.v1" if isinstance(of, bytes) else ""
        self.offset += 1
        async with self.parts.db.transaction() as tx:
            assert self.parts.applier is not None
            await self.parts.applier.apply(
                tx, [receive(record(of, self.offset, topic=topic, headers=headers), VERIFIER)]
            )

    async def work(self) -> None:
        """Do all tasks that are due."""
        while await Worker(self.parts.db, self.parts.fold, self.parts.kinds).work_once():
            pass

    def token(self, subject: str, *roles: str, **changes: Any) -> dict[str, str]:
        made = dev_token(
            self.keys.folder, subject, roles or ("campaign_approver",), changes.pop("tenant", "demo"), **changes
        )
        return {"authorization": f"Bearer {made}"}

    async def get(self, path: str, by: dict[str, str] | None = None) -> httpx.Response:
        return await self.doors[0].get(path, headers=by or self.token("ana"))

    async def post(
        self, path: str, body: Any, by: dict[str, str] | None = None, key: str | None = None, door: int = 0
    ) -> httpx.Response:
        headers = {**(by or self.token("ana")), "idempotency-key": key or uuid4().hex}
        return await self.doors[door].post(path, json=body, headers=headers)

    async def vote(self, shown: dict[str, Any], **changes: Any) -> httpx.Response:
        """Approve the first option of a card, as it was displayed."""
        option = shown["options"][0]
        body = {"decision_id": option["decision_id"], "content_hash": option["content_hash"], "choice": "approve"}
        sent = {name: changes.pop(name) for name in ("by", "key", "door") if name in changes}
        return await self.post(f"/v1/cases/{shown['case_id']}/decisions", body | changes, **sent)

    async def asked(self) -> dict[str, Any]:
        """A first send waits for people: its card."""
        issued = plan_issued()
        await self.read(issued, proposed(issued))
        [shown] = (await self.get("/v1/cases")).json()["cases"]
        found: dict[str, Any] = (await self.get(f"/v1/cases/{shown['case_id']}")).json()
        return found

    async def said(self) -> list[str]:
        """The names of all events written, in order."""
        rows = await self.parts.db.pool.fetch("SELECT headers->>'ce_type' AS type FROM event_log ORDER BY id")
        return [BY_TYPE[row["type"]].__name__ for row in rows]
