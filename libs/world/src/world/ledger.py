"""What was received, for judges: one JSON line per applied effect, on disk before the sender is told of it.

It is also all that the doors know of the past: the keys, external ids and references of mails they have taken.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from world.mail import Received

FULL = 200_000
"""Mails after which no more is taken: what is counted here stays in memory."""
SMTP = "smtp"


@dataclass(frozen=True, slots=True)
class Entry:
    """A mail that was taken under a reference of the sender's."""

    id: str
    at: datetime
    request: str
    """SHA-256 of the request's body, in hex."""


@dataclass(slots=True)
class Counts:
    """The ledger in numbers."""

    mails: int = 0
    dkim_failed: int = 0
    without_one_click: int = 0
    by_domain: Counter[str] = field(default_factory=Counter)
    by_effect: Counter[str] = field(default_factory=Counter)
    by_address: Counter[str] = field(default_factory=Counter)
    by_tool: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Goes on where an earlier process stopped; a line that a crash cut off is not a mail."""

    def __init__(self, path: Path) -> None:
        self.counts = Counts()
        self._known: dict[tuple[str, str], list[Entry]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._take_in(path)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._fd, whole)
        os.lseek(self._fd, whole, os.SEEK_SET)

    @property
    def full(self) -> bool:
        return self.counts.mails >= FULL

    def known(self, tool: str, reference: str) -> Sequence[Entry]:
        """What `tool` took under `reference`, oldest first."""
        return self._known.get((tool, reference), ())

    def append(self, mail: Received, tool: str = SMTP, reference: str = "", request: str = "") -> None:
        """Durable when this returns."""
        line = {
            "number": self.counts.mails + 1,
            "at": datetime.now(UTC).isoformat(),
            "tool": tool,
            "reference": reference,
            "request": request,
            "recipient": mail.address,
            "domain": mail.domain,
            "message_id": mail.message_id,
            "tenant": mail.tenant,
            "campaign_id": mail.campaign_id,
            "effect_id": mail.effect_id,
            "recipient_hash": mail.recipient_hash,
            "digest": mail.digest,
            "dkim": mail.dkim,
            "one_click": mail.one_click,
        }
        os.write(self._fd, json.dumps(line).encode() + b"\n")
        os.fsync(self._fd)
        self._count(line)

    def close(self) -> None:
        os.close(self._fd)

    def _count(self, line: dict[str, object]) -> None:
        counts, tool, reference = self.counts, str(line["tool"]), str(line["reference"])
        counts.mails += 1
        counts.dkim_failed += line["dkim"] is False
        counts.without_one_click += not line["one_click"]
        counts.by_domain[str(line["domain"])] += 1
        counts.by_effect[str(line["effect_id"])] += 1
        counts.by_address[str(line["recipient"])] += 1
        counts.by_tool[tool] += 1
        if reference:
            entry = Entry(str(line["message_id"]), datetime.fromisoformat(str(line["at"])), str(line["request"]))
            self._known.setdefault((tool, reference), []).append(entry)

    def _take_in(self, path: Path) -> int:
        """Count what is there already. Returns where its last whole line ends."""
        whole = 0
        if path.exists():
            with path.open("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    self._count(json.loads(line))
                    whole += len(line)
        return whole
