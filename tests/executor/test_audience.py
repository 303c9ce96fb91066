"""A list of contacts: every error by line and column, or all of it in."""

from typing import Any

import pytest

from chassis.decision import Key
from contracts.event import Tenant, tenant_row
from executor.people import audience
from executor.people.audience import COLUMNS, content_hash, parse
from tests.conftest import MakeDb

TENANT = Tenant("demo")
HERE = Key(TENANT, tenant_row(TENANT))
GOOD = {
    "email": "zoe@stark.example",
    "first_name": "Zoe",
    "status": "attended",
    "timezone": "Europe/Berlin",
    "locale": "de",
    "consent": "yes",
    "consent_source": "webinar registration form",
    "consent_text_version": "2026-03",
    "consented_at": "2026-10-01T08:00:00Z",
    "registered_at": "2026-10-01T08:00:00Z",
}
KEY = bytes(range(32))


def row(**changes: str) -> str:
    return ",".join({**GOOD, **changes}.values())


def table(*rows: str, header: str = ",".join(COLUMNS)) -> bytes:
    return "\n".join((header, *rows)).encode()


def problems(raw: bytes) -> list[tuple[int, str]]:
    rows, errors = parse(raw)
    assert not (rows and errors)
    return [(error.line, error.column) for error in errors]


def test_a_good_list_is_read_in_order_of_registration() -> None:
    later = row(email="a@stark.example", registered_at="2026-10-02T08:00:00Z")
    rows, errors = parse(table(later, row()))
    assert not errors
    assert [one.address for one in rows] == ["zoe@stark.example", "a@stark.example"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("email", "zoe"),
        ("email", ""),
        ("email", "zoe@stark.example, kai@stark.example"),
        ("email", "Zoe <zoe@stark.example>"),
        ("status", "maybe"),
        ("timezone", "Berlin"),
        ("consent", "oui"),
        ("consent_source", ""),
        ("consent_text_version", ""),
        ("consented_at", "yesterday"),
        ("consented_at", "2026-10-01"),
        ("consented_at", "1926-10-01T08:00:00Z"),
        ("registered_at", "2026-10-01T08:00:00"),
        ("first_name", "Z" * 101),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(column: str, value: str) -> None:
    bad = row(email="kai@stark.example", **{column: f'"{value}"'}) if column != "email" else row(email=f'"{value}"')
    assert problems(table(row(), bad, row(email="bela@stark.example"))) == [(3, column)]


def test_every_error_is_listed_at_once_with_its_fix() -> None:
    _, errors = parse(table(row(status="x", consent="y"), row(), row(email="zoe", timezone="z")))
    assert [(error.line, error.column) for error in errors] == [
        (2, "status"),
        (2, "consent"),
        (3, "email"),
        (4, "email"),
        (4, "timezone"),
    ]
    assert all(error.fix for error in errors)


def test_the_same_address_twice_names_the_first_line() -> None:
    _, errors = parse(table(row(), row(email=" ZOE@Stark.example")))
    [error] = errors
    assert (error.line, error.column) == (3, "email")
    assert "line 2" in error.problem


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"", (1, "email")),
        (table(), (2, "")),
        (b"\xff\xfe", (1, "")),
        (table(row()) + b"\nbad\xff", (3, "")),
        (table(row(first_name="Z\x00oe")), (2, "")),
        (table("a,b,c"), (2, "")),
        (table(row(), '"never closed'), (3, "")),
        (table(row(), header=",".join(COLUMNS).replace("email", "mail")), (1, "email")),
        (table(row(), header=",".join((*COLUMNS[:-1], "email"))), (1, "registered_at")),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_with_a_place(raw: bytes, where: tuple[int, str]) -> None:
    found = problems(raw)
    assert where in found


def test_columns_may_come_in_any_order() -> None:
    names = list(reversed(COLUMNS))
    rows, errors = parse(table(",".join(GOOD[name] for name in names), header=",".join(names)))
    assert not errors
    assert rows[0].address == GOOD["email"]


def test_a_mark_of_a_spreadsheet_is_no_error() -> None:
    rows, errors = parse(b"\xef\xbb\xbf" + table(row()))
    assert (len(rows), errors) == (1, [])


def test_the_list_of_errors_has_a_limit() -> None:
    _, errors = parse(table(*(row(email="x", status="y") for _ in range(2000))))
    assert len(errors) == audience.LIMIT_ERRORS


def test_a_name_is_one_line() -> None:
    assert problems(table(row(first_name='"Zoe\nBcc: all@stark.example"'))) == [(2, "first_name")]


def test_who_never_consented_needs_no_source_of_consent() -> None:
    empty = {"consent_source": "", "consent_text_version": "", "consented_at": ""}
    assert problems(table(row(consent="no", **empty))) == []


def test_the_hash_of_a_list_changes_with_any_cell() -> None:
    hashes = {content_hash(parse(table(row(**change)))[0]) for change in ({}, {"consent": "no"}, {"locale": "en"})}
    assert len(hashes) == 3
    assert content_hash(parse(table(row()))[0]) in hashes


async def imported(make: MakeDb, *tables: bytes) -> Any:
    db = await make("executor")
    for raw in tables:
        rows, errors = parse(raw)
        assert not errors
        async with db.pool.acquire() as conn, conn.transaction():
            await audience.save(conn, HERE, "registrants", rows, KEY)
    return db


async def test_addresses_are_kept_under_their_hash_in_order_of_registration(db_for: MakeDb) -> None:
    db = await imported(
        db_for, table(row(email="kai@stark.example", registered_at="2026-11-01T08:00:00Z", status="no_show"), row())
    )
    rows = await db.pool.fetch(
        "SELECT m.position, m.segment, c.address, c.domain FROM audience_member m JOIN contact c USING (recipient_hash)"
        " ORDER BY m.position"
    )
    assert [tuple(one) for one in rows] == [
        (0, "attended", "zoe@stark.example", "stark.example"),
        (1, "no_show", "kai@stark.example", "stark.example"),
    ]


async def test_a_new_list_replaces_the_old_one_of_its_name(db_for: MakeDb) -> None:
    db = await imported(db_for, table(row(), row(email="kai@stark.example")), table(row()))
    assert await db.pool.fetchval("SELECT count(*) FROM audience_member") == 1
    assert await db.pool.fetchval("SELECT contacts FROM audience") == 1


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (("yes", "2026-10-01"), ("withdrawn", "2026-10-02"), "withdrawn"),
        (("withdrawn", "2026-10-02"), ("yes", "2026-10-01"), "withdrawn"),
        (("withdrawn", "2026-10-01"), ("yes", "2026-10-02"), "yes"),
    ],
)
async def test_the_newest_word_on_consent_counts(
    db_for: MakeDb, first: tuple[str, str], second: tuple[str, str], state: str
) -> None:
    tables = [table(row(consent=word, consented_at=f"{day}T08:00:00Z")) for word, day in (first, second)]
    db = await imported(db_for, *tables)
    assert await db.pool.fetchval("SELECT state FROM consent") == state


async def test_a_withdrawal_of_the_same_moment_wins(db_for: MakeDb) -> None:
    db = await imported(db_for, table(row(consent="withdrawn")), table(row()))
    assert await db.pool.fetchval("SELECT state FROM consent") == "withdrawn"
