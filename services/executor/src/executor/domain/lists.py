"""Lists of contacts come and change: what was proposed rests on the one it was rendered from. Pure."""

from dataclasses import replace

from chassis.decision import Decision, Task
from contracts.executor import AudienceImported
from executor.commands import ImportAudience
from executor.domain.checklist import SIZE, blocking, checklist
from executor.domain.flow import Here, Ruling, plan_of
from executor.domain.state import Campaign, Reason
from executor.preparing.drafts import ListCame, RenderMails


def imported(here: Here, command: ImportAudience) -> Ruling:
    """Said by the tenant's own row; each campaign that may wait for the list looks for itself."""
    event = AudienceImported(
        audience=command.audience,
        contacts=command.contacts,
        with_consent=command.with_consent,
        content_hash=command.content_hash,
        actor=command.actor.subject,
    )
    came = ListCame(audience=command.audience, content_hash=command.content_hash)
    tasks = tuple(Task(came, campaign=campaign) for campaign in here.shared.waiting)
    return Decision(Reason.AUDIENCE_IMPORTED, here.state, (event,), tasks)


def came(here: Here, state: Campaign, fresh: ListCame) -> Ruling:
    """What the checklist holds up is rendered again; nothing that was planned or proposed ever is."""
    if not state.running or state.proposals or state.renderings == 0:
        return Decision(Reason.NOTED, state)
    if _under_way(state):
        return Decision(Reason.NOTED, replace(state, list_came=True))
    known = state.audience
    hashes = {one.audience: one.content_hash for one in known.exclusions} if known else {}
    same = known is not None and fresh.content_hash == hashes.get(fresh.audience, known.audience_hash)
    if same or not held_up(here, state):
        return Decision(Reason.NOTED, state)
    return again(state)


def held_up(here: Here, state: Campaign) -> bool:
    return bool(blocking(checklist(plan_of(here, state), state)))


def again(state: Campaign) -> Ruling:
    """Nobody has judged the new list: what was waived of the old one is not."""
    state, task = rendering(
        replace(
            state,
            audience=None,
            steps={**state.steps, RenderMails.kind: "open"},
            failures=tuple(one for one in state.failures if one.kind != RenderMails.kind),
            waived={item: by for item, by in state.waived.items() if item != SIZE},
        )
    )
    return Decision(Reason.LIST_CHANGED, state, (), (task,))


def rendering(state: Campaign) -> tuple[Campaign, Task]:
    """Ask for it: from here on a list that comes may be too late for it."""
    nth = state.renderings + 1
    task = Task(RenderMails(plan_version=state.plan_version, nth=nth))
    return replace(state, renderings=nth, list_came=False), task


def _under_way(state: Campaign) -> bool:
    return state.audience is None and not any(one.kind == RenderMails.kind for one in state.failures)
