"""The world's ledgers as one table of effects; each kind of tool says here how its lines are read."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect outside, in the order of `judge.ledger`."""

    tool: str
    number: int
    at: datetime
    tenant: str
    campaign_id: UUID
    target: str
    effect_id: UUID | None
    recipient_hash: str | None
    digest: str
    authentic: bool


def _mail(line: Mapping[str, Any]) -> Effect:
    return Effect(
        tool="smtp",
        number=line["number"],
        at=datetime.fromisoformat(line["at"]),
        tenant=line["tenant"],
        campaign_id=UUID(line["campaign_id"]),
        target=line["recipient"],
        effect_id=UUID(line["effect_id"]) if line["effect_id"] else None,
        recipient_hash=line["recipient_hash"] or None,
        digest=line["digest"],
        authentic=line["dkim"] and line["one_click"],
    )


READ: Mapping[str, Callable[[Mapping[str, Any]], Effect]] = {"smtp": _mail}
"""By the `tool` of a line; one without is a mail."""


def effects(file: Path) -> Iterator[Effect]:
    with file.open() as lines:
        for text in lines:
            line = json.loads(text)
            yield READ[line.get("tool", "smtp")](line)


async def load(judge: asyncpg.Connection, file: Path) -> int:
    rows = [astuple(effect) for effect in effects(file)]
    await judge.copy_records_to_table("ledger", schema_name="judge", records=rows)
    return len(rows)
