"""Signs the head of each chain that grew: a past that is rewritten afterwards no longer leads to it."""

import asyncio

import structlog

from audit import store
from audit.metrics import CHECKPOINT_FAILURES, CHECKPOINTS
from chassis.connection import AWAY
from chassis.decision import Key
from chassis.postgres import Database
from contracts.audit import CheckpointSigned
from contracts.event import Fact, Meta, Tenant, tenant_row

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0


async def run(db: Database) -> None:
    """Sign for ever, every five seconds, where there is something new."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await sign_all(db)
        except AWAY as error:
            CHECKPOINT_FAILURES.inc()
            log.warning("no checkpoint", error=repr(error)[:300])


async def sign_all(db: Database) -> int:
    """Sign the head of every chain with new records. Returns how many."""
    async with db.pool.acquire() as conn:
        tenants = await store.unsigned(conn)
    for tenant in tenants:
        await _sign(db, tenant)
    return len(tenants)


async def _sign(db: Database, tenant: Tenant) -> None:
    async with db.transaction() as tx:
        key = Key(tenant, tenant_row(tenant))
        await tx.lock([key])
        size, head = await store.lock_head(tx.conn, tenant)
        meta = Meta.root(tenant, key.campaign, source=db.source, at=tx.now)
        tx.report(Fact(meta, CheckpointSigned(size=size, head=head.hex())))
        await store.mark_signed(tx.conn, tenant, size)
        tx.after(CHECKPOINTS.inc)
