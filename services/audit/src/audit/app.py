"""Wiring: the only module of audit that knows what the chassis runs."""

from audit import checkpoints, store
from audit.api import Api
from audit.applier import AuditApplier
from audit.metrics import LAG
from chassis.service import Parts
from contracts.catalogue import TOPICS


async def build(parts: Parts) -> None:
    async def sign() -> None:
        await checkpoints.run(parts.db)

    async def measure() -> None:
        async with parts.db.pool.acquire() as conn:
            LAG.set(await store.lag(conn))

    parts.applier = AuditApplier()
    parts.topics = TOPICS
    parts.routes = Api(parts).routes()
    parts.background = (sign,)
    parts.measures = (measure,)
