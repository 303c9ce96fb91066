"""Small campaigns, made from a seed: whom each writes to, what its brief says, and which story it will live through."""

import csv
import io
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from contracts.event import CampaignId, Tenant, campaign_of
from tests.proof.organisation import EXAMPLES
from tests.proof.people import MAYA, TENANT
from tests.proof.place import DEAD_DOMAIN

DOMAINS = ("stark.example", "initech.example", "northwind.example", "globex.example", "umbrella.example")
POPULAR = 40
"""People that many campaigns want to write to: their frequency boundary is met again and again."""
BOUNCING_SHARE = 0.3


class Story(StrEnum):
    """What people do with a campaign."""

    PLAIN = "plain"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    LATE = "late"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    BOUNCING = "bouncing"
    REVOKED = "revoked"
    KILLED = "killed"
    TIGHT = "tight"
    LATER = "later"
    OVER_KAFKA = "over_kafka"


WEIGHTS: Mapping[Story, int] = {
    Story.PLAIN: 6,
    Story.REFUSED: 1,
    Story.UNANSWERED: 1,
    Story.LATE: 1,
    Story.PAUSED: 2,
    Story.CANCELLED: 2,
    Story.BOUNCING: 3,
    Story.REVOKED: 1,
    Story.KILLED: 2,
    Story.TIGHT: 1,
    Story.LATER: 1,
    Story.OVER_KAFKA: 2,
}
APART = 100_000
"""Numbers between the campaigns of two proofs on one system: each has other people."""
FIRST = (
    Story.OVER_KAFKA, Story.PLAIN, Story.BOUNCING, Story.KILLED, Story.PAUSED, Story.PLAIN, Story.OVER_KAFKA,
)  # fmt: skip
"""A short run has these at least; a brief over Kafka again once faults are armed: briefing reads little else."""


@dataclass(frozen=True)
class Campaign:
    """The same seed and number: the same people, the same story."""

    seed: int
    number: int
    size: int = 0
    """How many people; 0 lets chance choose 20 to 40."""
    only: Story | None = None

    def chance(self, what: str) -> random.Random:
        return random.Random(f"{self.seed}|{self.number}|{what}")

    @property
    def story(self) -> Story:
        if self.only is not None:
            return self.only
        if self.number % APART < len(FIRST):
            return FIRST[self.number % APART]
        return self.chance("story").choices(list(WEIGHTS), list(WEIGHTS.values()))[0]

    @property
    def audience(self) -> str:
        return f"people-{self.seed}-{self.number}"

    def key(self, what: str) -> str:
        """The idempotency key of one thing that somebody does: the same when it is tried again."""
        return f"{self.seed}-{self.number}-{what}"

    @property
    def id(self) -> CampaignId:
        source = "/systems/proof" if self.story is Story.OVER_KAFKA else f"/people/{MAYA.subject}"
        return campaign_of(Tenant(TENANT), source, self.key("brief"))

    def people(self) -> list[dict[str, str]]:
        """Rows of the contacts file: strangers of this campaign alone, and some popular ones."""
        chance = self.chance("people")
        count = self.size or chance.randint(20, 40)
        rows = [_row(chance, f"{self.seed}-{self.number}-{nth}") for nth in range(count - count // 8)]
        rows += [
            _row(random.Random(f"popular|{nth}"), f"popular-{nth}") for nth in chance.sample(range(POPULAR), count // 8)
        ]
        if self.story is Story.BOUNCING:
            for row in chance.sample(rows[: count - count // 8], round(count * BOUNCING_SHARE)):
                row["email"] = row["email"].rpartition("@")[0] + f"@{DEAD_DOMAIN}"
        chance.shuffle(rows)
        return rows

    def contacts(self) -> bytes:
        rows = self.people()
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()

    def brief(self) -> dict[str, Any]:
        """The example's brief for these people, with times of seconds."""
        people = len(self.people())
        brief: dict[str, Any] = dict(_example())
        brief["name"] = f"Proof {self.number}, {self.story}"
        brief["goal"] = "3 booked demos from the webinar's registrants within a day"
        brief["objective"] = brief["objective"] | {
            "target": 3,
            "baseline": 0,
            "window_closes": {"after": "end_of_sending", "by": "PT2S"},
        }
        # The budget must pay for the estimate, and the estimate may be off by a fifth: a tight one ends too soon.
        estimate = people - people // 7 if self.story is Story.TIGHT else people
        brief["audience"] = brief["audience"] | {"segment_ref": self.audience, "size_estimate": estimate}
        brief["budget"] = brief["budget"] | {"total": {"micros": estimate * 50_000, "currency": "EUR"}}
        wait = "PT6S" if self.story is Story.LATER else "PT0S"
        brief["timing"] = brief["timing"] | {"launch": {"after": "acceptance", "by": wait}, "send_window": "PT10M"}
        return brief


def _row(chance: random.Random, name: str) -> dict[str, str]:
    return {
        "email": f"p.{name}@{chance.choice(DOMAINS)}",
        "first_name": chance.choice(("Zoe", "Bela", "Kai", "Noor", "Iva", "Ött")),
        "status": chance.choice(("attended", "no_show")),
        "timezone": chance.choice(("Europe/London", "America/New_York", "Asia/Tokyo")),
        "locale": "en",
        "consent": "no" if chance.random() < 0.05 else "yes",
        "consent_source": "webinar registration form",
        "consent_text_version": "2026-03",
        "consented_at": "2026-10-01T08:00:00Z",
        "registered_at": "2026-10-01T08:00:00Z",
    }


@cache
def _example() -> Mapping[str, Any]:
    read: dict[str, Any] = yaml.safe_load(Path(EXAMPLES / "webinar-follow-up" / "brief.yaml").read_text())
    return read
