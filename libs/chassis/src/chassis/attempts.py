"""How often a record was tried: counted in the database, so that it survives a process that the record killed.

A reader that begins at the same place again and again may be killed by a record there: then each is taken alone, and
what kills it alone, or fails alone, is known by its own count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.postgres import Database
from chassis.records import Raw

BEGINNINGS = 2
"""So often a reader may begin at the same offset before each record there is taken alone."""

_PASSED = "DELETE FROM attempt WHERE (cluster_id, topic, partition) = ($1, $2, $3) AND kafka_offset < $4"
_BEGIN = """
INSERT INTO attempt (cluster_id, topic, partition, kafka_offset, begun) VALUES ($1, $2, $3, $4, 1)
ON CONFLICT (cluster_id, topic, partition, kafka_offset) DO UPDATE SET begun = attempt.begun + 1
RETURNING begun
"""
_UNSETTLED = """
SELECT max(kafka_offset) FROM attempt WHERE (cluster_id, topic, partition) = ($1, $2, $3) AND tried > 0
"""
_TRY = """
INSERT INTO attempt (cluster_id, topic, partition, kafka_offset, tried) VALUES ($1, $2, $3, $4, 1)
ON CONFLICT (cluster_id, topic, partition, kafka_offset) DO UPDATE SET tried = attempt.tried + $5
RETURNING tried
"""
_SETTLED = "DELETE FROM attempt WHERE (cluster_id, topic, partition, kafka_offset) = ($1, $2, $3, $4)"


@dataclass(slots=True)
class Attempts:
    """What one reader knows of the attempts at its records, its own and those of readers before it."""

    db: Database
    _alone_up_to: dict[tuple[str, int], int] = field(default_factory=dict)
    _interrupted: set[tuple[str, int, int]] = field(default_factory=set)

    async def begin(self, first: Raw, last_offset: int) -> None:
        """Its partition is read from `first` on, in a batch up to `last_offset`; what stands before is done with."""
        partition = (first.cluster_id, first.topic, first.partition)
        async with self.db.pool.acquire() as conn:
            await conn.execute(_PASSED, *partition, first.offset)
            begun = await conn.fetchval(_BEGIN, *partition, first.offset)
            unsettled: int | None = await conn.fetchval(_UNSETTLED, *partition)
        up_to = [] if unsettled is None else [unsettled]
        if begun > BEGINNINGS:
            up_to.append(last_offset)
        self._alone_up_to[first.topic, first.partition] = max(up_to, default=-1)

    def suspicious(self, raws: Sequence[Raw]) -> bool:
        """Whether one of `raws` may be what kills the process."""
        return any(raw.offset <= self._alone_up_to.get((raw.topic, raw.partition), -1) for raw in raws)

    async def count(self, raw: Raw) -> int:
        """Count one more attempt at `raw` alone, durably; returns how many there were, this one included."""
        more = 0 if _place(raw) in self._interrupted else 1
        async with self.db.pool.acquire() as conn:
            tried = await conn.fetchval(_TRY, raw.cluster_id, raw.topic, raw.partition, raw.offset, more)
        self._interrupted.discard(_place(raw))
        return int(tried)

    def interrupted(self, raw: Raw) -> None:
        """The attempt at `raw` was cut short through no fault of its own: it does not count."""
        self._interrupted.add(_place(raw))

    async def settled(self, raw: Raw) -> None:
        """`raw` is applied."""
        async with self.db.pool.acquire() as conn:
            await conn.execute(_SETTLED, raw.cluster_id, raw.topic, raw.partition, raw.offset)


def _place(raw: Raw) -> tuple[str, int, int]:
    return raw.topic, raw.partition, raw.offset
