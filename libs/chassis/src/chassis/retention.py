"""How long a service remembers, and the round in which it forgets what is older. Why that is safe: decision 0013.

Three ages, each a multiple of one setting R (`<SERVICE>_RETENTION_DAYS`), which is at least what Kafka keeps:

- up to R, what was said stays in the event log; longer, while a reader has not read it;
- up to 2 R, it may be said again (`handrail replay`); then it stands on Kafka once more, for up to another R;
- up to 4 R, what came is known: claims, answers to commands, done tasks, attempts.
"""

import asyncio
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from chassis import cluster, horizon, pruning
from chassis.connection import AWAY
from chassis.metrics import LOG_HELD, OLDEST_ROW
from chassis.postgres import Database
from contracts.catalogue import READS, TOPICS, readers_of
from contracts.codec import INBOUND

log = structlog.get_logger(__name__)

ROUNDS = 20
"""In the time R, at least."""
MOST_SECONDS = 3600.0
"""Between two rounds."""
FIRST_SECONDS = 60.0
"""A service that is restarted all the time prunes too."""
PATIENCE_SECONDS = 10.0
"""So long a round waits for readers to read what stood on Kafka when it began."""
ASK_SECONDS = 1.0
SENDING = timedelta(minutes=1)
"""A row says when its sending began: longer ago than this, it has ended."""


class TooShort(Exception):
    """What Kafka still holds would be forgotten: the text says of which topic."""


@dataclass(frozen=True, slots=True)
class Retention:
    """R, and what follows from it."""

    log: timedelta

    @staticmethod
    def of(days: float) -> "Retention | None":
        """None: for ever."""
        return None if math.isinf(days) else Retention(timedelta(days=days))

    @property
    def replay(self) -> timedelta:
        """Nothing older is said again."""
        return 2 * self.log

    @property
    def met(self) -> timedelta:
        return 4 * self.log

    @property
    def every_seconds(self) -> float:
        return min(MOST_SECONDS, self.log.total_seconds() / ROUNDS)


async def settle(kafka: str, retention: Retention, topics: Sequence[str], setting: str) -> None:
    """Compare with what Kafka keeps of `topics`. Raises TooShort, which names the `setting`."""
    kept = await horizon.kept_at_most(kafka, topics)
    topic, longest = max(kept.items(), key=lambda one: one[1], default=("", timedelta()))
    if longest > retention.log:
        time = "for ever" if longest == horizon.FOR_EVER else f"for up to {longest / timedelta(days=1):g} days"
        raise TooShort(
            f"{setting}={retention.log / timedelta(days=1):g}: Kafka keeps {topic} {time} (retention.ms and"
            " segment.ms), and what stands there can come again: remember at least as long, or let Kafka keep less"
        )


async def begin(
    db: Database,
    kafka: str,
    cluster_id: str,
    retention: Retention,
    reads: Sequence[str],
    says: Sequence[str],
    keeps_claims: bool,
) -> "Rounds":
    """The rounds of a service that reads `reads` and says `says` on the cluster `cluster_id`. Raises TooShort.

    Raises ValueError where the catalogue has another idea of what it reads: others would forget what it has not read.
    """
    if set(reads) != set(READS.get(db.service, reads)):
        raise ValueError(f"{db.service} reads other topics than contracts.catalogue says")
    said = [*says, *(topic for topic in TOPICS if topic.startswith(INBOUND))]
    await settle(kafka, retention, [*{*reads, *said}], f"{db.service.upper()}_RETENTION_DAYS")
    readers = {topic: readers_of(topic) for topic in said}
    return Rounds(db, kafka, cluster_id, retention, reads, readers, keeps_claims)


@dataclass(slots=True)
class Rounds:
    """Forgets, round after round."""

    db: Database
    kafka: str
    cluster_id: str
    """Another one behind the same address is empty, which is not to have been read."""
    retention: Retention
    topics: Sequence[str]
    """What is read: as long as a record stands there, it is known."""
    readers: Mapping[str, Collection[str]]
    """Of each topic that events are said on, the groups that must have read them."""
    keeps_claims: bool = False
    first_seconds: float = FIRST_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    _seconds: float = field(init=False)

    def __post_init__(self) -> None:
        self._seconds = min(self.first_seconds, self.retention.every_seconds)

    async def run(self) -> None:
        """For ever. A round that fails ends nothing: the next one does its work."""
        while True:
            await asyncio.sleep(self._seconds)
            self._seconds = self.retention.every_seconds
            try:
                gone = await self.once()
            except (*AWAY, KafkaError) as error:
                log.warning("nothing pruned", error=repr(error)[:300])
            except Exception:
                log.exception("nothing pruned")
            else:
                if any(gone.values()):
                    log.info("pruned", **gone)

    async def once(self) -> dict[str, int]:
        """One round. Returns how many rows went, by table."""
        began: datetime = await self.db.pool.fetchval("SELECT clock_timestamp()")
        gone = await self._met(began)
        stood = await horizon.standing(self.kafka, list(self.readers))
        read = await self._read(stood.ends)
        LOG_HELD.set(len({partition.topic for partition in stood.ends} - read))
        if read and await cluster.cluster_id(self.kafka) == self.cluster_id:
            gone[pruning.EVENT_LOG] = await pruning.said(self.db, began - self.retention.log, began - SENDING, read)
        return gone

    async def measure(self) -> None:
        """Set the gauges."""
        for table, age in (await pruning.oldest(self.db)).items():
            OLDEST_ROW.labels(table=table).set(0 if age is None else age.total_seconds())

    async def _met(self, began: datetime) -> dict[str, int]:
        """Never what came before the oldest record that still stands on Kafka, with R to spare for two clocks."""
        before = began - self.retention.met
        oldest = (await horizon.standing(self.kafka, self.topics)).oldest
        if oldest is not None:
            before = min(before, oldest - self.retention.log)
        tables = [table for table in pruning.MET if not (self.keeps_claims and table == "inbox")]
        return {table: await pruning.met(self.db, table, before) for table in tables}

    async def _read(self, ends: Mapping[TopicPartition, int]) -> frozenset[str]:
        """Topics that all readers have read up to `ends`: those that go on reading do so in a moment."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience_seconds
        while True:
            read = await horizon.read_by_all(self.kafka, ends, self.readers)
            if read >= {partition.topic for partition in ends} or loop.time() > until:
                return read
            await asyncio.sleep(ASK_SECONDS)
