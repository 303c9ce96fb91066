"""The kill switch: one person engages it at once, two people release it. Pure."""

from dataclasses import replace

from chassis.decision import Decision
from contracts.executor import KillSwitchChanged
from executor.commands import EngageKillSwitch, ReleaseKillSwitch
from executor.domain.flow import Here, Ruling
from executor.domain.state import Reason
from executor.effects import SetSwitch, Switch


def engaged(here: Here, command: EngageKillSwitch) -> Ruling:
    """At once; a release that somebody had asked for does not count any more."""
    known = here.shared.switch
    if known is not None and known.engaged and known.release_by is None:
        return Decision(Reason.ENGAGED_ALREADY, here.state)
    return _changed(here, command, Switch(True, command.actor.subject, command.reason), Reason.KILL_SWITCH_ENGAGED)


def released(here: Here, command: ReleaseKillSwitch) -> Ruling:
    known, actor = here.shared.switch, command.actor.subject
    if known is None or not known.engaged:
        return Decision(Reason.NOT_ENGAGED, here.state)
    if known.release_by is None or known.release_by == actor:
        asked = replace(known, release_by=actor)
        shared = replace(here.shared, switch=asked).asking(SetSwitch(command.scope, asked))
        return Decision(Reason.RELEASE_ASKED, here.state, shared=shared)
    return _changed(here, command, Switch(False, actor, command.reason), Reason.KILL_SWITCH_RELEASED)


def _changed(here: Here, command: EngageKillSwitch | ReleaseKillSwitch, switch: Switch, reason: Reason) -> Ruling:
    event = KillSwitchChanged(
        scope=command.scope, engaged=switch.engaged, actor=switch.changed_by, reason=switch.reason
    )
    shared = replace(here.shared, switch=switch).asking(SetSwitch(command.scope, switch))
    return Decision(reason, here.state, (event,), shared=shared)
