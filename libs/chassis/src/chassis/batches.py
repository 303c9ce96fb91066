"""Record batches as Kafka gave them, read so that no bytes stop the stream: a batch that cannot be read is one record.

aiokafka raises in the middle of a poll instead, on a header name that is not UTF-8, a codec it lacks or a broken batch:
the partition is stuck, and what the poll had taken from other partitions is gone. It also unpacks whatever a batch
holds, and 1 MiB can hold gigabytes. Source: Kafka protocol guide, "Record Batch" and "Record", both of version 2.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

UNREADABLE = "handrail-unreadable-batch"
"""The header, with the reason, of the one record that stands for a batch; its value is the batch, byte for byte."""
LIMIT_UNPACKED_BYTES = 16 * 1024 * 1024

_OVERHEAD = struct.Struct(">qi")
"""base offset, length of what follows"""
_HEADER_BYTES = 61
_ATTRIBUTES = struct.Struct(">h")
_ATTRIBUTES_AT = 21
_CODEC = 0x07
_XERIAL, _XERIAL_BYTES = b"\x82SNAPPY\x00", 16


class Record(Protocol):
    """What a record is to aiokafka."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None


class Batch(Protocol):
    """What a batch is to aiokafka."""

    base_offset: int
    next_offset: int
    producer_id: int
    is_control_batch: bool
    is_transactional: bool
    max_timestamp: int

    def validate_crc(self) -> bool: ...
    def __iter__(self) -> Iterator[Record]: ...


@dataclass(frozen=True, slots=True)
class Read:
    """A record that aiokafka could not read."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp_type: int = 1
    checksum: None = None


class Broken(Exception):
    """The batch cannot be read; the text says why."""


class Batches:
    """The batches of one fetched buffer. Stands in for aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def size_in_bytes(self) -> int:
        return len(self._data)

    def has_next(self) -> bool:
        return self._end() is not None

    def next_batch(self) -> "Tolerant | None":
        end = self._end()
        if end is None:
            return None
        batch = Tolerant(self._data[self._at : end])
        self._at = end
        return batch

    def _end(self) -> int | None:
        """Where the next batch ends; None when there is no whole one."""
        if len(self._data) - self._at < _OVERHEAD.size:
            return None
        _, length = _OVERHEAD.unpack_from(self._data, self._at)
        end = self._at + _OVERHEAD.size + int(length)
        return end if end <= len(self._data) else None


@dataclass(slots=True)
class Tolerant:
    """One batch; iterating over it never fails."""

    data: bytes
    base_offset: int = field(init=False)
    next_offset: int = field(init=False)
    producer_id: int = field(init=False)
    is_control_batch: bool = field(init=False)
    is_transactional: bool = field(init=False)
    _batch: Batch = field(init=False)

    def __post_init__(self) -> None:
        self._batch = _parsed(self.data)
        self.base_offset, self.next_offset = self._batch.base_offset, self._batch.next_offset
        self.producer_id = self._batch.producer_id
        self.is_control_batch = self._batch.is_control_batch
        self.is_transactional = self._batch.is_transactional

    def validate_crc(self) -> bool:
        """Whatever is wrong with the batch shows when it is read."""
        return True

    def __iter__(self) -> Iterator[Record]:
        at = self.base_offset
        try:
            for record in self._records():
                at = record.offset + 1
                yield record
        except Exception as error:  # noqa: BLE001 - a batch must not stop the stream, whatever it holds
            why = str(error) if isinstance(error, Broken) else repr(error)
            headers: list[tuple[str, bytes | None]] = [(UNREADABLE, why[:500].encode(errors="replace"))]
            yield cast("Record", Read(at, self._batch.max_timestamp, None, self.data, headers))

    def _records(self) -> Iterator[Record]:
        if not self._batch.validate_crc():
            raise Broken("its checksum does not hold")
        plain = _plain(self.data)
        try:
            yield from self._batch if plain is self.data else _parsed(plain)
        except UnicodeDecodeError:  # what came before is read again, and left out by its offset
            yield from cast("Iterator[Record]", _read(plain, self._batch))


