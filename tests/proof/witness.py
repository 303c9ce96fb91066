"""`python -m tests.proof.witness <bootstrap servers> <partitions> <file>`: writes down every record from offset 0 on.

A process of its own that no fault touches. One JSON line per record; it goes on where its file ends, and outlives the
broker's restarts. A record that the broker forgets later was still seen here.
"""

import asyncio
import base64
import json
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from contracts.catalogue import TOPICS


def line_of(record: ConsumerRecord) -> str:
    """A record as a line: bytes in base64, the broker's time in milliseconds."""
    line = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "headers": [[name, _text(value)] for name, value in record.headers],
        "value": _text(record.value),
    }
    return json.dumps(line) + "\n"


def seen(file: Path) -> dict[tuple[str, int], int]:
    """The next offset of each partition, by what the file holds."""
    following: dict[tuple[str, int], int] = defaultdict(int)
    if file.exists():
        with file.open() as lines:
            for line in lines:
                read = json.loads(line)
                following[read["topic"], read["partition"]] = read["offset"] + 1
    return following


async def watch(bootstrap: str, partitions: int, file: Path) -> None:
    """Until killed or told to stop."""
    while True:
        with suppress(KafkaError, OSError, TimeoutError):
            await _read(bootstrap, partitions, file)
        await asyncio.sleep(0.5)


async def _read(bootstrap: str, partitions: int, file: Path) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none", fetch_max_wait_ms=200
    )
    await consumer.start()
    try:
        parts = [TopicPartition(topic, each) for topic in TOPICS for each in range(partitions)]
        consumer.assign(parts)
        following = seen(file)
        for part in parts:
            consumer.seek(part, following.get((part.topic, part.partition), 0))
        with file.open("a") as out:
            while True:
                found = await consumer.getmany(timeout_ms=500)
                out.writelines(line_of(record) for records in found.values() for record in records)
                out.flush()
    finally:
        await consumer.stop()


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
