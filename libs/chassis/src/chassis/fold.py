"""A service's thinking as a fold: state and message in, state, events and tasks out.

What a whole batch needs is loaded in a few statements, folded in memory by the pure `decide`, and saved in a few.
"""

from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, Protocol

from prometheus_client import Counter

from chassis import dead_letters, plans
from chassis.bounds import bounded
from chassis.connection import Conn
from chassis.decision import Decision, Key, Loaded, Message, Shared, State, Task
from chassis.metrics import DUPLICATES, handled
from chassis.plans import Plans, Waiting
from chassis.postgres import Transaction
from chassis.records import Raw, Received, receive
from chassis.signatures import Verifier
from chassis.telemetry import span
from contracts.briefing import PlanIssued
from contracts.codec import Header
from contracts.event import Event, Fact, Meta, Tenant


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
    tenants: frozenset[Tenant] | None = None
    """Of whom a record of `inbound.*` is taken, which says itself whose it is; None where `decide` judges that."""

    async def apply(self, tx: Transaction, batch: Sequence[Received]) -> None:
        """Fold a polled batch: lock, leave out what waits behind a dead letter, claim, decide, save."""
        if self.tenants is not None:
            batch = [_of_ours(one, self.tenants) for one in batch]
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
        claimed = await tx.claim([fact.meta.event_id for _, fact in facts])
        new = [(raw, fact) for (raw, fact), first in zip(facts, claimed, strict=True) if first]
        if new:
            messages = [_message(fact, raw.headers, raw.value) for raw, fact in new]
            await self.messages(
                tx, messages, {id(message): raw for message, (raw, _) in zip(messages, new, strict=True)}
            )
        tx.after(partial(handled, [fact for _, fact in new], tx.now))
        tx.after(partial(DUPLICATES.inc, len(facts) - len(new)))

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
class _Campaign(Generic[State, Shared]):
    """What is known of a campaign while messages are folded."""

    key: Key
    loaded: Loaded[State, Shared]
    touched: bool = False


