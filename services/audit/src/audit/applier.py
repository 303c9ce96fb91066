"""Stores every record of every topic once, byte for byte: reads only where it belongs."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from audit import store
from audit.metrics import CONFLICTS, FAILURES, FORGERIES, LAG, RECORDS
from chassis import dead_letters
from chassis.metrics import DUPLICATES, handled
from chassis.postgres import Transaction
from chassis.records import Raw, Received
from contracts.audit import ForgeryRecorded, body, leaf_hash
from contracts.codec import INBOUND
from contracts.event import Event, Fact, Signature, Tenant


@dataclass(frozen=True, slots=True)
class AuditApplier:
    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        """Append what is new, tenant by tenant in a fixed order; what has no meaning is kept as a dead letter."""
        try:
            await self._apply(tx, batch)
        except Exception:
            FAILURES.inc()
            raise

    async def _apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        await tx.look()
        for received in batch:
            if received.fact is None:
                await dead_letters.keep(tx, received.raw, dead_letters.UNDECODABLE, received.reason, None)
        read = [(received.raw, received.fact) for received in batch if received.fact is not None]
        claimed = await tx.claim([fact.meta.event_id for _, fact in read])
        by_tenant: dict[Tenant, list[tuple[Raw, Fact[Event]]]] = defaultdict(list)
        again: list[tuple[Raw, Fact[Event]]] = []
        for (raw, fact), first in zip(read, claimed, strict=True):
            if first:
                by_tenant[fact.meta.tenant].append((raw, fact))
            else:
                again.append((raw, fact))
        for tenant in sorted(by_tenant):
            records = by_tenant[tenant]
            placed = await store.append(tx.conn, tenant, records)
            tx.after(partial(_count, [fact for _, fact in records], tx.now))
            for (_, fact), (seq, leaf) in zip(records, placed, strict=True):
                if fact.event.signed and fact.meta.signature is not Signature.VALID:
                    _doubt(tx, fact, seq, leaf)
        if again:
            await _compare(tx, again)


def _count(stored: Sequence[Fact[Event]], now: datetime) -> None:
    handled(stored, now)
    for topic, count in Counter(fact.event.topic for fact in stored).items():
        RECORDS.labels(kind=topic).inc(count)
    own = [fact.meta.occurred_at for fact in stored if not fact.event.topic.startswith(INBOUND)]
    if own:
        LAG.set(max(0.0, (now - max(own)).total_seconds()))


def _doubt(tx: Transaction, fact: Fact[Event], seq: int, leaf: bytes) -> None:
    """Say, signed, that it came like this: whoever verifies the chain later can tell it from a changed record."""
    tx.publish(fact.meta, [ForgeryRecorded(seq=seq, leaf=leaf.hex(), found=fact.meta.signature)])
    tx.after(FORGERIES.inc)


async def _compare(tx: Transaction, again: Sequence[tuple[Raw, Fact[Event]]]) -> None:
    """A redelivery is the same bytes; other bytes under an id of ours are evidence. Outsiders have two ways in."""
    stored = await store.leaves(tx.conn, [fact.meta.event_id for _, fact in again])
    for raw, fact in again:
        own = leaf_hash(body(raw.topic, raw.key or b"", raw.headers, raw.value or b""))
        if raw.inbound or stored.get(fact.meta.event_id) == own:
            tx.after(DUPLICATES.inc)
        else:
            reason = f"another record is stored for event {fact.meta.event_id}"
            await dead_letters.keep(tx, raw, dead_letters.FAILING, reason, None)
            tx.after(CONFLICTS.inc)
