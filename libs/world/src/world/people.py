"""How recipients behave: chance from the seed and the person alone, so that a run can be repeated."""

import random
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

SOFT_BOUNCES = 0.008
DEFERRED = 0.03
MACHINE_OPENS = 0.5
OPENS = 0.42
CLICKS_OF_OPENS = 0.36
DEMOS_OF_CLICKS = 0.5
UNSUBSCRIBES = 0.008
COMPLAINTS = 0.0002


class Does(StrEnum):
    """What becomes of a mail, and what its recipient does with it."""

    BOUNCES = "bounces"
    BLOCKS = "blocks"
    DEFERS = "defers"
    RECEIVES = "receives"
    OPENS_BY_MACHINE = "opens_by_machine"
    OPENS = "opens"
    CLICKS = "clicks"
    BOOKS_DEMO = "books_demo"
    COMPLAINS = "complains"
    UNSUBSCRIBES = "unsubscribes"


@dataclass(frozen=True, slots=True)
class Reaction:
    after_seconds: float
    does: Does


def reactions(seed: int, address: str, dead_domains: Set[str], *, authentic: bool = True) -> tuple[Reaction, ...]:
    """What the person at `address` does about a mail, in order of time; a mail whose signature fails is blocked."""
    chance = random.Random(f"{seed}|{address.strip().lower()}")
    if address.rpartition("@")[2].lower() in dead_domains:
        return (Reaction(chance.uniform(0.3, 1.2), Does.BOUNCES),)
    if not authentic or chance.random() < SOFT_BOUNCES:
        return (Reaction(chance.uniform(0.2, 0.8), Does.BLOCKS),)
    out: list[Reaction] = []
    arrival = chance.uniform(0.2, 0.9)
    if chance.random() < DEFERRED:
        out.append(Reaction(arrival, Does.DEFERS))
        arrival += chance.uniform(0.3, 0.8)
    out.append(Reaction(arrival, Does.RECEIVES))
    if chance.random() < MACHINE_OPENS:
        out.append(Reaction(arrival + chance.uniform(0.05, 0.3), Does.OPENS_BY_MACHINE))
    out += _reads(chance, arrival)
    if chance.random() < UNSUBSCRIBES:
        out.append(Reaction(arrival + chance.uniform(0.8, 1.6), Does.UNSUBSCRIBES))
    if chance.random() < COMPLAINTS:
        out.append(Reaction(arrival + chance.uniform(0.8, 1.6), Does.COMPLAINS))
    return tuple(sorted(out, key=lambda one: one.after_seconds))


def _reads(chance: random.Random, arrival: float) -> list[Reaction]:
    at = arrival + chance.uniform(0.3, 1.1)
    if chance.random() >= OPENS:
        return []
    out = [Reaction(at, Does.OPENS)]
    if chance.random() < CLICKS_OF_OPENS:
        at += chance.uniform(0.2, 0.7)
        out.append(Reaction(at, Does.CLICKS))
        if chance.random() < DEMOS_OF_CLICKS:
            out.append(Reaction(at + chance.uniform(0.2, 0.8), Does.BOOKS_DEMO))
    return out
