"""The topics of Kafka."""

import asyncio
from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from handrail.local.databases import run
from handrail.local.failure import CannotStart

VISIBLE_SECONDS = 30
# The broker's clock stamps records: services order by it and never trust a sender's.
SETTINGS = {"message.timestamp.type": "LogAppendTime"}


def apply(
    bootstrap: str, topics: Mapping[str, int], replication_factor: int = 1, settings: Mapping[str, str] | None = None
) -> list[str]:
    """Create the topics that are missing, each with its number of partitions, and wait until they can be used.

    A topic that exists keeps its partitions: another number would move campaigns between them.
    `settings` are more of those that Kafka has for a topic. Returns what was made.
    """
    return run(_apply(bootstrap, topics, replication_factor, {**SETTINGS, **(settings or {})}))


async def _apply(
    bootstrap: str, topics: Mapping[str, int], replication_factor: int, settings: dict[str, str]
) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        missing = sorted(topics.keys() - set(await admin.list_topics()))
        if missing:
            answer = await admin.create_topics(
                [NewTopic(name, topics[name], replication_factor, topic_configs=settings) for name in missing]
            )
            for name, code, *message in answer.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):  # another launcher may have been quicker
                    raise CannotStart(
                        f"Kafka refuses the topic {name}: {for_code(code).__name__} {' '.join(map(str, message))}"
                    )
        await asyncio.wait_for(_visible(admin, topics), VISIBLE_SECONDS)
    finally:
        await admin.close()
    return missing


async def _visible(admin: AIOKafkaAdminClient, topics: Mapping[str, int]) -> None:
    """Every partition has a leader: until then a first producer or consumer would fail and wait."""
    while True:
        described = await admin.describe_topics(list(topics))
        led = {
            topic["topic"]
            for topic in described
            if topic["partitions"] and all(partition["leader"] >= 0 for partition in topic["partitions"])
        }
        if topics.keys() <= led:
            return
        await asyncio.sleep(0.05)
