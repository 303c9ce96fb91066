"""Where a proof may end the process that sends."""

from enum import StrEnum


class DispatchPoint(StrEnum):
    """Around the guard, the tool's call and its record; around a repeat, and around a look-up and its record."""

    PERMITTED = "dispatch.permitted"
    BEGUN = "dispatch.begun"
    REPEATED = "dispatch.repeated"
    """A repeat is on disk in the journal, and nothing of it has left."""
    ANSWERED = "dispatch.answered"
    LEFT_BEHIND = "dispatch.left_behind"
    """What a dead process left is settled, and not yet committed. It stands after a point that leaves something behind:
    a proof takes them in this order."""
    OUTCOME = "dispatch.outcome"
    RECORDED = "dispatch.recorded"
    LOOKING_UP = "dispatch.looking_up"
    LOOKED_UP = "dispatch.looked_up"
    LOOK_UP_RECORDED = "dispatch.look_up_recorded"