@dataclass(slots=True)
class _Book(Generic[State, Shared]):
    """One folding of some messages."""

    fold_: Fold[State, Shared]
    tx: Transaction
    raws: Mapping[int, Raw]
    campaigns: dict[Key, _Campaign[State, Shared]] = field(default_factory=dict)
    issued: list[tuple[Key, PlanIssued]] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)
    woken: dict[int, Message] = field(default_factory=dict)
    decided: list[tuple[Message, Decision[State, Shared]]] = field(default_factory=list)

    async def fold(self, messages: Sequence[Message]) -> list[Decision[State, Shared]]:
        fold, tx = self.fold_, self.tx
        issued = {key_of(message.meta) for message in messages if type(message.body) is PlanIssued}
        if fold.keeps_plans and issued:
            self.waiting = await plans.waiting_of(tx.conn, issued)
            self.woken = {id(waiting): self._woken(waiting) for waiting in self.waiting}
        await self._load([*messages, *self.woken.values()])
        for message in messages:
            self._take(self.campaigns[key_of(message.meta)], message)
        await fold.save(tx.conn, {one.key: one.loaded for one in self.campaigns.values() if one.touched})
        await self._save_plans()
        tx.after(self._count)
        return [decision for _, decision in self.decided]

    async def _load(self, messages: Sequence[Message]) -> None:
        fold, conn = self.fold_, self.tx.conn
        for key, loaded in (await fold.load(conn, messages)).items():
            self.campaigns[key] = _Campaign(key, loaded)
        if fold.keeps_plans:
            for key, versions in (await fold.plans.load(conn, self.campaigns)).items():
                one = self.campaigns[key]
                one.loaded = Loaded(one.loaded.state, one.loaded.shared, versions)

    async def _save_plans(self) -> None:
        for key, issued in self.issued:
            await plans.save(self.tx.conn, key, issued)
        for waiting in self.waiting:
            if waiting.id is None:
                await plans.wait(self.tx.conn, waiting)
        await plans.waited(self.tx.conn, self.waited)

    def _take(self, campaign: _Campaign[State, Shared], message: Message) -> None:
        if not self.fold_.keeps_plans:
            return self._decide(campaign, message)
        body = message.body
        if type(body) is PlanIssued:
            return self._take_plan(campaign, message, body)
        if "plan_version" in getattr(type(body), "__pydantic_fields__", ()):  # model_fields is a slow property
            version: int = getattr(body, "plan_version", 0)
            raw = self.raws.get(id(message))
            if version not in campaign.loaded.plans and raw is not None and raw.value is not None:
                return self._wait(Waiting(None, campaign.key, version, raw.topic, raw.headers, raw.value), message)
        self._decide(campaign, message)

    def _wait(self, waiting: Waiting, message: Message) -> None:
        self.waiting.append(waiting)
        self.woken[id(waiting)] = message
        if self.fold_.while_waiting is not None:
            self.tx.ask(message.meta, [self.fold_.while_waiting(message.meta, waiting.plan_version, self.tx.now)])

    def _take_plan(self, campaign: _Campaign[State, Shared], message: Message, issued: PlanIssued) -> None:
        """Decide about the plan, and then about what waited for it."""
        version, loaded = issued.plan.version, campaign.loaded
        self.issued.append((campaign.key, issued))
        campaign.loaded = Loaded(loaded.state, loaded.shared, {**loaded.plans, version: issued})
        self._decide(campaign, message)
        ready = [waiting for waiting in self.waiting if (waiting.key, waiting.plan_version) == (campaign.key, version)]
        for waiting in ready:
            self.waiting.remove(waiting)
            if waiting.id is not None:
                self.waited.append(waiting.id)
            self._decide(campaign, self.woken[id(waiting)])

    def _decide(self, campaign: _Campaign[State, Shared], message: Message) -> None:
        loaded, tx = campaign.loaded, self.tx
        with span(type(message.body).__name__, message.meta) as traceparent, bounded():
            decision = self.fold_.decide(loaded, message, self.fold_.policy, tx.now)
        shared = loaded.shared if decision.shared is None else decision.shared
        campaign.loaded, campaign.touched = Loaded(decision.state, shared, loaded.plans), True
        if decision.events or decision.tasks:
            cause = replace(message.meta, traceparent=traceparent())
            tx.publish(cause, decision.events)
            tx.ask(cause, decision.tasks)
        self.decided.append((message, decision))

    def _count(self) -> None:
        for reason, count in Tally(decision.reason for _, decision in self.decided).items():
            self.fold_.decisions.labels(reason=reason).inc(count)
        if (observe := self.fold_.observe) is not None:
            for message, decision in self.decided:
                observe(message, decision)

    def _woken(self, waiting: Waiting) -> Message:
        key = str(waiting.key.campaign).encode()
        raw = Raw("", waiting.topic, 0, 0, key, waiting.headers, waiting.value)
        received = receive(raw, self.fold_.verifier)
        if received.fact is None:  # it was read once already
            raise ValueError(f"a waiting message cannot be read: {received.reason}")
        return _message(received.fact, waiting.headers, waiting.value)


def _of_ours(one: Received, tenants: frozenset[Tenant]) -> Received:
    """`one`, or why it is not taken: nobody reports anything for a tenant that is unknown here."""
    if one.fact is None or not one.raw.inbound or one.fact.meta.tenant in tenants:
        return one
    return Received(one.raw, None, f"the tenant {one.fact.meta.tenant!r} is unknown here")


def _parks(raw: Raw) -> Key | None:
    """The campaign that an undecodable record parks."""
    tenant = dict(raw.headers).get("ce_tenant")
    return dead_letters.key_of(raw, tenant.decode(errors="replace") if tenant else None)


def _message(fact: Fact[Event], headers: Sequence[Header], value: bytes | None) -> Message:
    return Message(fact.meta, fact.event, (tuple(headers), value or b"") if fact.event.signed else None)
