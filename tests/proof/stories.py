"""What people do with one campaign, from its contacts to its end, over the real doors."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from contracts.brief import BriefDraft
from contracts.codec import encode
from contracts.event import Event, Fact, Meta, Tenant
from contracts.inbound import BriefSubmitted
from tests.proof.book import Book, Stop, now
from tests.proof.campaigns import Campaign, Story
from tests.proof.desk import Desk
from tests.proof.doors import Doors, Json
from tests.proof.people import ANA, BEN, BOT, KIM, LEO, MAYA, SAM, TENANT
from tests.proof.place import Place

PATIENCE_SECONDS = 300.0
LOOK_SECONDS = 0.5
T = TypeVar("T")


class TooLong(Exception):
    """A campaign did not get on, for longer than anybody would wait."""


@dataclass
class Life:
    """One campaign as its people live through it."""

    campaign: Campaign
    place: Place
    doors: Doors
    desk: Desk
    book: Book

    async def live(self) -> None:
        """Until it is over, or waits for people who will not come. Raises TooLong, NobodyAnswers."""
        await self._hand_in()
        if self.campaign.story is Story.UNANSWERED:
            return await self._closed()
        case = await self._until(lambda: self._case("approval"), "a case to approve")
        if case is None:
            return
        if self.campaign.story is Story.REFUSED:
            await self.desk.vote(case, case["options"][0], ANA, self.campaign.key("refuse"), "refuse")
            return await self._closed()
        await self._approve(case)
        await self._afterwards(case)

    async def _hand_in(self) -> None:
        campaign = self.campaign
        audience = f"/v1/audiences/{campaign.audience}"
        upload = await self.doors.ask(
            MAYA, "executor", "PUT", audience, key=campaign.key("contacts"), raw=campaign.contacts()
        )
        assert upload.status_code == 200, upload.text
        if campaign.story is Story.OVER_KAFKA:
            await self._publish()
            vouch = f"/v1/campaigns/{campaign.id}/authorship"

            async def vouched() -> bool | None:
                answer = await self.doors.ask(MAYA, "briefing", "POST", vouch, key=campaign.key(f"vouch-{now()}"))
                return True if answer.status_code == 200 else None

            await self._until(vouched, "somebody may vouch for the brief")
            return
        answer = await self.doors.ask(
            MAYA, "briefing", "POST", "/v1/briefs", key=campaign.key("brief"), json=campaign.brief()
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["campaign_id"] == str(campaign.id)
        self.book.promised(campaign.id, ["BriefAccepted", "PlanIssued"])

    async def _publish(self) -> None:
        """As another system does that was told nothing: the same record twice."""
        source, ours = "/systems/proof", self.campaign.key("brief")
        meta = Meta.outside(Tenant(TENANT), self.campaign.id, source=source, source_id=ours, at=now())
        fact: Fact[Event] = Fact(meta, BriefSubmitted(brief=BriefDraft.model_validate(self.campaign.brief())))
        headers, value = encode(fact)
        record = {"topic": fact.event.topic, "key": fact.event.key(meta), "headers": headers, "value": value}
        self.book.outside[meta.event_id] = record
        for _ in range(2):
            await self._until(lambda: self._sent(record), "Kafka takes a brief")

    async def _sent(self, record: dict[str, Any]) -> bool | None:
        producer = AIOKafkaProducer(bootstrap_servers=self.place.kafka, acks="all")
        try:
            await producer.start()
            await asyncio.wait_for(producer.send_and_wait(**record), 10)
        except (KafkaError, OSError, TimeoutError):
            return None
        finally:
            await producer.stop()
        return True

    async def _approve(self, case: Json) -> None:
        option, key = case["options"][0], self.campaign.key("approve")
        for nobody in (MAYA, BOT):
            self.book.refusals_expected += 1
            answer = await self.desk.vote(case, option, nobody, f"{key}-{nobody.subject}")
            self.book.refusals_seen += answer.status_code in (403, 409)
        if self.campaign.story is Story.LATE:
            last = datetime.fromisoformat(case["deadline"]) + timedelta(
                seconds=self.campaign.chance("late").uniform(-1.5, 0.3)
            )
            await asyncio.sleep(max(0.0, (last - now()).total_seconds()))
        voters = (ANA, BEN) if self.campaign.chance("voters").random() < 0.7 else (LEO, ANA)
        await self.desk.choose(case, option, key, voters=voters)

    async def _afterwards(self, case: Json) -> None:
        match self.campaign.story:
            case Story.PAUSED:
                await self._sending()
                await self._command("pause")
                await asyncio.sleep(self.campaign.chance("pause").uniform(0.5, 3))
                self._lift()
                await self._command("resume")
                return await self._go_on(case)
            case Story.CANCELLED:
                await self._sending()
                await self._command("cancel")
            case Story.BOUNCING:
                return await self._bounced()
            case Story.REVOKED:
                path = f"/v1/decisions/{case['options'][0]['decision_id']}/revoke"
                await self._sending()
                body = {"because": "the offer changed"}
                await self.doors.ask(ANA, "escalation", "POST", path, key=self.campaign.key("revoke"), json=body)
                await asyncio.sleep(5)
                await self._command("cancel")
            case Story.KILLED:
                await self._sending()
                await self._switch(engaged=True)
                await asyncio.sleep(self.campaign.chance("killed").uniform(0.5, 4))
                await self._switch(engaged=False)
            case Story.TIGHT:
                await self._until(self._halted, "the budget ends")
                await self._command("cancel")
            case _:
                pass
        await self._closed()

    async def _go_on(self, before: Json) -> None:
        """After a pause people are asked anew; the inbox may still show what they were asked `before`."""

        async def asked() -> Json | None:
            case = await self._case("approval")
            return None if case is None or case["case_id"] == before["case_id"] else case

        case = await self._until(asked, "a case to go on")
        if case is not None:
            refused = await self.desk.choose(case, case["options"][0], self.campaign.key("go-on"))
            return await self._closed(or_halted=bool(refused))  # they came too late: it stays halted
        await self._closed()

    async def _bounced(self) -> None:
        """The dead domain halts it; people choose, or nobody comes in time and it stays halted."""
        asked = asyncio.Event()

        async def all_options() -> tuple[Json | None] | None:
            if await self._case("trigger", options=0) is not None:
                asked.set()
            elif asked.is_set():
                return (None,)  # it expired before all its options were there
            case = await self._case("trigger", options=3)
            return None if case is None else (case,)

        found = await self._until(all_options, "a case about bounces")
        case = found[0] if found is not None else None
        choice = self.campaign.chance("bounced").choice(("resume_without_domain", "resume_all", "stop", None))
        if case is None or choice is None:
            return
        option = next(one for one in case["options"] if one["chosen"] == choice)
        await self.desk.choose(case, option, self.campaign.key("bounced"))
        await self._closed(or_halted=True)

    async def _command(self, verb: str) -> None:
        asked_at = now()
        path = f"/v1/campaigns/{self.campaign.id}/{verb}"
        body = {"reason": "a proof"}
        answer = await self.doors.ask(MAYA, "executor", "POST", path, key=self.campaign.key(verb), json=body)
        if answer.status_code == 200:
            self.book.promised(self.campaign.id, answer.json()["events"])
            if verb in ("pause", "cancel"):
                self.book.stops.append(Stop(verb, self.campaign.id, asked_at, now()))

    async def _switch(self, *, engaged: bool) -> None:
        """One engages, two release."""
        path = f"/v1/kill-switches/campaigns/{self.campaign.id}"
        body = {"engaged": engaged, "reason": "a proof"}
        asked_at = now()
        if not engaged:
            self._lift()
        for who in (SAM,) if engaged else (SAM, KIM):
            key = self.campaign.key(f"switch-{engaged}-{who.subject}")
            answer = await self.doors.ask(who, "executor", "PUT", path, key=key, json=body)
            assert answer.status_code in (200, 202), answer.text
        if engaged:
            self.book.stops.append(Stop("kill", self.campaign.id, asked_at, now()))

    def _lift(self) -> None:
        for stop in self.book.stops:
            if stop.campaign_id == self.campaign.id and stop.lifted_at is None:
                stop.lifted_at = now()

    async def _sending(self) -> None:
        await self._until(self._some_left, "mails leave")

    async def _some_left(self) -> bool | None:
        found = await self._state()
        left = sum(states.get("succeeded", 0) for states in found["effects"].values()) if found else 0
        return True if left or (found and found["finished"]) else None

    async def _halted(self) -> bool | None:
        found = await self._state()
        return True if found and (found["halted"] or found["finished"]) else None

    async def _closed(self, *, or_halted: bool = False) -> None:
        async def over() -> bool | None:
            found = await self._state()
            done = found and (found["finished"] or (or_halted and found["halted"]))
            return True if done else None

        await self._until(over, "it is over")

    async def _state(self) -> Json | None:
        return await self.doors.get(SAM, "executor", f"/v1/campaigns/{self.campaign.id}")

    async def _case(self, kind: str, options: int = 1) -> Json | None:
        return self.desk.find(self.campaign.id, kind, options=options)

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T | None:
        """What `look` finds; None when the campaign is over meanwhile. Raises TooLong."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + PATIENCE_SECONDS
        while True:
            if (found := await look()) is not None:
                return found
            if (state := await self._state()) is not None and state["finished"]:
                return None
            if loop.time() > give_up:
                raise TooLong(f"campaign {self.campaign.number} ({self.campaign.story}): {what}")
            await asyncio.sleep(LOOK_SECONDS)
