"""Dead letters driven again: one transaction per campaign applies what waits, in order, and lets it go."""

from dataclasses import dataclass

from chassis import dead_letters
from chassis.decision import Key
from chassis.fold import Applier
from chassis.metrics import DEAD_LETTER_REPLAYS
from chassis.postgres import Database
from chassis.records import Raw, receive
from chassis.signatures import Verifier
from contracts.event import Tenant


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many letters were applied, and why the first one that was not still is not."""

    applied: int
    failed: str | None


class StillFailing(Exception):
    """A letter that was driven again would have to be kept again."""


async def redrive(db: Database, applier: Applier, verifier: Verifier, letter: int) -> Redriven:
    """Drive letter `letter` and all of its campaign again, oldest first. All of a campaign, or nothing."""
    async with db.pool.acquire() as conn:
        found = await dead_letters.show(conn, letter)
    if found is None:
        return Redriven(0, f"there is no dead letter {letter}")
    shown = found[0]
    key = Key(Tenant(shown.tenant), shown.campaign_id) if shown.tenant and shown.campaign_id else None
    try:
        applied = await _together(db, applier, verifier, key, letter)
    except Exception as error:  # noqa: BLE001 - kept with its reason
        DEAD_LETTER_REPLAYS.labels(result="failed").inc()
        reason = str(error) if isinstance(error, StillFailing) else repr(error)
        async with db.pool.acquire() as conn:
            await dead_letters.redriven(conn, letter, reason)
        return Redriven(0, reason)
    DEAD_LETTER_REPLAYS.labels(result="applied").inc(applied)
    return Redriven(applied, None)


async def _together(db: Database, applier: Applier, verifier: Verifier, key: Key | None, letter: int) -> int:
    """Taken out, the letters no longer park their campaign; what the applier keeps again undoes it all."""
    async with db.transaction() as tx:
        if key is not None:
            await tx.lock([key])
            letters = await dead_letters.of_campaign(tx.conn, key)
        else:
            one = await dead_letters.lone(tx.conn, letter)
            letters = [one] if one else []
        for number, _ in letters:
            await dead_letters.remove(tx.conn, number)
        raws: list[Raw] = [raw for _, raw in letters]
        await applier.apply(tx, [receive(raw, verifier) for raw in raws])
        if (reason := await dead_letters.kept(tx.conn, raws)) is not None:
            raise StillFailing(reason)
        return len(letters)
