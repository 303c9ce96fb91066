"""Stores every record of every topic once, byte for byte: reads only where it belongs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from audit import store
from audit.metrics import RECORDS
from chassis import dead_letters
from chassis.postgres import Transaction
from chassis.records import Raw, Received
from contracts.event import Event, Fact, Tenant


@dataclass(frozen=True, slots=True)
class AuditApplier:
    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        """Append what is new, tenant by tenant in a fixed order; what has no meaning is kept as a dead letter."""
        for received in batch:
            if received.fact is None:
                await dead_letters.keep(tx, received.raw, dead_letters.UNDECODABLE, received.reason, None)
        read = [(received.raw, received.fact) for received in batch if received.fact is not None]
        fresh = await tx.claim(fact.meta.event_id for _, fact in read)
        by_tenant: dict[Tenant, list[tuple[Raw, Fact[Event]]]] = defaultdict(list)
        for raw, fact in read:
            if fact.meta.event_id in fresh:
                fresh.discard(fact.meta.event_id)
                by_tenant[fact.meta.tenant].append((raw, fact))
        for tenant in sorted(by_tenant):
            records = by_tenant[tenant]
            await store.append(tx.conn, tenant, records)
            for _, fact in records:
                tx.after(RECORDS.labels(kind=fact.event.topic).inc)
