"""After a restore: what left is known again from the journals and from our own events, and nothing leaves by itself.

The chassis has put our events back into the log. Here intents, touches, suppressions and kill switches are put right,
and each campaign is told; whatever nobody can know becomes uncertain, which opens a case.
"""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from chassis.decision import Key, Message
from chassis.fold import Fold, key_of
from chassis.postgres import Transaction
from chassis.recover import CannotRecover
from contracts.actions import ActionReconciled, EffectOutcome, EffectsRecorded
from contracts.event import CampaignId, Event, Fact, Meta, Tenant, Value, tenant_row
from contracts.executor import (
    AudienceImported,
    CampaignFinished,
    CampaignHalted,
    CampaignResumed,
    KillScope,
    KillSwitchChanged,
    RecipientSuppressed,
)
from contracts.framing import named
from executor import changes, kill_switch
from executor.effects import Recovered, Suppress, Switch
from executor.recovery import rewound
from executor.sending.journal import Intent, Journal, Known, StillWritten, everything

RECOVERY = "recovery"
_TOGETHER = 200
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the executor does beyond what every service does."""

    fold: Fold[Any, Any]
    journal: Journal

    async def relearn(self, tx: Transaction, epoch: int, lost: Sequence[Fact[Event]]) -> Mapping[str, int]:
        """Settle, or make uncertain, all that left since the backup; halt what went on. Raises CannotRecover."""
        known = await self._journals(tx, lost)
        own: dict[Key, list[Event]] = defaultdict(list)
        for fact in lost:
            own[key_of(fact.meta)].append(fact.event)
        journaled = {Key(Tenant(one.tenant), CampaignId(one.campaign_id)) for one in _intents(known)}
        everywhere = await rewound.campaigns(tx.conn) | set(own) | journaled
        keys = sorted(key for key in everywhere if key.campaign != tenant_row(key.tenant))
        await tx.lock(keys)
        await rewound.journaled(tx.conn, known, self._files())
        await rewound.told(tx.conn, _of(lost, EffectsRecorded), _of(lost, ActionReconciled))
        await self._stops(tx, lost)
        untold = await rewound.untold(tx.conn)
        await self._tell(tx, epoch, [(one.key, one.found) for one in untold])
        await self._tell(tx, epoch, [(key, _recovered(own.get(key, []))) for key in keys])
        await rewound.recounted(tx.conn)
        return {
            "campaigns": len(keys),
            "effects_told": sum(len(one.found.effects) for one in untold),
            "contacts_missing": len(_of(lost, AudienceImported)),
        }

    async def _journals(self, tx: Transaction, lost: Sequence[Fact[Event]]) -> dict[UUID, Known]:
        try:
            known = everything(self.journal.folder, but=self.journal.name)
        except StillWritten as error:
            raise CannotRecover(str(error)) from None
        sent = await rewound.ever_dispatched(tx.conn) or any(_of(lost, EffectsRecorded))
        if sent and not known:
            raise CannotRecover(
                f"{self.journal.folder} tells of no effect, and effects there were: bring the journals back first,"
                " without them nobody knows what left"
            )
        return known

    def _files(self) -> list[str]:
        return [path.name for path in self.journal.folder.glob("*.jsonl")]

    async def _stops(self, tx: Transaction, lost: Sequence[Fact[Event]]) -> None:
        """Whatever reduced risk after the backup holds again; what released it must be said again by people."""
        for fact in lost:
            if isinstance(said := fact.event, RecipientSuppressed):
                suppress = Suppress(said.recipient_hash, said.recipient_domain, said.reason)
                await changes.apply(tx.conn, key_of(fact.meta), [suppress])
        switches = {
            (fact.meta.tenant, fact.meta.campaign_id, said.scope): (key_of(fact.meta), said)
            for fact in lost
            if isinstance(said := fact.event, KillSwitchChanged)
        }
        for key, said in switches.values():
            if said.engaged:
                await kill_switch.change(tx.conn, key, said.scope, Switch(True, said.actor, said.reason))
        missing: dict[Tenant, set[str]] = defaultdict(set)
        for fact in lost:
            if isinstance(fact.event, AudienceImported):
                missing[fact.meta.tenant].add(fact.event.audience)
        for tenant, names in sorted(missing.items()):
            reason = f"contacts imported after the backup are missing: import {', '.join(sorted(names))} again"
            switch = Switch(True, RECOVERY, reason[:4000])
            await kill_switch.change(tx.conn, Key(tenant, tenant_row(tenant)), KillScope.TENANT, switch)

    async def _tell(self, tx: Transaction, epoch: int, said: Sequence[tuple[Key, Value]]) -> None:
        """Let the fold decide about each; the same recovery told again causes the same."""
        for start in range(0, len(said), _TOGETHER):
            messages = [
                Message(_meta(tx, epoch, key, f"{type(value).__name__}{start + nth}"), value)
                for nth, (key, value) in enumerate(said[start : start + _TOGETHER])
            ]
            await self.fold.messages(tx, messages)


def _intents(known: Mapping[UUID, Known]) -> Iterator[Intent]:
    return (one.intent for one in known.values() if one.intent is not None)


def _of(lost: Sequence[Fact[Event]], kind: type[E]) -> list[E]:
    return [fact.event for fact in lost if isinstance(fact.event, kind)]


def _recovered(own: Sequence[Event]) -> Recovered:
    fences = [event.fence for event in own if isinstance(event, CampaignHalted | CampaignResumed)]
    ends = [event.outcome for event in own if isinstance(event, CampaignFinished)]
    told: dict[UUID, Tally[EffectOutcome]] = defaultdict(Tally)
    for event in own:
        if isinstance(event, EffectsRecorded):
            told[event.decision_id].update(effect.outcome for effect in event.effects)
    return Recovered(lost=bool(own), fence=max(fences, default=0), finished=ends[-1] if ends else None, told=dict(told))


def _meta(tx: Transaction, epoch: int, key: Key, what: str) -> Meta:
    cause = named(key.tenant, str(key.campaign), RECOVERY, str(epoch), what)
    return Meta(
        event_id=cause,
        tenant=key.tenant,
        campaign_id=key.campaign,
        correlation_id=cause,
        causation_id=None,
        occurred_at=tx.now,
        source=tx.source,
        source_id=str(cause),
    )
