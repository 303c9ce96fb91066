"""Pages of the doors beside the card: what was decided, and who can be asked."""

from datetime import datetime
from uuid import UUID

from contracts.decision import Action, Stage
from contracts.event import CampaignId, Count, Name, Sha256, Subject, Value
from escalation.card import Card, VoteCast, votes_of
from escalation.domain.state import Case, Escalation
from policy.directory import Candidate, ChannelKind, Directory, Person, Standing


class Cards(Value):
    cases: tuple[Card, ...]


class Decided(Value):
    """A ruling as it can be read back: what, why, who, when, under which versions."""

    decision_id: UUID
    campaign_id: CampaignId
    outcome: Name
    because: Name
    at: datetime
    plan_version: int
    plan_hash: Sha256
    policy_hash: Sha256
    content_hash: Sha256
    action: Action
    grant_id: UUID | None
    revoked: bool
    stages: tuple[Stage, ...]
    votes: tuple[VoteCast, ...]


class PersonShown(Value):
    """A person of the directory: channels by kind, no address."""

    subject: Subject
    roles: tuple[Name, ...]
    channels: tuple[ChannelKind, ...]
    on_call: bool
    absent: bool
    back_at: datetime | None
    """When an absence ends, where that is known."""
    requests_this_hour: Count


class RoleShown(Value):
    """Who holds a role, in the order of asking."""

    role: Name
    holders: tuple[Subject, ...]
    absent: tuple[Subject, ...]


class DirectoryShown(Value):
    people: tuple[PersonShown, ...]
    roles: tuple[RoleShown, ...]


class CandidateShown(Value):
    subject: Subject
    role: Name
    standing: Standing
    requests_this_hour: Count


class CandidatesShown(Value):
    """Who can answer a case now, along the chain from its role to the backup."""

    case_id: UUID
    role: Name
    backup_role: Name
    count: int
    candidates: tuple[CandidateShown, ...]


def decided(campaign: CampaignId, state: Escalation, decision_id: UUID) -> Decided:
    ruled, proposal = state.rulings[decision_id], state.proposals[decision_id]
    votes = [vote for case in state.cases.values() for vote in votes_of(case) if vote.decision_id == decision_id]
    return Decided(
        decision_id=decision_id,
        campaign_id=campaign,
        outcome=ruled.outcome,
        because=ruled.because,
        at=ruled.at,
        plan_version=proposal.plan_version,
        plan_hash=proposal.plan_hash,
        policy_hash=proposal.policy_hash,
        content_hash=proposal.action.content_hash,
        action=proposal.action,
        grant_id=ruled.grant_id,
        revoked=ruled.revoked,
        stages=ruled.stages,
        votes=tuple(votes),
    )


def directory(people: Directory, requests: dict[str, int], now: datetime) -> DirectoryShown:
    roles = sorted({role for person in people.people for role in person.roles})
    return DirectoryShown(
        people=tuple(_person(person, requests.get(person.subject, 0), now) for person in people.people),
        roles=tuple(_role(people, role, now) for role in roles),
    )


def candidates(case: Case, found: tuple[Candidate, ...]) -> CandidatesShown:
    return CandidatesShown(
        case_id=case.case_id,
        role=case.needs.role,
        backup_role=case.needs.backup_role,
        count=case.needs.count,
        candidates=tuple(
            CandidateShown(
                subject=one.subject,
                role=one.role,
                standing=one.standing,
                requests_this_hour=one.requests,
            )
            for one in found
        ),
    )


def _person(person: Person, requests: int, now: datetime) -> PersonShown:
    return PersonShown(
        subject=person.subject,
        roles=person.roles,
        channels=person.channels,
        on_call=person.on_call,
        absent=person.is_away(now),
        back_at=person.back_at(now),
        requests_this_hour=requests,
    )


def _role(people: Directory, role: str, now: datetime) -> RoleShown:
    holders = people.holders(role)
    return RoleShown(
        role=role,
        holders=tuple(person.subject for person in holders),
        absent=tuple(person.subject for person in holders if person.is_away(now)),
    )
