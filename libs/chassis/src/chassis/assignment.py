"""Which partitions are this process's, where it stands in them, and how a rebalance waits for what is in hand."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions this process owns now. A rebalance waits, within bounds, for the batch in hand."""

    owned: frozenset[TopicPartition] = frozenset()
    unseen: set[TopicPartition] = field(default_factory=set)
    """Assigned, and nothing read of it yet."""
    joined: bool = False
    changes: int = 0
    """How often partitions were taken away: what was read before stands at places that are nobody's now."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    drain_seconds: float = 8.0

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.changes += 1
        try:
            await asyncio.wait_for(self.idle.wait(), self.drain_seconds)
        except TimeoutError:
            log.warning("a rebalance did not wait for a slow batch")
        self.owned = frozenset()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.owned = frozenset(assigned)
        self.unseen = set(assigned)
        self.joined = True

    async def commit(self, records: Sequence[ConsumerRecord], kafka: AIOKafkaConsumer) -> None:
        """`records` are settled."""
        offsets = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in records}
        mine = {tp: offset for tp, offset in offsets.items() if tp in self.owned}
        if not mine:
            return
        try:
            await kafka.commit(mine)
        except KafkaError as error:  # the next owner reads these again; the claims make that harmless
            log.warning("offsets not committed", error=repr(error)[:300])

    def give_back(self, records: Sequence[ConsumerRecord], kafka: AIOKafkaConsumer) -> None:
        """`records` are to be read again."""
        first: dict[TopicPartition, int] = {}
        for record in records:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for tp, offset in first.items():
            if tp in self.owned:
                kafka.seek(tp, offset)
