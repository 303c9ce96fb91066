"""The local broker keeps what it was given."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from handrail.local import kafka as local_kafka
from handrail.local import topics
from handrail.local.kafka import Kafka
from handrail.local.processes import Processes


async def test_records_survive_a_killed_broker(kafka: Kafka) -> None:
    topics.apply(kafka.bootstrap, {"launcher.kept": 1})
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        await producer.send_and_wait("launcher.kept", b"kept")
    bootstrap = kafka.bootstrap
    kafka.kill()
    assert not local_kafka.answers(*bootstrap_address(bootstrap))
    kafka.start()
    assert kafka.bootstrap == bootstrap
    async with AIOKafkaConsumer("launcher.kept", bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        assert (await consumer.getone()).value == b"kept"


async def test_topics_are_made_once_and_stamped_by_the_broker(kafka: Kafka) -> None:
    wanted = {"launcher.one": 1, "launcher.three": 3}
    assert topics.apply(kafka.bootstrap, wanted) == ["launcher.one", "launcher.three"]
    assert topics.apply(kafka.bootstrap, {**wanted, "launcher.more": 2}) == ["launcher.more"]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(["launcher.three"])
        assert len(described[0]["partitions"]) == 3
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "launcher.three")])
        settings = {entry[0]: entry[1] for entry in answer.resources[0][4]}
        assert settings["message.timestamp.type"] == "LogAppendTime"
    finally:
        await admin.close()


async def test_a_replaced_broker_is_another_cluster_at_the_same_address(kafka: Kafka) -> None:
    topics.apply(kafka.bootstrap, {"launcher.lost": 1})
    before = await described(kafka.bootstrap)
    bootstrap = kafka.bootstrap
    Kafka.found(kafka.folder.parent, Processes(kafka.folder.parent)).replace()
    assert kafka.bootstrap == bootstrap
    after = await described(bootstrap)
    assert before[0] != after[0] and "launcher.lost" in before[1] and after[1] == []


async def described(bootstrap: str) -> tuple[str, list[str]]:
    """(cluster id, topics)."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return (await admin.describe_cluster())["cluster_id"], await admin.list_topics()
    finally:
        await admin.close()


def test_the_broker_keeps_a_log(kafka: Kafka) -> None:
    assert "Kafka Server started" in kafka.log.read_text()


def bootstrap_address(bootstrap: str) -> tuple[str, int]:
    host, _, port = bootstrap.partition(":")
    return host, int(port)
