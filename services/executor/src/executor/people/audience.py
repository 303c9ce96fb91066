"""A list of contacts: every error by line and column, or all of it in."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from chassis.connection import Conn
from chassis.decision import Key
from chassis.recipients import canonical, domain_of, hash_address
from contracts.framing import digest
from contracts.strict import moment
from executor.api.views import AudienceShown

COLUMNS = (
    "email", "first_name", "status", "timezone", "locale", "consent", "consent_source", "consent_text_version",
    "consented_at", "registered_at",
)  # fmt: skip
STATUSES = {"attended": "attended", "no_show": "no_show"}
CONSENTS = ("yes", "no", "withdrawn")
LIMIT_BYTES = 5 * 1024 * 1024
LIMIT_ERRORS = 1000
_ZONES = available_timezones()

_AUDIENCE = """
INSERT INTO audience (tenant, name, content_hash, contacts, with_consent) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant, name) DO UPDATE
   SET content_hash = excluded.content_hash, contacts = excluded.contacts, with_consent = excluded.with_consent,
       imported_at = clock_timestamp()
"""
_CONTACTS = """
INSERT INTO contact (tenant, recipient_hash, address, domain, first_name, timezone, locale)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
ON CONFLICT (tenant, recipient_hash) DO UPDATE
   SET first_name = excluded.first_name, timezone = excluded.timezone, locale = excluded.locale
"""
# A withdrawal is never undone by an older list.
_CONSENTS = """
INSERT INTO consent (tenant, recipient_hash, state, source, text_version, captured_at)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT (tenant, recipient_hash) DO UPDATE
   SET state = excluded.state, source = excluded.source, text_version = excluded.text_version,
       captured_at = excluded.captured_at
 WHERE excluded.captured_at > consent.captured_at
    OR (excluded.captured_at = consent.captured_at AND consent.state <> 'withdrawn')
"""
_FORGET = "DELETE FROM audience_member WHERE (tenant, audience) = ($1, $2)"
_MEMBERS = """
INSERT INTO audience_member (tenant, audience, position, recipient_hash, segment)
SELECT $1, $2, * FROM unnest($3::int[], $4::text[], $5::text[])
"""
_SHOW = """
SELECT name AS audience, content_hash, contacts, with_consent, imported_at
  FROM audience WHERE (tenant, name) = ($1, $2)
