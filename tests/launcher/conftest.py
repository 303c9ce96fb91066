"""A Kafka and a PostgreSQL of these tests alone: they are killed and started again here."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from handrail.local import sources
from handrail.local.kafka import Kafka
from handrail.local.postgres import LocalPostgres


@pytest.fixture(scope="session")
def own_infrastructure() -> Iterator[sources.Infrastructure]:
    with (
        pytest.MonkeyPatch.context() as environment,
        TemporaryDirectory(prefix="handrail-launcher-", ignore_cleanup_errors=True) as home,
    ):
        environment.setenv(sources.FORCED, "processes")
        environment.delenv(sources.KAFKA, raising=False)
        environment.delenv(sources.POSTGRES, raising=False)
        with sources.infrastructure(Path(home)) as started:
            yield started


@pytest.fixture
def kafka(own_infrastructure: sources.Infrastructure) -> Kafka:
    assert own_infrastructure.kafka_process
    return own_infrastructure.kafka_process


@pytest.fixture
def postgres(own_infrastructure: sources.Infrastructure) -> LocalPostgres:
    assert own_infrastructure.postgres_process
    return own_infrastructure.postgres_process
