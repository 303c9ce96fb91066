"""Who takes part in a proof: people with their roles, and an agent that has no say."""

from dataclasses import dataclass
from typing import Literal

TENANT = "demo"


@dataclass(frozen=True, slots=True)
class Person:
    subject: str
    roles: tuple[str, ...]
    kind: Literal["human", "agent"] = "human"


MAYA = Person("maya", ("marketer", "campaign_approver"))
"""Writes every brief; as an approver too, so that a lapse of the rule against one's own work would show."""
ANA = Person("ana", ("campaign_approver",))
BEN = Person("ben", ("campaign_approver",))
LEO = Person("leo", ("marketing_lead",))
SAM = Person("sam", ("operator", "auditor"))
KIM = Person("kim", ("operator",))
BOT = Person("planner-bot", ("campaign_approver",), "agent")
WORLD = Person("world", ("publisher",), "agent")

EVERYBODY = (MAYA, ANA, BEN, LEO, SAM, KIM, BOT, WORLD)
