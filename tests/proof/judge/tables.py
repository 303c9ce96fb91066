"""The services' tables, copied as they are into the judge's database, without their constraints.

Without, because a self-test plants in the copy what a constraint would not let happen.
"""

import io

import asyncpg

from handrail.local.environment import SERVICES

_TABLES = """
SELECT c.relname AS name,
       array_agg(a.attname::text ORDER BY a.attnum) AS columns,
       array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
 GROUP BY c.relname
"""
SHARED = ("event_log", "inbox", "dead_letter", "task", "waiting", "stream", "plan", "command_log", "campaign_state")
"""Tables that every service has: the judge also sees them as one, with the service's name."""


async def copy(service: str, source: asyncpg.Connection, judge: asyncpg.Connection) -> None:
    """All tables of a service, as schema `service`; `xid` is the transaction that last wrote a row."""
    await judge.execute(f"CREATE SCHEMA {service}")
    for row in await source.fetch(_TABLES):
        name, columns = row["name"], row["columns"]
        declared = ", ".join(f'"{column}" {kind}' for column, kind in zip(columns, row["types"], strict=True))
        await judge.execute(f'CREATE TABLE {service}."{name}" (xid bigint, {declared})')
        listed = ", ".join(f'"{column}"' for column in columns)
        buffer = io.BytesIO()
        await source.copy_from_query(
            f'SELECT xmin::text::bigint AS xid, {listed} FROM public."{name}"', output=buffer, format="binary"
        )
        buffer.seek(0)
        await judge.copy_to_table(name, schema_name=service, columns=["xid", *columns], source=buffer, format="binary")


async def join(judge: asyncpg.Connection) -> None:
    """The shared tables of all services as one view each."""
    for table in SHARED:
        parts = " UNION ALL ".join(f"SELECT '{service}' AS service, * FROM {service}.{table}" for service in SERVICES)
        await judge.execute(f"CREATE VIEW judge.{table} AS {parts}")
