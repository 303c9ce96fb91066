"""Who can be asked: `people.yaml` as types, and the chain along which a question goes. Pure but for reading the file.

Subjects are pseudonyms, as the token names them. Addresses of channels stay with whoever gives notices: no door and no
event shows them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, model_validator

from contracts.escalation import Need
from contracts.event import Name, Subject, Tenant


class ChannelKind(StrEnum):
    INBOX = "inbox"
    MAIL = "mail"
    SLACK = "slack"


class PersonKind(StrEnum):
    HUMAN = "human"
    AGENT = "agent"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Away(_Entry):
    """Absent from `since` until just before `until`."""

    since: AwareDatetime
    until: AwareDatetime


class Person(_Entry):
    subject: Subject
    roles: tuple[Name, ...]
    kind: PersonKind = PersonKind.HUMAN
    """Agents have tokens, and are never asked."""
    mail: SecretStr | None = None
    slack: SecretStr | None = None
    on_call: bool = False
    absent: bool | tuple[Away, ...] = False
    tenant: Tenant | None = None
    """None where the directory is of one tenant only."""

    @property
    def channels(self) -> tuple[ChannelKind, ...]:
        """How this person can be told, with no address; everybody has an inbox."""
        known = {ChannelKind.INBOX: True, ChannelKind.MAIL: self.mail, ChannelKind.SLACK: self.slack}
        return tuple(kind for kind, there in known.items() if there)

    @property
    def is_human(self) -> bool:
        return self.kind is PersonKind.HUMAN

    def is_away(self, now: datetime) -> bool:
        if isinstance(self.absent, bool):
            return self.absent
        return any(away.since <= now < away.until for away in self.absent)

    def back_at(self, now: datetime) -> datetime | None:
        """When the present absence ends; None where there is none, or nobody knows."""
        if isinstance(self.absent, bool):
            return None
        return max((away.until for away in self.absent if away.since <= now < away.until), default=None)


class Standing(StrEnum):
    """Where a person stands to a question."""

    TOLD = "told"
    """Was asked before."""
    NEXT = "next"
    """Is asked now."""
    IN_RESERVE = "in_reserve"
    BUSY = "busy"
    ABSENT = "absent"
    AUTHOR = "author"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A holder of the role that is needed, or of its backup; `requests` are the questions of this hour."""

    subject: str
    role: str
    standing: Standing
    requests: int


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what is known of those who could answer."""

    need: Need
    author: str
    now: datetime
    requests: Mapping[str, int]
    """Questions to each person in the present hour."""
    per_hour: int
    urgent: bool = False
    """Nobody is too busy for it."""
    told: frozenset[str] = frozenset()
    """Were asked before and have not looked: the next ones are asked."""


class Directory(_Entry):
    """Who can be asked."""

    people: tuple[Person, ...] = ()

    @model_validator(mode="after")
    def _unambiguous(self) -> "Directory":
        subjects = [person.subject for person in self.people]
        if twice := sorted({one for one in subjects if subjects.count(one) > 1}):
            raise ValueError(f"{', '.join(twice)}: more than once")
        without = [person.subject for person in self.people if person.tenant is None]
        if without and len(without) < len(self.people):  # a missing word must not make anybody one of every tenant
            raise ValueError(f"{', '.join(without)} without a tenant: give everybody one, or nobody")
        return self

    def of(self, tenant: Tenant) -> "Directory":
        """Those who may be asked about the tenant's campaigns."""
        return Directory(people=tuple(person for person in self.people if person.tenant in (None, tenant)))

    def holders(self, role: str) -> tuple[Person, ...]:
        """The people with `role`, in the order of the file; those on call first."""
        found = [person for person in self.people if role in person.roles and person.is_human]
        return tuple(sorted(found, key=lambda person: not person.on_call))

    def ask(self, question: Question) -> tuple[Candidate, ...]:
        """Everybody of the role and its backup, in the order of asking, and where they stand.

        Next is the first group with somebody to ask: of the role those on call, then the others, then the same of the
        backup; more groups until there are as many as are needed. Where too few are left because people are busy, they
        are asked all the same: nothing is denied because people are tired.
        """
        groups = _groups(self, question.need)
        asked = _chosen(groups, question, skip_busy=not question.urgent)
        if len(asked) < question.need.count and not question.urgent:
            asked = _chosen(groups, question, skip_busy=False)
        return tuple(
            Candidate(person.subject, role, _standing(person, question, asked), _requests(person, question))
            for role, group in groups
            for person in group
        )


_Groups: TypeAlias = list[tuple[str, list[Person]]]


def load_directory(path: Path) -> Directory:
    """Reads `people.yaml`. Raises ValidationError that names the entry."""
    return Directory.model_validate(yaml.safe_load(path.read_text()))


def _groups(directory: Directory, need: Need) -> _Groups:
    """The chain: each person once, where they come first."""
    groups: _Groups = []
    seen: set[str] = set()
    for role in dict.fromkeys((need.role, need.backup_role)):
        holders = [person for person in directory.holders(role) if person.subject not in seen]
        seen.update(person.subject for person in holders)
        for on_call in (True, False):
            groups.append((role, [person for person in holders if person.on_call is on_call]))
    return groups


def _chosen(groups: _Groups, question: Question, *, skip_busy: bool) -> frozenset[str]:
    found: list[str] = []
    for _, group in groups:
        if len(found) >= question.need.count:
            break
        found += [
            person.subject for person in group if _can(person, question) and not (skip_busy and _busy(person, question))
        ]
    return frozenset(found)


def _can(person: Person, question: Question) -> bool:
    known = question.told | {question.author}
    return person.subject not in known and not person.is_away(question.now)


def _busy(person: Person, question: Question) -> bool:
    return _requests(person, question) >= question.per_hour


def _requests(person: Person, question: Question) -> int:
    return question.requests.get(person.subject, 0)


def _standing(person: Person, question: Question, asked: Iterable[str]) -> Standing:
    if person.subject in question.told:
        return Standing.TOLD
    if person.subject in asked:
        return Standing.NEXT
    if person.subject == question.author:
        return Standing.AUTHOR
    if person.is_away(question.now):
        return Standing.ABSENT
    return Standing.BUSY if _busy(person, question) else Standing.IN_RESERVE
