"""Which mails a grant covers, as far as this process has verified it: the whole snapshot once, each mail by itself.

The root of trust is the signed grant. Its snapshot hash covers every (recipient, digest) pair, so a process that has
once recomputed it may hold single mails against the pairs it saw, however large the send is.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from chassis.decision import Key
from contracts.framing import f

KEPT = 500_000
"""Mails kept in mind, over all grants: about 60 MB. The grants used last stay; the newest one always does."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The mails of one snapshot."""

    pairs: frozenset[bytes]

    @staticmethod
    def of(pairs: list[tuple[str, str]]) -> "Approved":
        return Approved(frozenset(_pair(recipient, digest) for recipient, digest in pairs))

    def holds(self, recipient: str, digest: str | None) -> bool:
        return digest is not None and _pair(recipient, digest) in self.pairs


@dataclass(slots=True)
class Verified:
    """Snapshots that this process has verified in full, by campaign and grant."""

    kept: int = KEPT
    _grants: "OrderedDict[tuple[Key, UUID, str], Approved]" = field(default_factory=OrderedDict)

    def get(self, key: Key, grant: UUID, snapshot: str) -> Approved | None:
        found = self._grants.get((key, grant, snapshot))
        if found is not None:
            self._grants.move_to_end((key, grant, snapshot))
        return found

    def keep(self, key: Key, grant: UUID, snapshot: str, approved: Approved) -> None:
        self._grants[(key, grant, snapshot)] = approved
        while len(self._grants) > 1 and sum(len(one.pairs) for one in self._grants.values()) > self.kept:
            self._grants.popitem(last=False)


def _pair(recipient: str, digest: str) -> bytes:
    return sha256(f(recipient, digest)).digest()
