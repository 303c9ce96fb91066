"""All that Kafka holds is lost under load; a new cluster takes its place and is told everything again.

As docs/runbooks/operations/replay.md says. From then on the new cluster is judged, from its first record: what a door
acknowledged or audit has stored must be on it, and nobody may act on anything twice.
"""

import asyncio
import os
import subprocess
import sys

from aiokafka import AIOKafkaProducer

from contracts.catalogue import TOPICS
from handrail.local import environment, topics
from handrail.local.environment import SERVICES
from tests.proof.place import PARTITIONS, Place
from tests.proof.run import Proof

FLOWS_SECONDS = (5.0, 15.0)
"""Between two losses."""
AWAY_SECONDS = (0.0, 3.0)
"""For so long services go on without a broker."""
GRACE_SECONDS = 3.0
"""Who waits for the broker longer than this is killed."""
REPLAY_SECONDS = 240
WITNESS = "witness"


async def lose(proof: Proof) -> None:
    """`count` times; not a cluster of several brokers, which loses its data one by one at most."""
    chance, place = proof.chance, proof.place
    if len(place.brokers) > 1:
        return
    for _ in range(proof.count):
        await asyncio.sleep(chance.uniform(*FLOWS_SECONDS))
        await proof.something_leaves()
        if proof.time_is_over:
            return
        for broker in place.brokers:
            await asyncio.to_thread(broker.kill)
        await asyncio.sleep(chance.uniform(*AWAY_SECONDS))
        async with proof.supervisor.hands_off:
            await asyncio.to_thread(_replace, place)
            await asyncio.gather(*(asyncio.to_thread(_say_again, place, service) for service in SERVICES))
            await _ask_outsiders(proof)
            await asyncio.to_thread(_start, place)
        proof.note("kafka is lost, and told again")


def _replace(place: Place) -> None:
    processes = place.system.processes
    processes.stop(WITNESS, *place.urls, grace_seconds=GRACE_SECONDS)
    place.witness.unlink()
    [broker] = place.brokers
    broker.replace()
    topics.apply(place.kafka, dict.fromkeys(TOPICS, PARTITIONS))
    processes.restart(WITNESS)


def _say_again(place: Place, service: str) -> None:
    told = environment.load(place.system.home)[f"{service}-0"]
    replay = [sys.executable, "-m", service, "replay"]
    done = subprocess.run(replay, env={**os.environ, **told}, capture_output=True, text=True, timeout=REPLAY_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{service} does not replay: {done.stdout}{done.stderr}")


async def _ask_outsiders(proof: Proof) -> None:
    """For what they put on Kafka themselves, under the same ids: audit may not have read it yet."""
    async with AIOKafkaProducer(bootstrap_servers=proof.place.kafka, acks="all") as producer:
        for record in proof.stream.book.outside.values():
            await producer.send_and_wait(**record)


def _start(place: Place) -> None:
    for name in place.urls:
        place.system.processes.restart(name)
    place.system.await_ready(*place.urls)
