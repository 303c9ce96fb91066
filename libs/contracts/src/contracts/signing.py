"""Whose word a signature is: a key speaks for one service, and a service for its own topics only."""

from contracts.catalogue import OWNERS


def source_of(service: str) -> str:
    """The CloudEvents source of what a service says."""
    return f"/services/{service}"


def speaks_for(key_id: str, service: str) -> bool:
    """Keys are called as their service: `audit`, or `audit-<anything>`, so that a new one may follow an old one."""
    return key_id == service or key_id.startswith(f"{service}-")


def may_sign(key_id: str, topic: str, source: str) -> bool:
    """Whether a record of `topic` that says it is from `source` may be signed with this key."""
    owner = OWNERS[topic]
    return speaks_for(key_id, owner) and source == source_of(owner)
