"""What people ask of briefing."""

from chassis.decision import Command
from contracts.brief import BriefDraft


class SubmitBrief(Command):
    brief: BriefDraft


class ConfirmAuthorship(Command):
    """A person vouches for offer, message hierarchy and business case of a brief that came from another system."""
