"""A campaign's step through two services and Kafka: the real ones, but for the planner's work and the mails."""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import Popen
from tempfile import mkdtemp
from typing import Any

import httpx
import uvloop
from pydantic import SecretStr

from benchmarks import product, steps, workload
from benchmarks.frame import Measured, Meter, Stage
from chassis.decision import Decision, Message
from chassis.fold import key_of
from chassis.service import Build, Parts, serve
from contracts.event import CampaignId
from escalation.app import build as build_escalation
from escalation.settings import Settings as EscalationSettings
from executor.app import build as build_executor
from executor.domain.state import Reason
from executor.settings import Settings as ExecutorSettings
from handrail import keys

EXAMPLES = Path(__file__).parent.parent / "examples"
AT_ONCE = 8
"""Transactions that propose, at the same time: as many as connections."""
UNDER_WAY = 500
"""Steps begun and not ended, at most, where each begins as soon as there is room."""


@dataclass(slots=True)
class Timed:
    """When each step began and ended."""

    meter: Meter
    began: dict[CampaignId, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UNDER_WAY))
    strayed: str = ""

    def observe(self, message: Message, decision: Decision[Any, Any]) -> None:
        """Told of each decision once it has committed."""
        if decision.reason is Reason.GRANT_TAKEN:
            self.took.append(time.perf_counter() - self.began.pop(message.meta.campaign_id))
            self.room.release()
            self.meter.add(1)
        elif decision.reason is not Reason.PROPOSED:
            self.strayed = decision.reason
            self.meter.done.set()

    async def measured(self) -> Measured:
        await self.meter.done.wait()
        if self.strayed:
            raise RuntimeError(f"a step went another way: {self.strayed}")
        return replace(await self.meter.measured(), took=tuple(self.took))


async def ours(stage: Stage) -> Measured:
    """Measured in the executor: a step ends with the transaction in which its grant is taken."""
    steps.empty_topics(stage.kafka)  # a service's group has its one name, and must not meet what another run left
    timed = Timed(Meter(stage.events))
    ready: asyncio.Future[Parts] = asyncio.get_running_loop().create_future()
    names = keys.Keys(Path(stage.keys))
    settings = ExecutorSettings(
        dsn=SecretStr(steps.in_schema(stage.dsn, steps.PROPOSER)), kafka=stage.kafka, http_port=product.port(),
        organisation=EXAMPLES / "organisation.yaml", people=EXAMPLES / "people.yaml", tenant_keys=names.tenants,
        smtp_host="127.0.0.1", smtp_port=1, dkim_key=names.dkim, dkim_domain="mail.handrail.localhost",
        dkim_selector="handrail", public_url="https://mail.handrail.localhost", unsubscribe_key=names.unsubscribe,
        journal=Path(mkdtemp(prefix="handrail-bench-journal-")), signature_keys=names.signature_keys, pool_size=12,
    )  # fmt: skip
    port = product.port()
    with _escalation(stage, port):
        measuring = _measured(stage, timed, ready, (port, settings.http_port))
        return await product.serving("executor", settings, _without_workers(build_executor, ready, timed), measuring)


def _without_workers(build: Build, ready: asyncio.Future[Parts], timed: Timed) -> Build:
    """The service without its workers; `ready` is told what proposes."""

    async def narrowed(parts: Parts) -> None:
        await build(parts)
        parts.kinds = {}
        parts.applier = replace(parts.fold, observe=timed.observe)
        ready.set_result(parts)

    return narrowed


async def _measured(stage: Stage, timed: Timed, ready: asyncio.Future[Parts], ports: Sequence[int]) -> Measured:
    parts = await ready
    for port in ports:
        await _until_ready(port)
    at_once, proposing = asyncio.Semaphore(AT_ONCE), []
    begin = time.perf_counter()
    for number, campaign in enumerate(workload.campaigns(stage.events)):
        if stage.per_second:
            await asyncio.sleep(max(0.0, begin + number / stage.per_second - time.perf_counter()))
        await timed.room.acquire()
        timed.began[campaign] = time.perf_counter()
        proposing.append(asyncio.create_task(_propose(parts, campaign, at_once)))
    await asyncio.gather(*proposing)
    return await timed.measured()


async def _until_ready(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        while True:
            with suppress(httpx.HTTPError):
                if (await client.get("/readyz")).is_success:
                    return
            await asyncio.sleep(0.1)


async def _propose(parts: Parts, campaign: CampaignId, at_once: asyncio.Semaphore) -> None:
    """As the worker folds a task's result: one transaction each."""
    message = steps.word(campaign)
    async with at_once, parts.db.transaction() as tx:
        await tx.lock([key_of(message.meta)])
        await parts.fold.messages(tx, [message])


@contextmanager
def _escalation(stage: Stage, port: int) -> Iterator[None]:
    """The real escalation, in a process of its own."""
    process = Popen([sys.executable, "-m", "benchmarks.stepping", str(port), stage.to_json()], stdout=sys.stderr)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


async def _serve_escalation(port: int, stage: Stage) -> None:
    names = keys.Keys(Path(stage.keys))
    settings = EscalationSettings(
        dsn=SecretStr(steps.in_schema(stage.dsn, steps.RULER)), kafka=stage.kafka, http_port=port,
        people=EXAMPLES / "people.yaml", signature_keys=names.signature_keys,
        signing_key=names.signing("escalation"), signing_key_id=keys.key_id("escalation"),
    )  # fmt: skip

    async def narrowed(parts: Parts) -> None:
        await build_escalation(parts)
        parts.kinds = {}

    await serve("escalation", settings, narrowed)


if __name__ == "__main__":
    _, port, stage = sys.argv
    uvloop.run(_serve_escalation(int(port), Stage.from_json(stage)))
