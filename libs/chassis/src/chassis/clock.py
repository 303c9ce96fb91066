"""The one reader of the wall clock. Deadlines use the database's clock instead: see `Transaction.now`."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
