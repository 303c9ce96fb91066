"""The kill switch is engaged while mails leave, in each scope, also without a broker or a database; two release it."""

import asyncio

from tests.proof.book import Stop, now
from tests.proof.people import KIM, SAM
from tests.proof.run import Proof

ENGAGED_SECONDS = (1.0, 4.0)
BETWEEN_SECONDS = (2.0, 6.0)
SCOPES = ("tenant", "global")
"""Besides that of a campaign, which stories of the stream engage themselves."""
REASON = "a proof"


async def engage(proof: Proof) -> None:
    """`count` times, both scopes in turn; of four times once without a database, and once without a broker."""
    chance = proof.chance
    for nth in range(proof.count):
        await asyncio.sleep(chance.uniform(*BETWEEN_SECONDS))
        await proof.something_leaves()
        if proof.time_is_over:
            return
        scope, without = SCOPES[nth % len(SCOPES)], {1: " without postgres", 3: " without kafka"}.get(nth % 4, "")
        brokers = proof.place.brokers if without == " without kafka" else ()
        for broker in brokers:
            await asyncio.to_thread(broker.kill)
        stop = Stop(scope, None, now(), now())
        engaging = asyncio.create_task(_switch(proof, scope, nth, engaged=True))
        if without == " without postgres":
            await _no_database(proof, chance.uniform(*ENGAGED_SECONDS))
        await engaging
        stop.answered_at = now()
        proof.stream.book.stops.append(stop)
        proof.note(f"engage {scope}{without}")
        await asyncio.sleep(chance.uniform(*ENGAGED_SECONDS))
        await asyncio.gather(*(asyncio.to_thread(broker.start) for broker in brokers))
        stop.lifted_at = now()
        await _switch(proof, scope, nth, engaged=False)


async def _no_database(proof: Proof, seconds: float) -> None:
    """Nobody can stop anything meanwhile, so nothing may leave: that is a stop of everything, too."""
    server = proof.place.system.infrastructure.postgres_process
    assert server is not None, "only a server of our own can be killed"
    await asyncio.to_thread(server.kill)
    away = Stop("global", None, now(), now())
    await asyncio.sleep(seconds)
    away.lifted_at = now()
    proof.stream.book.stops.append(away)
    await asyncio.to_thread(server.start)


async def _switch(proof: Proof, scope: str, nth: int, *, engaged: bool) -> None:
    body = {"engaged": engaged, "reason": REASON}
    for who in (SAM,) if engaged else (SAM, KIM):
        key = f"{proof.seed}-{scope}-{nth}-{engaged}-{who.subject}"
        answer = await proof.stream.doors.ask(who, "executor", "PUT", f"/v1/kill-switches/{scope}", key=key, json=body)
        assert answer.status_code in (200, 202), answer.text
