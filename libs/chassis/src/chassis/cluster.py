"""Which Kafka cluster this service works with: on another one old offsets come again, and what was there is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from chassis.connection import Conn
from chassis.postgres import Database

log = structlog.get_logger(__name__)

EVERY_SECONDS = 30.0

_KNOWN = "SELECT cluster_id FROM kafka_cluster ORDER BY met_at"
_MEET = "INSERT INTO kafka_cluster (cluster_id) VALUES ($1) ON CONFLICT DO NOTHING"


class UnknownCluster(Exception):
    """Kafka is another cluster than before, and nobody said what is to be sent to it again."""


async def cluster_id(kafka: str) -> str:
    """The id of the cluster behind the bootstrap servers `kafka`."""
    async with administration(kafka) as admin:
        return str((await admin.describe_cluster()).get("cluster_id") or "")


@asynccontextmanager
async def administration(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def partitions(kafka: str, topics: Sequence[str]) -> list[TopicPartition]:
    """Those that there are: a topic that nobody made has none."""
    async with administration(kafka) as admin:
        described = await admin.describe_topics(list(topics))
    return [TopicPartition(one["topic"], part["partition"]) for one in described for part in one["partitions"]]


async def settle(db: Database, cluster: str) -> None:
    """Go on with `cluster` if it is known, or the first there is. Raises UnknownCluster.

    To go on with another as if nothing had happened would lose what others had not yet read from the old one.
    """
    async with db.pool.acquire() as conn, conn.transaction():
        known = [row["cluster_id"] for row in await conn.fetch(_KNOWN)]
        if known and cluster not in known:
            raise UnknownCluster(
                f"Kafka is the cluster {cluster}, and {db.service} knows {', '.join(known)}: say `handrail replay`,"
                " which sends to the new one what the old one held"
            )
        await meet(conn, cluster)


async def meet(conn: Conn, cluster: str) -> None:
    """Know `cluster` from now on."""
    await conn.execute(_MEET, cluster)


@dataclass(slots=True)
class Watch:
    """Looks for another cluster behind the same address, and ends everything that would go on with it."""

    kafka: str
    cluster: str
    stop: Callable[[str], None]
    every_seconds: float = EVERY_SECONDS

    async def run(self) -> None:
        """Returns once there is another cluster."""
        while (found := await self._look()) in ("", self.cluster):
            await asyncio.sleep(self.every_seconds)
        because = f"Kafka is the cluster {found} now, and was {self.cluster}: say `handrail replay`, then start again"
        log.error("another cluster", because=because)
        self.stop(because)

    async def _look(self) -> str:
        try:
            return await cluster_id(self.kafka)
        except (OSError, TimeoutError, KafkaError):  # away is not another one
            return ""
