"""Folds every topic into rows, each fact once, whatever the order of the topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from chassis import dead_letters
from chassis.decision import Key
from chassis.fold import key_of
from chassis.metrics import DUPLICATES, handled
from chassis.postgres import Transaction
from chassis.records import Received
from contracts.event import tenant_row
from contracts.executor import KillSwitchChanged
from tower import store
from tower.row import Row, fold


@dataclass(frozen=True, slots=True)
class TowerApplier:
    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        for received in batch:
            if received.fact is None:
                await dead_letters.keep(tx, received.raw, dead_letters.UNDECODABLE, received.reason, None)
        facts = [received.fact for received in batch if received.fact is not None]
        own = [
            fact
            for fact in facts
            if fact.meta.campaign_id != tenant_row(fact.meta.tenant) or isinstance(fact.event, KillSwitchChanged)
        ]
        keys = sorted({key_of(fact.meta) for fact in own})
        await tx.lock(keys)
        claimed = await tx.claim([fact.meta.event_id for fact in own])
        rows: dict[Key, Row] = await store.load(tx.conn, keys)
        new = [fact for fact, first in zip(own, claimed, strict=True) if first]
        changed: dict[Key, Row] = {}
        for fact in new:
            key = key_of(fact.meta)
            before = rows.get(key, Row())
            after = fold(before, fact)
            if after is not before:  # what says nothing about a row makes none
                rows[key] = changed[key] = after
        tx.after(partial(handled, new, tx.now))
        tx.after(partial(DUPLICATES.inc, len(own) - len(new)))
        if changed:
            await store.save(tx.conn, changed)
        if new:
            await store.tell(tx.conn, new)
