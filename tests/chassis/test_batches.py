"""A record batch as Kafka gives it: every codec is read, and nothing inside one stops what comes after it."""

import gzip
from collections.abc import Callable, Iterator

import cramjam
import pytest

from chassis import batches
from chassis.batches import UNREADABLE, Batches, Record
from tests.chassis.raw_batches import CODECS, HEADER_BYTES, batch, mended, packed

PACK: dict[int, Callable[[bytes], bytes]] = {
    1: gzip.compress,
    2: lambda plain: bytes(cramjam.snappy.compress_raw(plain)),
    3: lambda plain: bytes(cramjam.lz4.compress(plain)),
    4: lambda plain: bytes(cramjam.zstd.compress(plain)),
}
Plain = tuple[bytes, list[tuple[str, bytes | None]]]


def read(data: bytes) -> list[Record]:
    """As aiokafka's fetcher does: it leaves out offsets that it has."""

    def each() -> Iterator[Record]:
        found, expected = Batches(data), 0
        while found.has_next():
            one = found.next_batch()
            assert one is not None
            assert one.validate_crc()
            for record in one:
                if record.offset >= expected:
                    expected = record.offset + 1
                    yield record
            expected = one.next_offset

    return list(each())


GOOD: Plain = (b"good", [("ce_type", b"a"), ("none", None)])


@pytest.mark.parametrize("codec", [0, *CODECS.values()])
def test_records_of_every_codec_are_read(codec: int) -> None:
    found = read(batch(GOOD, (b"x" * 5000, []), codec=codec) + batch(GOOD, base=2, codec=codec))
    assert [(record.offset, record.key, record.value[:4]) for record in found if record.value] == [
        (0, b"key", b"good"), (1, b"key", b"xxxx"), (2, b"key", b"good"),
    ]  # fmt: skip
    assert [list(record.headers) for record in found] == [GOOD[1], [], GOOD[1]]


def test_snappy_is_read_as_a_single_block_too() -> None:
    plain = batch(GOOD)
    assert [record.value for record in read(packed(plain, PACK[2](plain[HEADER_BYTES:]), 2))] == [b"good"]


@pytest.mark.parametrize("codec", [0, *CODECS.values()])
def test_a_header_name_that_is_not_utf8_is_kept_and_its_neighbours_are_read(codec: int) -> None:
    plain = batch(GOOD, (b"odd", [("x-AA", b"1"), ("y", None)]), GOOD).replace(b"x-AA", b"x-\xff\xfe")
    data = mended(plain) if not codec else packed(plain, PACK[codec](plain[HEADER_BYTES:]), codec)
    found = read(data + batch(GOOD, base=3))
    assert [(record.offset, record.value) for record in found] == [
        (0, b"good"),
        (1, b"odd"),
        (2, b"good"),
        (3, b"good"),
    ]
    assert list(found[1].headers) == [("x-\udcff\udcfe", b"1"), ("y", None)]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_batch_that_holds_too_much_is_one_record_and_its_neighbours_are_read(
    codec: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LIMIT_UNPACKED_BYTES", 100_000)
    bomb = batch((bytes(200_000), []), codec=codec)
    found = read(bomb + batch(GOOD, base=1))
    assert [record.offset for record in found] == [0, 1]
    assert found[0].value == bomb
    assert [name for name, _ in found[0].headers] == [UNREADABLE]
    assert found[1].value == b"good"


@pytest.mark.parametrize("codec", [*CODECS.values(), 7])
def test_a_batch_that_does_not_unpack_is_one_record(codec: int) -> None:
    broken = packed(batch(GOOD, GOOD), b"\x00garbage\xff" * 5, codec)
    found = read(broken + batch(GOOD, base=2))
    assert [(record.offset, record.value) for record in found] == [(0, broken), (2, b"good")]


def test_a_batch_whose_checksum_does_not_hold_is_one_record() -> None:
    broken = batch(GOOD)[:-1] + b"\x00"
    found = read(broken + batch(GOOD, base=1))
    assert [(record.offset, record.value) for record in found] == [(0, broken), (1, b"good")]


def test_a_batch_that_was_cut_off_is_not_read_yet() -> None:
    assert [record.value for record in read(batch(GOOD) + batch(GOOD, base=1)[:-3])] == [b"good"]
