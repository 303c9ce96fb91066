from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from handrail.local.kafka import Kafka
from handrail.local.processes import Processes


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """A broker that may be destroyed; no service of another test has said anything there."""
    with TemporaryDirectory(prefix="handrail-kafka-", ignore_cleanup_errors=True) as home:
        processes = Processes(Path(home))
        kafka = Kafka(Path(home), processes)
        kafka.start()
        try:
            yield kafka
        finally:
            processes.stop_all()