def install() -> None:
    """Every consumer of this process reads batches this way."""
    if fetcher.MemoryRecords not in (MemoryRecords, Batches):
        raise RuntimeError("aiokafka reads its records in another way than this was written for")
    fetcher.MemoryRecords = Batches


def _parsed(data: bytes) -> Batch:
    return cast("Batch", MemoryRecords(data).next_batch())


def _plain(data: bytes) -> bytes:
    """The batch with its records unpacked; itself when they are not packed."""
    [attributes] = _ATTRIBUTES.unpack_from(data, _ATTRIBUTES_AT)
    if not attributes & _CODEC:
        return data
    unpack = _UNPACK.get(attributes & _CODEC)
    if unpack is None:
        raise Broken(f"codec {attributes & _CODEC} is unknown")
    records = unpack(data[_HEADER_BYTES:])
    header = bytearray(data[:_HEADER_BYTES])
    _ATTRIBUTES.pack_into(header, _ATTRIBUTES_AT, attributes & ~_CODEC)
    base_offset, _ = _OVERHEAD.unpack_from(header)
    _OVERHEAD.pack_into(header, 0, base_offset, _HEADER_BYTES - _OVERHEAD.size + len(records))
    return bytes(header) + records


def _gzip(packed: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    out = stream.decompress(packed, LIMIT_UNPACKED_BYTES)
    if stream.unconsumed_tail or not stream.eof:
        raise Broken(_TOO_LARGE)
    return out


def _snappy(packed: bytes) -> bytes:
    """Java frames its blocks as xerial does, others send one raw block."""
    if not packed.startswith(_XERIAL):
        return _block(packed, LIMIT_UNPACKED_BYTES)
    out, at = bytearray(), _XERIAL_BYTES
    while at < len(packed):
        [length] = struct.unpack_from(">i", packed, at)
        at += 4
        out += _block(packed[at : at + length], LIMIT_UNPACKED_BYTES - len(out))
        at += length
    return bytes(out)


def _block(packed: bytes, limit: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(packed) > limit:
        raise Broken(_TOO_LARGE)
    return bytes(cramjam.snappy.decompress_raw(packed))


def _framed(unpack_into: Callable[[bytes, bytearray], int]) -> Callable[[bytes], bytes]:
    """Of a codec whose frames need not say how much they hold: tried with little room first."""

    def unpack(packed: bytes) -> bytes:
        for room in (min(20 * len(packed), LIMIT_UNPACKED_BYTES), LIMIT_UNPACKED_BYTES):
            out = bytearray(room)
            try:
                return bytes(memoryview(out)[: unpack_into(packed, out)])
            except cramjam.DecompressionError as error:
                why = str(error)
        raise Broken(_TOO_LARGE if "whole buffer" in why else why)

    return unpack


_TOO_LARGE = f"it holds more than {LIMIT_UNPACKED_BYTES} bytes, or ends too soon"
_UNPACK: Mapping[int, Callable[[bytes], bytes]] = {
    1: _gzip,
    2: _snappy,
    3: _framed(cramjam.lz4.decompress_into),
    4: _framed(cramjam.zstd.decompress_into),
}


def _read(data: bytes, batch: Batch) -> Iterator[Read]:
    """The records of a batch whose header names need not be UTF-8: such a byte is kept as a lone surrogate."""
    buffer, at = bytearray(data), _HEADER_BYTES

    def number() -> int:
        nonlocal at
        value, at = decode_varint(buffer, at)
        return int(value)

    def taken(length: int) -> bytes | None:
        nonlocal at
        if length < 0:
            return None
        at += length
        return bytes(buffer[at - length : at])

    while at < len(buffer):
        number()  # the record's own length
        at += 1  # attributes, unused
        number()  # the difference to the first timestamp: the broker's own time is in the batch
        offset = batch.base_offset + number()
        key, value = taken(number()), taken(number())
        names = ((taken(number()) or b"", taken(number())) for _ in range(number()))
        headers = [(name.decode("utf-8", "surrogateescape"), text) for name, text in names]
        yield Read(offset, batch.max_timestamp, key, value, headers)
