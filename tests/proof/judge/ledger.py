"""The world's ledger as a table of effects, whichever tool made them."""

import json
from collections.abc import Iterator, Mapping
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
        tool=line["tool"],
        number=line["number"],
        at=datetime.fromisoformat(line["at"]),
        tenant=line["tenant"],
        campaign_id=UUID(line["campaign_id"]),
        target=line["recipient"],
        effect_id=UUID(line["effect_id"]) if line["effect_id"] else None,
        recipient_hash=line["recipient_hash"] or None,
        digest=line["digest"],
        authentic=line["dkim"] is not False and line["one_click"],  # what came over an API is signed by the tool
    )


def effects(file: Path) -> Iterator[Effect]:
    with file.open() as lines:
        for text in lines:
            yield _mail(json.loads(text))


async def load(judge: asyncpg.Connection, file: Path) -> int:
    rows = [astuple(effect) for effect in effects(file)]
    await judge.copy_records_to_table("ledger", schema_name="judge", records=rows)
    return len(rows)
