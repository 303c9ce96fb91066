"""A running service: doors, consumer, relay and worker around one fold, with probes, metrics and an orderly stop."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

import asyncpg
import structlog
import uvicorn
from faststream.kafka import KafkaBroker
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from chassis import crashpoints, dead_letters
from chassis.application import application
from chassis.bounds import breathe
from chassis.clock import Clock
from chassis.cluster import Watch, cluster_id, settle
from chassis.commands import Commands
from chassis.connection import AWAY
from chassis.consumer import Consumer
from chassis.fold import Applier, Fold
from chassis.identity import Gate
from chassis.loops import again_and_again, name_of, once
from chassis.metrics import BUILD, DEAD_LETTERS_OLDEST, DEAD_LETTERS_PENDING, RETENTION
from chassis.postgres import Database
from chassis.recover import Own, Relearn
from chassis.relay import Relay
from chassis.replay import KeptRecords
from chassis.retention import Retention, begin
from chassis.settings import ChassisSettings
from chassis.signatures import Signer, Verifier
from chassis.tasks import Kind, Worker
from chassis.telemetry import set_up_logs, set_up_traces
from contracts.catalogue import OWNERS
from contracts.signing import speaks_for

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Parts:
    """What a service is built from; `build` of its `app.py` fills in the rest once the chassis has connected."""

    name: str
    settings: ChassisSettings
    db: Database
    gate: Gate
    verifier: Verifier
    clock: Clock = field(default_factory=Clock)
    applier: Applier | None = None
    topics: Sequence[str] = ()
    routes: Sequence[BaseRoute] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    """Loops that run as long as the service does; one that ends takes liveness with it."""
    measures: Sequence[Callable[[], Awaitable[None]]] = ()
    """Set gauges from the database before each scrape, at most every five seconds."""
    says: Sequence[str] = ()
    """The topics that this service owns."""
    relearn: Relearn | None = None
    """What a recovery does beyond putting back what was said."""
    kept_records: KeptRecords | None = None
    """Of others, as they came: a replay sends them too."""
    keeps_claims: bool = False
    """Claims are never forgotten: what was claimed is kept for ever too."""
    worker: Worker | None = None
    worker_slots: int = 2

    @property
    def fold(self) -> Fold[Any, Any]:
        """The applier, where it is a fold."""
        if not isinstance(self.applier, Fold):
            raise TypeError(f"{self.name} has no fold")
        return self.applier

    @property
    def commands(self) -> Commands:
        return Commands(self.db, self.fold)


Build = Callable[[Parts], Awaitable[None]]


@asynccontextmanager
async def connected(name: str, settings: ChassisSettings, build: Build) -> AsyncIterator[Parts]:
    """The parts of service `name`, built and connected to its database; nothing is consumed or sent yet."""
    key_id = settings.signing_key_id or name
    if settings.signing_key and not speaks_for(key_id, name):
        raise ValueError(f"no reader believes key {key_id!r} of {name}: call it {name} or {name}-<anything>")
    signer = Signer.from_file(key_id, settings.signing_key) if settings.signing_key else None
    async with asyncpg.create_pool(
        settings.dsn.get_secret_value(), min_size=1, max_size=settings.pool_size, command_timeout=60, reset=_as_it_is
    ) as pool:
        clock = Clock()
        await clock.look(pool)
        parts = Parts(
            name=name,
            settings=settings,
            db=Database(pool, name, signer),
            gate=Gate.from_settings(settings.auth_issuer, settings.auth_audience, settings.auth_keys, clock.now),
            verifier=Verifier.from_file(settings.signature_keys),
            clock=clock,
            says=tuple(topic for topic, owner in OWNERS.items() if owner == name),
        )
        await build(parts)
        yield parts


@dataclass(slots=True)
class Service:
    parts: Parts
    consumer: Consumer | None
    relay: Relay
    broker: KafkaBroker
    cluster: str
    loops: list["asyncio.Task[None]"] = field(default_factory=list)
    endless: list["asyncio.Task[None]"] = field(default_factory=list)
    """Of these, the ones that nobody asks to end: they are cancelled."""
    stopping: bool = False
    cut_off: bool = False
    """Kafka is another cluster than before: nothing is sent to it, and nothing read from it."""
    _measured_at: float = -10.0

    def app(self) -> Starlette:
        routes = [
            Route("/livez", self._livez),
            Route("/readyz", self._readyz),
            Route("/metrics", self._metrics),
            *self.parts.routes,
        ]
        return application(routes, self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        parts = self.parts
        await self.broker.start()
        runs: list[Callable[[], Awaitable[None]]] = [self.relay.run]
        if parts.worker is not None:
            runs.append(parts.worker.run)
        watch = Watch(parts.settings.kafka, self.cluster, self._cut_off)
        follow = partial(parts.clock.follow, parts.db.pool)
        endless: Sequence[Callable[[], Awaitable[None]]] = (breathe, watch.run, follow, *parts.background)
        self.endless = [asyncio.create_task(again_and_again(run), name=name_of(run)) for run in endless]
        self.loops = [*(asyncio.create_task(once(run), name=name_of(run)) for run in runs), *self.endless]
        BUILD.labels(version=version("handrail-chassis"), component=parts.name).set(1)
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        log.info("started", port=parts.settings.http_port)
        yield
        await self._stop()

    async def _stop(self) -> None:
        """Finish the batch in hand, leave the group, send what is left."""
        self.stopping = True
        self.relay.stopping = True
        if self.consumer is not None:
            self.consumer.stopping = True
        if self.parts.worker is not None:
            self.parts.worker.stopping = True
        for task in self.endless:
            task.cancel()
        await self.broker.stop()
        done, pending = await asyncio.wait(self.loops, timeout=10) if self.loops else (set(), set())
        for task in pending:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*pending, return_exceptions=True)
        if not self.cut_off:
            await self.relay.drain()
        log.info("stopped", in_time=len(done))

    def _cut_off(self, because: str) -> None:
        self.cut_off = self.relay.stopping = True
        if self.consumer is not None:
            self.consumer.stopped_because = because

    async def _livez(self, _: Request) -> Response:
        dead = [task.get_name() for task in self.loops if task.done() and not self.stopping]
        consuming = self.consumer is None or self.consumer.alive
        ok = not dead and consuming
        because = self.consumer.stopped_because if self.consumer else ""
        said = {"alive": ok, "consuming": consuming, "ended": dead, "because": because}
        return JSONResponse(said, 200 if ok else 503)

    async def _readyz(self, _: Request) -> Response:
        checks = {
            "postgres": await _answers(self._ping_postgres),
            "kafka": await _answers(self._ping_kafka),
            "joined": self.consumer is None or self.consumer.joined,
            "running": not self.stopping,
        }
        return JSONResponse(checks, 200 if all(checks.values()) else 503)

    async def _metrics(self, _: Request) -> Response:
        now = asyncio.get_running_loop().time()
        if now - self._measured_at > 5:
            self._measured_at = now
            measures = [self.relay.measure, self._count_dead_letters, *self.parts.measures]
            if self.parts.worker is not None:
                measures.append(self.parts.worker.measure)
            for measure in measures:
                with contextlib.suppress(*AWAY):
                    await measure()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def _count_dead_letters(self) -> None:
        async with self.parts.db.pool.acquire() as conn:
            pending = await dead_letters.pending(conn)
        DEAD_LETTERS_PENDING.set(pending.count)
        DEAD_LETTERS_OLDEST.set(pending.oldest_seconds)

    async def _ping_postgres(self) -> bool:
        async with self.parts.db.pool.acquire() as conn:
            return bool(await conn.fetchval("SELECT true"))

    async def _ping_kafka(self) -> bool:
        return await self.broker.ping(timeout=2)


async def _as_it_is(_: object) -> None:
    """Nothing of ours outlives its transaction in a session: there is nothing to reset, which is a round trip less."""


async def _answers(check: Callable[[], Awaitable[bool]]) -> bool:
    try:
        async with asyncio.timeout(2):
            return await check()
    except Exception:  # noqa: BLE001 - any failure is a no
        return False


async def serve(name: str, settings: ChassisSettings, build: Build) -> None:
    """Run service `name` until SIGTERM or SIGINT."""
    set_up_logs(name)
    set_up_traces(name, settings.otlp_endpoint)
    crashpoints.arm(settings.crash_points, name)
    async with connected(name, settings, build) as parts:
        broker = KafkaBroker(
            settings.kafka.split(","),
            logger=None,
            apply_types=False,
            allow_auto_create_topics=False,
            graceful_timeout=20,
        )
        consumer = None
        cluster = await cluster_id(settings.kafka)
        await settle(parts.db, cluster)
        await Own(parts.db, settings.kafka, parts.says, parts.verifier).settle()
        RETENTION.set(timedelta(days=1).total_seconds() * settings.retention_days)
        if (retention := Retention.of(settings.retention_days)) is not None:
            rounds = await begin(
                parts.db, settings.kafka, cluster, retention, parts.topics, parts.says, parts.keeps_claims
            )
            parts.background, parts.measures = (*parts.background, rounds.run), (*parts.measures, rounds.measure)
        if parts.applier is not None and parts.topics:
            consumer = Consumer(parts.db, name, parts.applier, parts.verifier, cluster)
            consumer.subscribe(broker, *parts.topics, replica=settings.replica)
        if parts.kinds:
            parts.worker = Worker(
                parts.db, parts.fold, parts.kinds, replica=settings.replica, slots=parts.worker_slots,
                lease_time=timedelta(seconds=settings.task_lease_seconds),
            )  # fmt: skip
        service = Service(parts, consumer, Relay(parts.db, settings.kafka), broker, cluster)
        config = uvicorn.Config(
            service.app(), settings.http_host, settings.http_port, log_config=None, access_log=False, lifespan="on",
            timeout_graceful_shutdown=5,
        )  # fmt: skip
        await uvicorn.Server(config).serve()
