"""A draft sent to whoever asks for it: no effect of the campaign, and so no proposal and no grant. Pure."""

from datetime import datetime, timedelta

from chassis.decision import Decision, Task
from contracts.executor import MailTested
from executor.commands import SendTest
from executor.domain.flow import Here, Ruling
from executor.domain.state import Campaign, Reason
from executor.effects import CountTest
from executor.preparing.drafts import SendTestMail, SentTest

LIMIT = 10
PER = timedelta(hours=1)
"""Test mails that one person may ask for, over all campaigns."""


def asked(here: Here, state: Campaign, command: SendTest, now: datetime) -> Ruling:
    artefact = state.artefacts.get(command.artefact)
    recent = tuple(one for one in here.shared.tests if now - one < PER)
    if not state.running:
        return Decision(Reason.NOT_RUNNING, state)
    if artefact is None or not artefact.content_hash:
        return Decision(Reason.NOT_DRAFTED, state)
    if here.shared.killed:
        return Decision(Reason.KILLED, state)
    if len(recent) >= LIMIT:
        return Decision(Reason.TOO_MANY_TESTS, state)
    actor = command.actor.subject
    task = SendTestMail(
        artefact=artefact.name,
        plan_version=state.plan_version,
        revision=artefact.revision,
        content_hash=artefact.content_hash,
        actor=actor,
    )
    return Decision(Reason.TEST_ASKED, state, (), (Task(task),), here.shared.asking(CountTest(actor, (*recent, now))))


def sent(state: Campaign, test: SentTest) -> Ruling:
    return Decision(Reason.TESTED, state, (MailTested.model_validate(test.model_dump()),))


def failed(state: Campaign, task: SendTestMail) -> Ruling:
    """It was tried as often as it may be, and never left."""
    return sent(state, SentTest(**task.model_dump(), sent=False, because="failed"))
