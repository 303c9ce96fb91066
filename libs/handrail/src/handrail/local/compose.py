"""The one-shot job of docker-compose.yml: databases, migrations, topics and keys. Run again, it changes nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from contracts.catalogue import TOPICS
from handrail import keys
from handrail.local import kafka, topics
from handrail.local.databases import CONNECT_TIMEOUT_SECONDS, PostgresServer, run
from handrail.local.environment import SERVICES
from handrail.local.failure import CannotStart

POSTGRES, KAFKA, KEYS, PARTITIONS = "HANDRAIL_POSTGRES", "HANDRAIL_KAFKA", "HANDRAIL_KEYS", "HANDRAIL_PARTITIONS"
MIGRATION_SECONDS, KAFKA_SECONDS = 120, 60


def main() -> None:
    """Prepare all that the services expect to find."""
    try:
        keys.init(Path(os.environ[KEYS]))
        for service in SERVICES:
            create_database(PostgresServer(os.environ[POSTGRES]), os.environ[f"{service.upper()}_DSN"])
            _migrate(service)
        _await_kafka(os.environ[KAFKA])
        made = topics.apply(os.environ[KAFKA], dict.fromkeys(TOPICS, int(os.environ[PARTITIONS])))
    except CannotStart as failure:
        sys.exit(str(failure))
    print(
        f"ready: {len(SERVICES)} databases, {len(TOPICS)} topics ({len(made)} of them new), keys in {os.environ[KEYS]}"
    )


def create_database(server: PostgresServer, dsn: str) -> None:
    """What a service's DSN names, where it is missing: a role that reaches its own database and no other."""
    parts = urlsplit(dsn)
    role, password, database = parts.username or "", unquote(parts.password or ""), parts.path.lstrip("/")
    if not (role.isidentifier() and database.isidentifier()):
        raise CannotStart(f"{parts.hostname}: a DSN names a role and a database, both of letters, digits and _")
    has_role, has_database = run(_exist(server.dsn("postgres"), role, database))
    if not has_role:
        server.execute(f'CREATE ROLE "{role}" LOGIN')
    literal = password.replace("'", "''")
    server.execute(f"ALTER ROLE \"{role}\" PASSWORD '{literal}'")
    if not has_database:
        server.execute(f'CREATE DATABASE "{database}" OWNER "{role}"')
        server.execute(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')


async def _exist(dsn: str, role: str, database: str) -> tuple[bool, bool]:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        has_role = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
        has_database = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database)
    finally:
        await connection.close()
    return bool(has_role), bool(has_database)


def _migrate(service: str) -> None:
    done = subprocess.run([sys.executable, "-m", service, "migrate"], timeout=MIGRATION_SECONDS)
    if done.returncode:
        raise CannotStart(f"the database of {service} could not be migrated: the reason is above")


def _await_kafka(bootstrap: str) -> None:
    """A broker listens for a while before it answers."""
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    deadline = time.monotonic() + KAFKA_SECONDS
    while not kafka.answers(host, int(port)):
        if time.monotonic() > deadline:
            raise CannotStart(f"Kafka at {bootstrap} does not answer after {KAFKA_SECONDS} s")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
