"""Recomputes what is stored, some records a time, for ever: a changed row shows without anybody asking."""

import asyncio
from dataclasses import dataclass, field

import structlog

from audit import store
from audit.metrics import VERIFICATIONS
from chassis.connection import AWAY
from chassis.postgres import Database
from contracts.audit import FIRST_PREVIOUS, body, chain_hash, leaf_hash
from contracts.event import Tenant

log = structlog.get_logger(__name__)

EVERY_SECONDS = 30.0
RECORDS_A_ROUND = 5000
START = (0, FIRST_PREVIOUS)


@dataclass(slots=True)
class Watch:
    """Goes round each tenant's chain; begins anew at its end."""

    db: Database
    _reached: dict[Tenant, tuple[int, bytes]] = field(default_factory=dict)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.look()
            except AWAY as error:
                log.warning("the chain was not looked at", error=repr(error)[:300])

    async def look(self) -> dict[Tenant, int]:
        """One round. Returns the first bad record of each chain that does not hold."""
        async with self.db.pool.acquire() as conn:
            heads = await store.heads(conn)
        broken = {}
        for tenant, size, head in heads:
            bad = await self._look_at(tenant, size, head)
            VERIFICATIONS.labels(result="ok" if bad is None else "broken").inc()
            if bad is not None:
                broken[tenant] = bad
                log.error("the chain is broken", tenant=tenant, seq=bad)
        return broken

    async def _look_at(self, tenant: Tenant, size: int, head: bytes) -> int | None:
        seq, previous = self._reached.pop(tenant, START)
        until = min(size, seq + RECORDS_A_ROUND)
        while seq < until:
            async with self.db.pool.acquire() as conn:
                page = await store.between(conn, tenant, seq, until)
            for one in page:
                own = body(one.raw.topic, one.raw.key or b"", one.raw.headers, one.raw.value or b"")
                seq += 1
                holds = one.leaf == leaf_hash(own) and one.hash == chain_hash(seq, previous, own)
                if one.seq != seq or one.prev != previous or not holds:
                    return seq
                previous = one.hash
            if not page:
                return seq + 1
        if seq < size:
            self._reached[tenant] = (seq, previous)
            return None
        return None if previous == head else size
