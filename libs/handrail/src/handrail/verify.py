"""Proves an export of the audit log from the export alone, trusting nothing that wrote it.

Recomputed are each record's leaf and chain hash, the numbers without a gap, the head that each checkpoint signs, and
the signature of every event that must be signed. Only the public keys come from elsewhere: they must not come with the
export. A record that was forged before it came is evidence when audit signed, in the chain, that it came like that; any
other whose signature does not hold is a problem.

What no export can show by itself: records cut off, or changed with the chain recomputed, after its last checkpoint, and
a whole chain made anew by somebody who holds the keys. Against those, give heads that were kept elsewhere as `anchors`.
"""

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.audit import FIRST_PREVIOUS, CheckpointSigned, ForgeryRecorded, body, chain_hash, leaf_hash
from contracts.catalogue import OWNERS
from contracts.codec import Undecodable, decode, unproven_id
from contracts.event import Event, Fact, Signature, Tenant
from contracts.signing import source_of, speaks_for
from handrail.export import Entry, identity, parsed

MOST_PROBLEMS = 50
"""A broken export is broken: more lines than these help nobody."""


class What(StrEnum):
    """What does not hold."""

    UNREADABLE = "unreadable"
    NUMBER = "number"
    LEAF = "leaf"
    CHAIN = "chain"
    IDENTITY = "identity"
    SIGNATURE = "signature"
    CHECKPOINT = "checkpoint"
    ANCHOR = "anchor"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not hold; `seq` is the number that the record says it has, 0 where it says none."""

    seq: int
    event_id: UUID | None
    what: What
    text: str

    def __str__(self) -> str:
        where = f"record {self.seq}" if self.seq else "the export"
        event = f" (event {self.event_id})" if self.event_id else ""
        return f"{where}{event}: {self.what}: {self.text}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head that somebody kept: after `size` records the chain had this `head` (hex)."""

    size: int
    head: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and every problem, the first bad record first."""

    records: int
    checkpoints: int
    sealed: int
    """Up to this record a valid checkpoint covers the chain."""
    head: str
    problems: tuple[Problem, ...]
    tenant: Tenant | None = None
    forged: tuple[Problem, ...] = ()
    """Records that came with a signature that did not hold, and of which audit signed so: evidence, not damage."""

    @property
    def ok(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        tenant = f" of tenant {self.tenant}" if self.tenant else ""
        seen = f"{self.records} records{tenant}, {self.checkpoints} checkpoints"
        if self.problems:
            return "\n  ".join([f"BROKEN: {seen}", *map(str, self.problems)])
        loose = self.records - self.sealed
        seal = f"signed up to record {self.sealed}"
        if loose:
            seal += f", {loose} after it not signed yet"
        whole = f"OK: {seen}; {seal}; head {self.head}"
        evidence = [f"evidence of a forgery, recorded as it came: {one}" for one in self.forged]
        return "\n  ".join([whole, *evidence])


@dataclass(frozen=True, slots=True)
class Keys:
    """Public keys by key id. A key speaks for one service: `audit` or `audit-<anything>` for audit's topics."""

    keys: Mapping[str, Ed25519PublicKey]

    @staticmethod
    def from_json(text: str) -> "Keys":
        """`{key id: base64 of the raw public key}`. Raises ValueError that says what to mend."""
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("the keys are one JSON object: {key id: base64 of the raw Ed25519 public key}")
        keys = {}
        for key_id, raw in found.items():
            try:
                keys[key_id] = Ed25519PublicKey.from_public_bytes(b64decode(raw, validate=True))
            except (ValueError, TypeError) as error:
                raise ValueError(f"key {key_id!r} is no base64 of a raw Ed25519 public key: {error}") from None
        return Keys(keys)

    def holds(self, key_id: str, signed: bytes, signature: bytes) -> bool:
        key = self.keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True


def verify_file(path: Path, keys_path: Path, anchors: Iterable[Anchor] = ()) -> Report:
    """Verify the export in `path` under the public keys in `keys_path`. Raises OSError, or ValueError for bad keys."""
    keys = Keys.from_json(keys_path.read_text())
    with path.open("rb") as lines:
        return verify(lines, keys, anchors)


def verify(lines: Iterable[bytes], keys: Keys, anchors: Iterable[Anchor] = ()) -> Report:
    """Verify an export line by line. Never raises because of what the lines hold."""
    chain = _Chain(keys)
    for number, line in enumerate(lines, 1):
        if len(chain.problems) >= MOST_PROBLEMS:
            break
        chain.take(number, line)
    chain.end(anchors)
    return chain.report()


@dataclass(frozen=True, slots=True)
class Doubt:
    """What becomes a problem at the end, before the `place`-th that was found meanwhile."""

    place: int
    leaf: bytes
    problem: Problem