"""


@dataclass(frozen=True, slots=True)
class CsvError:
    """What is wrong in one place of a file, and what would mend it."""

    line: int
    column: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    address: str
    first_name: str
    segment: str
    timezone: str
    locale: str
    consent: str
    consent_source: str
    consent_text_version: str
    consented_at: datetime
    registered_at: datetime


def parse(raw: bytes) -> tuple[list[Row], list[CsvError]]:
    """The rows in order of registration, or every error there is (up to 1000)."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return [], [CsvError(line, "", "not UTF-8", "save the file as UTF-8")]
    if "\x00" in text:
        return [], [CsvError(text[: text.index("\x00")].count("\n") + 1, "", "a NUL byte", "remove it")]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
    except csv.Error as error:
        return [], [CsvError(1, "", str(error), "mend the quotes")]
    if errors := _header_errors(header):
        return [], errors
    rows: list[Row] = []
    errors = []
    seen: dict[str, int] = {}
    try:
        following = reader.line_num + 1  # a quoted cell may hold several lines: a row is named by its first
        for cells in reader:
            line, following = following, reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                wrong = f"{len(cells)} cells, the header has {len(header)}"
                errors.append(CsvError(line, "", wrong, "quote cells that hold commas"))
                continue
            found = list(_cell_errors(line, dict(zip(header, cells, strict=True)), seen))
            if found:
                errors += found
            else:
                rows.append(_row(dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        errors.append(CsvError(reader.line_num, "", str(error), "mend the quotes"))
    if not rows and not errors:
        errors.append(CsvError(2, "", "no contacts", "one row each"))
    rows.sort(key=lambda row: (row.registered_at, row.address))
    return ([], errors[:LIMIT_ERRORS]) if errors else (rows, [])


def _header_errors(header: list[str]) -> list[CsvError]:
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    twice = sorted({name for name in header if header.count(name) > 1})
    return [
        *(CsvError(1, name, "this column is missing", f"columns are: {', '.join(COLUMNS)}") for name in missing),
        *(CsvError(1, name[:60], "an unknown column", f"columns are: {', '.join(COLUMNS)}") for name in unknown),
        *(CsvError(1, name, "this column is there twice", "keep one") for name in twice),
    ]


def _cell_errors(line: int, cells: dict[str, str], seen: dict[str, int]) -> Iterator[CsvError]:
    address = canonical(cells["email"])
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        yield CsvError(line, "email", f"no address: {error}", "one address such as ada@company.example")
    if address in seen:
        yield CsvError(line, "email", f"the same address as in line {seen[address]}", "keep one of them")
    seen.setdefault(address, line)
    if cells["status"] not in STATUSES:
        yield CsvError(line, "status", f"{cells['status'][:40]!r}", "attended or no_show")
    if cells["timezone"] not in _ZONES:
        yield CsvError(line, "timezone", f"{cells['timezone'][:40]!r} is no time zone", "such as Europe/Berlin")
    if cells["consent"] not in CONSENTS:
        yield CsvError(line, "consent", f"{cells['consent'][:40]!r}", "yes, no or withdrawn")
    for name, cell in cells.items():
        if not cell.isprintable():
            yield CsvError(line, name, "a line break or another character that does not print", "remove it")
    never = cells["consent"] == "no"
    for name in ("consent_source", "consent_text_version"):
        if not (never or cells[name]) or len(cells[name]) > 200:
            yield CsvError(line, name, "empty or longer than 200", "say where and for which text consent was given")
    if not 1 <= len(cells["locale"]) <= 200:
        yield CsvError(line, "locale", "empty or longer than 200", "such as en or de-AT")
    if len(cells["first_name"]) > 100:
        yield CsvError(line, "first_name", "longer than 100", "shorten it, or leave it empty")
    for name in ("consented_at", "registered_at"):
        if never and name == "consented_at" and not cells[name]:
            continue
        try:
            moment(cells[name])
        except ValueError as error:
            yield CsvError(line, name, str(error), "such as 2026-01-31T09:00:00Z")


def _row(cells: dict[str, str]) -> Row:
    return Row(
        address=canonical(cells["email"]),
        first_name=cells["first_name"].strip(),
        segment=STATUSES[cells["status"]],
        timezone=cells["timezone"],
        locale=cells["locale"],
        consent=cells["consent"],
        consent_source=cells["consent_source"],
        consent_text_version=cells["consent_text_version"],
        consented_at=moment(cells["consented_at"] or cells["registered_at"]),
        registered_at=moment(cells["registered_at"]),
    )


def content_hash(rows: list[Row]) -> str:
    """SHA-256 over the framed rows: the same list, the same hash."""
    return digest("handrail/audience/v1", *(repr(row) for row in rows))


async def save(conn: Conn, key: Key, name: str, rows: list[Row], tenant_key: bytes) -> None:
    """Replace audience `name` by `rows`."""
    hashes = [hash_address(tenant_key, row.address) for row in rows]
    with_consent = sum(1 for row in rows if row.consent == "yes")
    await conn.execute(_AUDIENCE, key.tenant, name, content_hash(rows), len(rows), with_consent)
    await conn.execute(
        _CONTACTS, key.tenant, hashes, [row.address for row in rows], [domain_of(row.address) for row in rows],
        [row.first_name for row in rows], [row.timezone for row in rows], [row.locale for row in rows],
    )  # fmt: skip
    await conn.execute(
        _CONSENTS, key.tenant, hashes, [row.consent for row in rows], [row.consent_source for row in rows],
        [row.consent_text_version for row in rows], [row.consented_at for row in rows],
    )  # fmt: skip
    await conn.execute(_FORGET, key.tenant, name)
    await conn.execute(_MEMBERS, key.tenant, name, list(range(len(rows))), hashes, [row.segment for row in rows])


async def shown(conn: Conn, key: Key, name: str) -> AudienceShown | None:
    row = await conn.fetchrow(_SHOW, key.tenant, name)
    return AudienceShown(**row) if row else None
