"""Folds every topic into rows and decisions, each fact once, whatever the order of the topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from chassis import dead_letters
from chassis.decision import Key
from chassis.fold import key_of
from chassis.metrics import DUPLICATES, handled
from chassis.postgres import Transaction
from chassis.records import Received
from contracts.event import Event, Fact, tenant_row
from contracts.executor import KillSwitchChanged
from tower import store
from tower.row import Row, fold
from tower.store import DecisionKey, Kept
from tower.why import Why, decision_of
from tower.why import fold as fold_why


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
        await _decide(tx, new)
        if new:
            await store.tell(tx.conn, new)


async def _decide(tx: Transaction, facts: Sequence[Fact[Event]]) -> None:
    """Fold `facts` into the decisions they are about; their campaigns are locked."""
    about = [
        (DecisionKey(fact.meta.tenant, decision), fact)
        for fact in facts
        if (decision := decision_of(fact.event)) is not None
    ]
    if not about:
        return
    known = await store.load_decisions(tx.conn, sorted({key for key, _ in about}))
    changed: dict[DecisionKey, Kept] = {}
    for key, fact in about:
        before = known.get(key, Kept(key.decision, fact.meta.campaign_id, Why()))
        after = fold_why(before.why, fact)
        if after is not before.why and before.campaign_id == fact.meta.campaign_id:
            known[key] = changed[key] = Kept(before.decision_id, before.campaign_id, after)
    if changed:
        await store.save_decisions(tx.conn, changed)