@dataclass(slots=True)
class _Chain:
    """The chain as recomputed so far. After a bad record it goes on from what that one says of itself, so that one
    changed record is one problem."""

    keys: Keys
    problems: list[Problem] = field(default_factory=list)
    seq: int = 0
    previous: bytes = FIRST_PREVIOUS
    records: int = 0
    tenant: Tenant | None = None
    hashes: bytearray = field(default_factory=bytearray)
    events: set[UUID] = field(default_factory=set)
    checkpoints: int = 0
    sealed: int = 0
    doubted: dict[int, Doubt] = field(default_factory=dict)
    """Records whose signature does not hold, until audit's own word on them is met."""
    forged: list[Problem] = field(default_factory=list)

    def take(self, number: int, line: bytes) -> None:
        try:
            entry = parsed(line)
        except ValueError as error:
            self._say(self.seq + 1, None, What.UNREADABLE, f"line {number}: {error}")
            return
        self.records += 1
        self._link(entry)
        self._read(entry)
        self.seq, self.previous = entry.seq, entry.hash

    def _link(self, entry: Entry) -> None:
        own = body(entry.topic, entry.key, entry.headers, entry.value)
        computed = chain_hash(entry.seq, entry.prev, own) if 0 < entry.seq < 2**63 else b""
        self.hashes += entry.hash
        if entry.seq != self.seq + 1:
            self._say(entry.seq, entry.event_id, What.NUMBER, f"comes after {self.seq}: removed, added or moved")
        elif leaf_hash(own) != entry.leaf:
            self._say(entry.seq, entry.event_id, What.LEAF, "its bytes are not those that were recorded")
        elif computed != entry.hash:
            self._say(entry.seq, entry.event_id, What.CHAIN, "its hash is not that of its bytes, number and previous")
        elif entry.prev != self.previous:
            self._say(entry.seq, entry.event_id, What.CHAIN, "does not follow the record before it")

    def _read(self, entry: Entry) -> None:
        try:
            event_id, tenant, kind = identity(entry)
        except ValueError as error:
            self._say(entry.seq, entry.event_id, What.IDENTITY, str(error))
            return
        self.tenant = self.tenant or tenant
        unproven = kind.signed and entry.event_id == unproven_id(event_id, entry.headers, entry.value)
        if event_id != entry.event_id and not unproven:
            self._say(entry.seq, entry.event_id, What.IDENTITY, f"its headers say event {event_id}")
        if tenant != self.tenant:
            self._say(entry.seq, event_id, What.IDENTITY, f"of tenant {tenant}, in the chain of {self.tenant}")
        if entry.event_id in self.events:
            self._say(entry.seq, entry.event_id, What.IDENTITY, "this event has a record already")
        self.events.add(entry.event_id)
        if kind.topic != entry.topic:
            self._say(entry.seq, event_id, What.IDENTITY, f"{kind.type} belongs on {kind.topic}")
        elif kind.signed:
            self._signed(entry)

    def _signed(self, entry: Entry) -> None:
        try:
            fact = decode(entry.topic, entry.headers, entry.value, verify=self.keys.holds)
        except Undecodable as error:
            self._say(entry.seq, entry.event_id, What.SIGNATURE, error.reason)
            return
        if fact.meta.signature is not Signature.VALID:
            problem = Problem(entry.seq, entry.event_id, What.SIGNATURE, self._why_not(entry, fact))
            self.doubted[entry.seq] = Doubt(len(self.problems), entry.leaf, problem)
        elif isinstance(fact.event, CheckpointSigned):
            self._checkpoint(entry, fact.event)
        elif isinstance(fact.event, ForgeryRecorded):
            self._forgery(fact.event)

    def _why_not(self, entry: Entry, fact: Fact[Event]) -> str:
        signer, owner = fact.meta.key_id or "", OWNERS[entry.topic]
        if fact.meta.signature is Signature.MISSING:
            return f"{fact.event.type} is not signed"
        if signer not in self.keys.keys:
            return f"no key {signer!r} was given"
        if not speaks_for(signer, owner):
            return f"key {signer!r} does not speak for {owner}"
        if fact.meta.source != source_of(owner):
            return f"says that it is from {fact.meta.source}"
        return "its signature does not hold: forged before it was recorded, or changed since"

    def _forgery(self, said: ForgeryRecorded) -> None:
        """Audit signed that the record came like this: it is evidence, unless its bytes are others by now."""
        doubt = self.doubted.get(said.seq)
        if doubt is not None and doubt.leaf.hex() == said.leaf:
            self.forged.append(doubt.problem)
            del self.doubted[said.seq]

    def _checkpoint(self, entry: Entry, said: CheckpointSigned) -> None:
        self.checkpoints += 1
        size, head = said.size, said.head
        if not self._had(size, head, before=self.records):
            text = (
                f"signs another head after {size} records: the chain was changed between {self.sealed + 1} and {size}"
            )
            self._say(entry.seq, entry.event_id, What.CHECKPOINT, text)
        else:
            self.sealed = max(self.sealed, size)

    def _had(self, size: int, head: str, before: int) -> bool:
        """Whether the chain had `head` after `size` records, all of them before record number `before`."""
        if size == 0:
            return head == FIRST_PREVIOUS.hex()
        return size < before and self.hashes[32 * (size - 1) : 32 * size].hex() == head

    def end(self, anchors: Iterable[Anchor]) -> None:
        if not self.records and not self.problems:
            self._say(0, None, What.EMPTY, "holds no record")
        for doubt in reversed(self.doubted.values()):
            self.problems.insert(doubt.place, doubt.problem)
        for anchor in anchors:
            if not self._had(anchor.size, anchor.head, before=self.records + 1):
                text = f"was {anchor.head[:16]}... after {anchor.size} records: cut off, or another chain"
                self._say(0, None, What.ANCHOR, text)

    def report(self) -> Report:
        head = self.previous.hex()
        problems, forged = tuple(self.problems), tuple(self.forged)
        return Report(self.records, self.checkpoints, self.sealed, head, problems, self.tenant, forged)

    def _say(self, seq: int, event_id: UUID | None, what: What, text: str) -> None:
        self.problems.append(Problem(seq, event_id, what, text))
