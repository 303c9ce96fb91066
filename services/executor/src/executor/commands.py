"""What people ask of the executor."""

from typing import ClassVar

from chassis.decision import Command
from contracts.event import Count, Domain, Name, RecipientHash, Sha256, Text
from contracts.executor import KillScope, SuppressionReason


class ImportAudience(Command):
    """Said after the rows were written in the same transaction's campaign lock: the fold only records it."""

    audience: Name
    contacts: Count
    with_consent: Count
    content_hash: Sha256


class PauseCampaign(Command):
    reduces_risk: ClassVar[bool] = True
    reason: Text


class CancelCampaign(Command):
    reduces_risk: ClassVar[bool] = True
    reason: Text


class ResumeCampaign(Command):
    """Only makes a proposal: escalation rules on it."""

    reason: Text


class WaiveItem(Command):
    item: Name
    reason: Text


class SendTest(Command):
    """The draft of `artefact` to whoever asks, at their own address."""

    artefact: Name


class Unsubscribe(Command):
    reduces_risk: ClassVar[bool] = True
    recipient_hash: RecipientHash
    recipient_domain: Domain
    reason: SuppressionReason


class EngageKillSwitch(Command):
    reduces_risk: ClassVar[bool] = True
    scope: KillScope
    reason: Text


class ReleaseKillSwitch(Command):
    """Takes two people: the first one asks, another one does it."""

    scope: KillScope
    reason: Text
