"""Wiring: the only module of audit that knows what the chassis runs."""

from audit import checkpoints, store
from audit.api import Api
from audit.applier import AuditApplier
from audit.watch import Watch
from chassis.service import Parts
from contracts.catalogue import TOPICS


async def build(parts: Parts) -> None:
    async def sign() -> None:
        await checkpoints.run(parts.db)

    parts.applier = AuditApplier()
    parts.topics = TOPICS
    parts.kept_records = store.kept
    parts.keeps_claims = True
    parts.routes = Api(parts).routes()
    parts.background = (sign, Watch(parts.db).run)
