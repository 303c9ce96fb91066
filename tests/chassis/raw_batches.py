"""Record batches made by hand: what no client library would send, and any other may."""

import struct
from collections.abc import Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
HEADER_BYTES = 61
Headers = Sequence[tuple[str, bytes | None]]


def batch(*records: tuple[bytes | None, Headers], key: bytes | None = b"key", base: int = 0, codec: int = 0) -> bytes:
    """A batch of (value, headers) as a broker stores it."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 10**9)
    for n, (value, headers) in enumerate(records):
        builder.append(n, 1_700_000_000_000, key, value, list(headers))
    return mended(bytes(builder.build()), base)


def mended(data: bytes, base: int = 0) -> bytes:
    """With its base offset, length and checksum as they must be."""
    out = bytearray(data)
    struct.pack_into(">qi", out, 0, base, len(out) - 12)
    struct.pack_into(">I", out, 17, calc_crc32c(bytes(out[21:])))
    return bytes(out)


def packed(plain: bytes, records: bytes, codec: int) -> bytes:
    """`plain` with other bytes as its packed records."""
    header = bytearray(plain[:HEADER_BYTES])
    struct.pack_into(">h", header, 21, codec)
    return mended(bytes(header) + records)


async def produce(client: AIOKafkaClient, topic: str, partition: int, data: bytes) -> int:
    """Append a batch as it is; its base offset. The client knows the topic already."""
    leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
    request = ProduceRequest(None, -1, 20_000, [(topic, [(partition, data)])])
    [(_, [(_, error, offset, *_)])] = (await client.send(leader, request)).topics
    if error:
        raise ValueError(f"the broker refuses the batch with error {error}")
    return int(offset)
