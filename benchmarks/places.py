"""Topics and databases for a row: made anew, so that no run meets what another left."""

import asyncio
from collections.abc import Mapping
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient

from chassis.migrate import migrate
from handrail.local import topics
from handrail.local.databases import run
from handrail.local.sources import Infrastructure


def fresh_topics(kafka: str, wanted: Mapping[str, int]) -> None:
    """Empty topics with so many partitions each."""
    run(_remove(kafka, set(wanted)))
    topics.apply(kafka, wanted)


async def _remove(kafka: str, names: set[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        while there := names & set(await admin.list_topics()):
            await admin.delete_topics(sorted(there))
            await asyncio.sleep(0.2)
    finally:
        await admin.close()


async def database(servers: Infrastructure, *packages: str) -> str:
    """The name of a new database with the tables of the chassis and `packages`."""
    name = f"bench_{uuid4().hex[:8]}"
    await migrate(servers.postgres.create_database(name), ("chassis", *packages))
    return name
