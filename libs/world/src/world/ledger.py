"""What was received, for judges: one JSON line per mail, on disk before the sender is told that it was taken."""

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from world.mail import Received

FULL = 200_000
"""Mails after which no more is taken: what is counted here stays in memory."""


@dataclass(slots=True)
class Counts:
    """The ledger in numbers."""

    mails: int = 0
    dkim_failed: int = 0
    without_one_click: int = 0
    by_domain: Counter[str] = field(default_factory=Counter)
    by_effect: Counter[str] = field(default_factory=Counter)
    by_address: Counter[str] = field(default_factory=Counter)

    def add(self, address: str, domain: str, effect_id: str, dkim: bool, one_click: bool) -> None:
        self.mails += 1
        self.dkim_failed += not dkim
        self.without_one_click += not one_click
        self.by_domain[domain] += 1
        self.by_effect[effect_id] += 1
        self.by_address[address] += 1


class Ledger:
    """Goes on where an earlier process stopped; a line that a crash cut off is not a mail."""

    def __init__(self, path: Path) -> None:
        self.counts = Counts()
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._take_in(path)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._fd, whole)
        os.lseek(self._fd, whole, os.SEEK_SET)

    @property
    def full(self) -> bool:
        return self.counts.mails >= FULL

    def append(self, mail: Received) -> None:
        """Durable when this returns."""
        line = {
            "number": self.counts.mails + 1,
            "at": datetime.now(UTC).isoformat(),
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
        self.counts.add(mail.address, mail.domain, mail.effect_id, mail.dkim, mail.one_click)

    def close(self) -> None:
        os.close(self._fd)

    def _take_in(self, path: Path) -> int:
        """Count what is there already. Returns where its last whole line ends."""
        whole = 0
        if path.exists():
            with path.open("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    said = json.loads(line)
                    self.counts.add(
                        said["recipient"], said["domain"], said["effect_id"], said["dkim"], said["one_click"]
                    )
                    whole += len(line)
        return whole
