"""A service's thinking as a fold: state and message in, state, events and tasks out.

What a whole batch needs is loaded in a few statements, folded in memory by the pure `decide`, and saved in a few.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, Protocol

from prometheus_client import Counter

from chassis import dead_letters, plans
from chassis.bounds import bounded
from chassis.decision import Decision, Key, Loaded, Message, Shared, State, Task
from chassis.metrics import DUPLICATES, handled
from chassis.plans import Plans, Waiting
from chassis.postgres import Conn, Transaction
from chassis.records import Raw, Received, receive
from chassis.signatures import Verifier
from chassis.telemetry import span
from contracts.briefing import PlanIssued
from contracts.codec import Header
from contracts.event import Event, Fact, Meta


class Applier(Protocol):
    """What a consumer hands a batch to, within one transaction."""

    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None: ...


def key_of(meta: Meta) -> Key:
    return Key(meta.tenant, meta.campaign_id)


@dataclass(frozen=True, slots=True)
class Fold(Generic[State, Shared]):
    """How one service handles its messages. The campaigns are locked before `load`.

    `load` gives what each message's campaign needs (state and shared facts; plans are added here), `save` takes what
    changed. With `keeps_plans`, a message that names a plan version not seen yet waits for it; `while_waiting` may ask
    for a task meanwhile, and is told which version is missing.
    """

    decide: Callable[[Loaded[State, Shared], Message, Any, datetime], Decision[State, Shared]]
    load: Callable[[Conn, Sequence[Message]], Awaitable[Mapping[Key, Loaded[State, Shared]]]]
    save: Callable[[Conn, Mapping[Key, Loaded[State, Shared]]], Awaitable[None]]
    policy: object
    decisions: Counter
    keeps_plans: bool = False
    while_waiting: Callable[[Meta, int, datetime], Task] | None = None
    observe: Callable[[Message, Decision[State, Shared]], None] | None = None
    """Counts what a decision means for the metrics; called once the transaction has committed."""
    verifier: Verifier = field(default_factory=lambda: Verifier({}))
    plans: Plans = field(default_factory=Plans)

    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        """Fold a polled batch: lock, leave out what waits behind a dead letter, claim, decide, save."""
        keys = [key_of(one.fact.meta) if one.fact else _parks(one.raw) for one in batch]
        await tx.lock(key for key in keys if key is not None)
        ours = {key for one, key in zip(batch, keys, strict=True) if key is not None and not one.raw.inbound}
        parked = await dead_letters.parked(tx.conn, ours)
        free: list[tuple[Raw, Fact[Event]]] = []
        for one, key in zip(batch, keys, strict=True):
            if one.fact is None:
                await dead_letters.keep(tx, one.raw, dead_letters.UNDECODABLE, one.reason, key)
                parked |= {key} if key else set()  # what came before it in the batch is not behind it
            elif one.raw.inbound or key not in parked:
                free.append((one.raw, one.fact))
            else:  # kept, not claimed: the re-drive applies it
                await dead_letters.keep(tx, one.raw, dead_letters.BEHIND, "behind an earlier one", key)
        await self.facts(tx, free)

    async def facts(self, tx: Transaction, facts: Sequence[tuple[Raw, Fact[Event]]]) -> None:
        """Claim and fold `facts`; their campaigns are locked and not parked."""
        fresh = await tx.claim(fact.meta.event_id for _, fact in facts)
        ready: list[tuple[Message, Raw]] = []
        for raw, fact in facts:
            if fact.meta.event_id in fresh:
                fresh.discard(fact.meta.event_id)  # the same fact twice in one batch
                ready.append((_message(fact, raw.headers, raw.value), raw))
                tx.after(partial(handled, raw.topic, tx.now - fact.meta.occurred_at))
            else:
                tx.after(DUPLICATES.inc)
        if ready:
            await self.messages(tx, [message for message, _ in ready], {id(m): raw for m, raw in ready})

    async def messages(
        self, tx: Transaction, messages: Sequence[Message], raws: Mapping[int, Raw] | None = None
    ) -> list[Decision[State, Shared]]:
        """Fold `messages` in order into their campaigns' states; returns a decision each (none for those that wait).

        The campaigns are locked and the messages claimed. `raws` has the record of each message that came from Kafka,
        by `id()`: what must wait is kept as it came.
        """
        book = _Book(self, tx, raws or {})
        return await book.fold(messages)


@dataclass(slots=True)
class _Book(Generic[State, Shared]):
    """One folding of some messages."""

    fold_: Fold[State, Shared]
    tx: Transaction
    raws: Mapping[int, Raw]
    loaded: dict[Key, Loaded[State, Shared]] = field(default_factory=dict)
    touched: dict[Key, Loaded[State, Shared]] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)
    woken: dict[int, Message] = field(default_factory=dict)

    async def fold(self, messages: Sequence[Message]) -> list[Decision[State, Shared]]:
        fold, tx = self.fold_, self.tx
        issued = {key_of(message.meta) for message in messages if isinstance(message.body, PlanIssued)}
        if fold.keeps_plans and issued:
            self.waiting = await plans.waiting_of(tx.conn, issued)
            self.woken = {id(waiting): self._woken(waiting) for waiting in self.waiting}
        every = [*messages, *self.woken.values()]
        self.loaded = dict(await fold.load(tx.conn, every))
        if fold.keeps_plans:
            for key, versions in (await fold.plans.load(tx.conn, {key_of(m.meta) for m in every})).items():
                self.loaded[key] = replace(self.loaded[key], plans=versions)
        decisions = [decision for message in messages for decision in await self._take(message)]
        await fold.save(tx.conn, self.touched)
        for waiting in self.waiting:
            if waiting.id is None:
                await plans.wait(tx.conn, waiting)
        await plans.waited(tx.conn, self.waited)
        return decisions

    async def _take(self, message: Message) -> list[Decision[State, Shared]]:
        key = key_of(message.meta)
        version = getattr(message.body, "plan_version", None)
        raw = self.raws.get(id(message))
        must_wait = self.fold_.keeps_plans and version is not None and version not in self.loaded[key].plans
        if must_wait and raw is not None and raw.value is not None:
            waiting = Waiting(None, key, int(str(version)), raw.topic, raw.headers, raw.value)
            self.waiting.append(waiting)
            self.woken[id(waiting)] = message
            if self.fold_.while_waiting is not None:
                self.tx.ask(message.meta, [self.fold_.while_waiting(message.meta, waiting.plan_version, self.tx.now)])
            return []
        if isinstance(message.body, PlanIssued) and self.fold_.keeps_plans:
            await plans.save(self.tx.conn, key, message.body)
            known = {**self.loaded[key].plans, message.body.plan.version: message.body}
            self.loaded[key] = replace(self.loaded[key], plans=known)
        out = [self._decide(message)]
        if isinstance(message.body, PlanIssued) and self.fold_.keeps_plans:
            out += self._wake(key, message.body.plan.version)
        return out

    def _decide(self, message: Message) -> Decision[State, Shared]:
        key, tx = key_of(message.meta), self.tx
        loaded = self.loaded[key]
        with span(type(message.body).__name__, message.meta) as traceparent, bounded():
            decision = self.fold_.decide(loaded, message, self.fold_.policy, tx.now)
        shared = loaded.shared if decision.shared is None else decision.shared
        self.loaded[key] = self.touched[key] = replace(loaded, state=decision.state, shared=shared)
        cause = replace(message.meta, traceparent=traceparent)
        tx.publish(cause, decision.events)
        tx.ask(cause, decision.tasks)
        tx.after(self.fold_.decisions.labels(reason=decision.reason).inc)
        if (observe := self.fold_.observe) is not None:
            tx.after(lambda: observe(message, decision))
        return decision

    def _wake(self, key: Key, version: int) -> list[Decision[State, Shared]]:
        ready = [waiting for waiting in self.waiting if waiting.key == key and waiting.plan_version == version]
        for waiting in ready:
            self.waiting.remove(waiting)
            if waiting.id is not None:
                self.waited.append(waiting.id)
        return [self._decide(self.woken[id(waiting)]) for waiting in ready]

    def _woken(self, waiting: Waiting) -> Message:
        key = str(waiting.key.campaign).encode()
        raw = Raw("", waiting.topic, 0, 0, key, waiting.headers, waiting.value)
        received = receive(raw, self.fold_.verifier)
        if received.fact is None:  # it was read once already
            raise ValueError(f"a waiting message cannot be read: {received.reason}")
        return _message(received.fact, waiting.headers, waiting.value)


def _parks(raw: Raw) -> Key | None:
    """The campaign that an undecodable record parks."""
    tenant = dict(raw.headers).get("ce_tenant")
    return dead_letters.key_of(raw, tenant.decode(errors="replace") if tenant else None)


def _message(fact: Fact[Event], headers: Sequence[Header], value: bytes | None) -> Message:
    return Message(fact.meta, fact.event, (tuple(headers), value or b"") if fact.event.signed else None)
