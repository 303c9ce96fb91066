"""Three brokers that are controllers too: each record is on all of them, and acknowledged once two have it."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from handrail.local import ports
from handrail.local.kafka import PROPERTIES, Kafka, new_cluster_id
from handrail.local.processes import Processes
from handrail.local.sources import KAFKA

SIZE = 3
# The last line about a property holds.
OF_A_CLUSTER = """\
node.id={node}
controller.quorum.voters={voters}
offsets.topic.replication.factor={size}
min.insync.replicas=2
"""


class Node(Kafka):
    """One of several: its ports are chosen before any of them starts, as each names all."""

    def __init__(self, home: Path, processes: Processes, node: int, addresses: Sequence[tuple[int, int]], cluster: str):
        super().__init__(home, processes, name=f"kafka-{node}")
        self._node, self._addresses, self._cluster = node, addresses, cluster

    def _properties(self) -> str:
        self._port, controller_port = self._addresses[self._node]
        voters = ",".join(f"{node}@{ports.LOOPBACK}:{port}" for node, (_, port) in enumerate(self._addresses))
        alone = PROPERTIES.format(
            host=ports.LOOPBACK, port=self._port, controller_port=controller_port, data=self.folder / "data"
        )
        return alone + OF_A_CLUSTER.format(node=self._node, voters=voters, size=len(self._addresses))

    def _cluster_id(self) -> str:
        return self._cluster


@contextmanager
def cluster(home: Path) -> Iterator[Sequence[Node]]:
    """The nodes, running; whatever needs Kafka finds them, as if an operator had named them."""
    processes, cluster_id, free = Processes(home), new_cluster_id(), ports.free(2 * SIZE)
    addresses = list(zip(free[:SIZE], free[SIZE:], strict=True))
    nodes = [Node(home, processes, node, addresses, cluster_id) for node in range(SIZE)]
    before = os.environ.get(KAFKA)
    try:
        with ThreadPoolExecutor(SIZE) as pool:  # one alone has no majority, and waits
            list(pool.map(Node.start, nodes))
        os.environ[KAFKA] = ",".join(node.bootstrap for node in nodes)
        yield nodes
    finally:
        if before is None:
            os.environ.pop(KAFKA, None)
        else:
            os.environ[KAFKA] = before
        processes.stop_all()
