"""What became of each record, as the service's database has it, against what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from chassis.connection import Pool
from tests.chassis.raw_batches import HEADER_BYTES
from tests.proof.poison.kinds import ODD
from tests.proof.poison.sending import ODD_BYTES, Sent

_LETTERS = (
    "SELECT topic, partition, kafka_offset, key, headers, value, sha256, kind, reason, campaign_id FROM dead_letter"
)
_CLAIMS = "SELECT event_id, extract(epoch FROM claimed_at)::float8 AS at FROM inbox"


@dataclass(frozen=True)
class Kept:
    """A dead letter."""

    key: bytes | None
    headers: Sequence[bytes | None]
    value: bytes | None
    sha256: bytes
    kind: str
    reason: str
    parks: bool


async def letters(pool: Pool) -> dict[tuple[str, int, int], Kept]:
    """By topic, partition and offset."""
    return {
        (row["topic"], row["partition"], row["kafka_offset"]): Kept(
            row["key"], row["headers"], row["value"], row["sha256"], row["kind"], row["reason"],
            row["campaign_id"] is not None,
        )
        for row in await pool.fetch(_LETTERS)
    }  # fmt: skip


async def claims(pool: Pool) -> dict[object, float]:
    """When each event was applied, by its id; s of the database's clock."""
    return {row["event_id"]: row["at"] for row in await pool.fetch(_CLAIMS)}


def untrue(sent: Sent, kept: Kept) -> str | None:
    """Where a dead letter is not what was sent."""
    record = sent.meant.record
    if sent.meant.kind == "bomb":  # the broker writes its own time into the header of a batch
        assert sent.batch is not None
        same = kept.value is not None and kept.value[HEADER_BYTES:] == sent.batch[HEADER_BYTES:]
        return None if same and kept.reason.startswith("unreadable batch: it holds more") else "another batch"
    flat = [part for name, text in record.headers for part in (ODD_BYTES if name == ODD else name.encode(), text)]
    wrong = {
        "key": kept.key != record.key,
        "value": kept.value != record.value,
        "headers": list(kept.headers) != flat,
        "hash": kept.sha256 != sha256(record.value or b"").digest(),
        "kind": kept.kind != "undecodable",
        "parks": kept.parks and record.inbound,
    }
    found = [what for what, is_wrong in wrong.items() if is_wrong]
    return f"{sent.meant.kind} at {sent.place}: {', '.join(found)} ({kept.reason})" if found else None


def judged(
    sent: Sequence[Sent], kept: Mapping[tuple[str, int, int], Kept], claimed: Mapping[object, float], waiting: set[str]
) -> dict[str, Sequence[object]]:
    """Violations by invariant. `waiting` are campaigns that a spoilt record of their own parks."""
    good = [one for one in sent if one.meant.kind is None]
    spoilt = [one for one in sent if one.meant.kind is not None]
    free = [one for one in good if str(one.meant.fact.meta.campaign_id) not in waiting]
    places = {one.place for one in spoilt}
    behind = {one.place for one in good} - {one.place for one in free}
    return {
        "a good record was not applied": [one.place for one in free if one.meant.fact.meta.event_id not in claimed],
        "a spoilt record was applied": [
            (one.meant.kind, one.place) for one in spoilt if one.meant.fact.meta.event_id in claimed
        ],
        "a spoilt record is no dead letter": [
            (one.meant.kind, one.place) for one in spoilt if one.place not in kept
        ],
        "a dead letter is not what was sent": [
            wrong for one in spoilt if one.place in kept and (wrong := untrue(one, kept[one.place]))
        ],
        "a good record is a dead letter": [
            (place, letter.kind, letter.reason)
            for place, letter in kept.items()
            if place not in places and not (place in behind and letter.kind == "behind")
        ],
    }  # fmt: skip
