"""A second tower and a second audit, on a broker and databases of their own, are told everything in another order.

Partition by partition the order stays, as Kafka keeps it; between partitions it is another, and some blocks come again,
late. In the end both know what the first ones know: rows byte for byte, and the same leaves.
"""

import asyncio
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaProducer

from contracts.catalogue import TOPICS
from handrail.local import environment, ports, topics
from handrail.local.kafka import Kafka
from handrail.local.processes import SERVICE, Processes, Program
from handrail.local.readiness import await_ready
from tests.proof.place import PARTITIONS
from tests.proof.quiet import progress
from tests.proof.replaying import Line, record, said_so_far
from tests.proof.run import Proof

TWINS = ("tower", "audit")
AGAIN = 0.3
"""Share of blocks that come again later."""
MIGRATION_SECONDS = 240
START_SECONDS = 120
PATIENCE_SECONDS = 240.0
SAME = {
    "tower": (
        "SELECT campaign_id::text || body::text FROM campaign_row",
        "SELECT concat_ws(' ', campaign_id, event_id, type, said, occurred_at, topic, sequence) FROM happening",
    ),
    "audit": ("SELECT leaf::text FROM record WHERE topic <> 'audit.checkpoints.v1'",),
}
"""What must be the same. Each audit signs checkpoints of its own."""


async def retold(proof: Proof) -> None:
    home = proof.place.system.home / "twin"
    processes = Processes(home)
    kafka = Kafka(home, processes)
    try:
        await asyncio.to_thread(kafka.start)
        await asyncio.to_thread(topics.apply, kafka.bootstrap, dict.fromkeys(TOPICS, PARTITIONS))
        # First the services: one whose database knows nothing does not start where Kafka holds events of its own.
        dsns = {
            service: await asyncio.to_thread(_start, proof, home, processes, kafka.bootstrap, service)
            for service in TWINS
        }
        told = await _tell(proof, kafka.bootstrap)
        await _read_to_the_end(kafka.bootstrap)
        for service, dsn in dsns.items():
            for query in SAME[service]:
                if await _rows(dsn, query) != await _rows(proof.place.system.dsn(service), query):
                    proof.problems.append(f"a second {service} knows otherwise: {query}")
        proof.note(f"a second tower and audit were told {told} records in another order", covers="twin told")
    finally:
        await asyncio.to_thread(processes.stop_all)


async def _tell(proof: Proof, bootstrap: str) -> int:
    told = 0
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for block in _another_order(said_so_far(proof.place.witness), proof.chance):
            await asyncio.gather(*[await producer.send(**record(line)) for line in block])
            told += len(block)
    return told


def _another_order(blocks: list[list[Line]], chance: random.Random) -> Iterator[list[Line]]:
    waiting: dict[tuple[object, object], list[list[Line]]] = defaultdict(list)
    for block in blocks:
        waiting[block[0]["topic"], block[0]["partition"]].append(block)
    told: list[list[Line]] = []
    while waiting:
        part = chance.choice(sorted(waiting, key=str))
        block = waiting[part].pop(0)
        if not waiting[part]:
            del waiting[part]
        told.append(block)
        yield block
        if chance.random() < AGAIN:
            yield chance.choice(told)


def _start(proof: Proof, home: Path, processes: Processes, bootstrap: str, service: str) -> str:
    system, prefix = proof.place.system, service.upper()
    server = system.infrastructure.postgres
    name = f"handrail_{service}_twin"
    server.drop_database(name)
    dsn = server.create_database(name)
    [port] = ports.free(1)
    told = {
        **environment.load(system.home)[f"{service}-0"],
        f"{prefix}_DSN": dsn,
        f"{prefix}_KAFKA": bootstrap,
        f"{prefix}_HTTP_PORT": str(port),
    }
    log = home / "logs" / f"{service}.log"
    argv = [sys.executable, "-m", service, "run"]
    program = Program(f"{service}-twin", argv, log, told, port, SERVICE, readiness="/readyz")
    subprocess.run(
        [sys.executable, "-m", service, "migrate"],
        env={**os.environ, **told},
        check=True,
        timeout=MIGRATION_SECONDS,
        stdout=subprocess.DEVNULL,
    )
    await_ready(processes, [processes.start(program)], START_SECONDS, print)
    return dsn


async def _read_to_the_end(bootstrap: str) -> None:
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE_SECONDS
    while any(one.committed < one.ends for one in await progress(bootstrap, TWINS)):
        if loop.time() > give_up:
            raise TimeoutError("the twins do not read to the end")
        await asyncio.sleep(1)


async def _rows(dsn: str, query: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return sorted(row[0] for row in await connection.fetch(query))
    finally:
        await connection.close()
