"""What Kafka still holds, and how far its readers have come: what may come again, and what everybody was told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from chassis import cluster

FOR_EVER = timedelta.max
_UNKNOWN_TOPIC = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands on some topics: since when, and up to which offsets."""

    oldest: datetime | None
    """The broker's time of the oldest record; None: there is none."""
    ends: Mapping[TopicPartition, int]


async def standing(kafka: str, topics: Sequence[str]) -> Standing:
    """Topics that nobody made hold nothing."""
    partitions = await cluster.partitions(kafka, topics) if topics else []
    if not partitions:
        return Standing(None, {})
    async with AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False) as reader:
        firsts = await reader.offsets_for_times(dict.fromkeys(partitions, 0))
        ends = await reader.end_offsets(partitions)
    oldest = min((first.timestamp for first in firsts.values() if first is not None), default=None)
    return Standing(None if oldest is None else datetime.fromtimestamp(oldest / 1000, UTC), ends)


async def read_by_all(
    kafka: str, ends: Mapping[TopicPartition, int], readers: Mapping[str, Collection[str]]
) -> frozenset[str]:
    """Those topics of `readers` whose readers have all committed what stood before `ends`.

    A reader without an offset where records were has not read them; a topic of which nobody says who reads it is read
    by nobody.
    """
    committed: dict[str, Mapping[TopicPartition, int]] = {}
    async with cluster.administration(kafka) as admin:
        for group in sorted({group for groups in readers.values() for group in groups}):
            found = await admin.list_consumer_group_offsets(group)
            committed[group] = {partition: said.offset for partition, said in found.items()}
    behind = {
        partition.topic
        for partition, end in ends.items()
        for group in readers.get(partition.topic, ())
        if committed[group].get(partition, 0) < end
    }
    return frozenset(topic for topic in {partition.topic for partition in ends} - behind if readers.get(topic))


async def kept_at_most(kafka: str, topics: Sequence[str]) -> dict[str, timedelta]:
    """For how long a record may stand on each topic: its segment is closed first, and goes as a whole. Or FOR_EVER."""
    names = {"retention.ms": "", "segment.ms": ""}
    async with cluster.administration(kafka) as admin:
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, names) for topic in topics]
        )
    out: dict[str, timedelta] = {}
    for one in (resource for answer in answers for resource in answer.to_object()["resources"]):
        if one["error_code"] == _UNKNOWN_TOPIC:
            continue
        if one["error_code"]:
            raise for_code(one["error_code"])(f"the settings of {one['resource_name']} are not told")
        said = {entry["config_names"]: int(entry["config_value"]) for entry in one["config_entries"]}
        out[one["resource_name"]] = _time(said["retention.ms"], said["segment.ms"])
    return out


def _time(retention_ms: int, segment_ms: int) -> timedelta:
    if retention_ms < 0:
        return FOR_EVER
    try:
        return timedelta(milliseconds=retention_ms + segment_ms)
    except OverflowError:
        return FOR_EVER
