"""Dead letters driven again: one transaction per campaign folds what waits, in order, claims it and lets it go."""

from dataclasses import dataclass
from typing import Any

from chassis import dead_letters
from chassis.decision import Key
from chassis.fold import Fold, key_of
from chassis.metrics import DEAD_LETTER_REPLAYS
from chassis.postgres import Database
from chassis.records import receive
from contracts.event import Tenant


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many letters were applied, and why the first one that was not still is not."""

    applied: int
    failed: str | None


async def redrive(db: Database, fold: Fold[Any, Any], letter: int) -> Redriven:
    """Drive letter `letter` and all of its campaign again, oldest first. All of a campaign, or nothing."""
    async with db.pool.acquire() as conn:
        found = await dead_letters.show(conn, letter)
    if found is None:
        return Redriven(0, f"there is no dead letter {letter}")
    shown = found[0]
    key = Key(Tenant(shown.tenant), shown.campaign_id) if shown.tenant and shown.campaign_id else None
    try:
        applied = await _together(db, fold, key, letter)
    except Exception as error:  # noqa: BLE001 - kept with its reason
        DEAD_LETTER_REPLAYS.labels(result="failed").inc()
        async with db.pool.acquire() as conn:
            await dead_letters.redriven(conn, letter, repr(error))
        return Redriven(0, repr(error))
    DEAD_LETTER_REPLAYS.labels(result="applied").inc(applied)
    return Redriven(applied, None)


async def _together(db: Database, fold: Fold[Any, Any], key: Key | None, letter: int) -> int:
    async with db.transaction() as tx:
        if key is not None:
            await tx.lock([key])
            letters = await dead_letters.of_campaign(tx.conn, key)
        else:
            one = await dead_letters.lone(tx.conn, letter)
            letters = [one] if one else []
        facts = []
        for _, raw in letters:
            received = receive(raw, fold.verifier)
            if received.fact is None:
                raise ValueError(received.reason)
            facts.append((raw, received.fact))
        if key is None:
            await tx.lock({key_of(fact.meta) for _, fact in facts})
        await fold.facts(tx, facts)
        for number, _ in letters:
            await dead_letters.remove(tx.conn, number)
        return len(letters)
