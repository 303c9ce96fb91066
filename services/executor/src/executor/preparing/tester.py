"""Sends a draft to the person who asked for it, at the address that the organisation's directory has for them."""

from dataclasses import dataclass

from chassis.postgres import Database
from chassis.tasks import Leased
from contracts.actions import EffectOutcome
from executor import kill_switch
from executor.people.directory import Directory
from executor.preparing.drafts import Rendered, SendTestMail, SentTest
from executor.preparing.mail import Stamp, compose_test
from executor.preparing.writer import merge
from executor.sending.tools.port import Tool
from policy.sender import Sender

MARK = "[Test] "
NO_WAY_OUT = "/u/test"
"""A link of nobody: whoever follows it, or a scanner that does, unsubscribes no recipient."""

_DRAFT = """
SELECT subject, body_text, body_html, clock_timestamp() AS now
  FROM artefact WHERE (tenant, campaign_id, plan_version, name, revision) = ($1, $2, $3, $4, $5)
"""


class NotTaken(Exception):
    """It did not leave, and may be tried again."""


@dataclass(frozen=True, slots=True)
class Tester:
    db: Database
    tool: Tool
    """SMTP: what it carries is composed here, whatever the campaign's own tool is."""
    sender: Sender
    stamp: Stamp
    directory: Directory
    public_url: str

    async def work(self, leased: Leased) -> SentTest:
        """One try. A lost answer counts as sent: it may have left. Raises NotTaken."""
        task: SendTestMail = leased.body
        key = leased.key
        address = self.directory.get((key.tenant, task.actor))
        async with self.db.pool.acquire() as conn, conn.transaction():
            killed = await kill_switch.engaged(conn, key)
            draft = await conn.fetchrow(_DRAFT, *key, task.plan_version, task.artefact, task.revision)
        if killed or address is None or draft is None:
            return _became(task, False, "killed" if killed else "no_address" if address is None else "no_draft")
        values = {"first_name": "", "unsubscribe_url": f"{self.public_url}{NO_WAY_OUT}"}
        rendered = Rendered(
            MARK + merge(draft["subject"], values, escape=False),
            merge(draft["body_text"], values, escape=False),
            merge(draft["body_html"], values, escape=True),
        )
        mail = compose_test(rendered, leased.id, address, draft["now"], self.sender, self.stamp)
        async with self.tool.connection() as line:
            answer = await line.send(leased.id, address, mail)
        if answer.again:
            raise NotTaken(answer.because)
        return _became(task, answer.outcome is not EffectOutcome.FAILED_DEFINITE, answer.because)


def _became(task: SendTestMail, sent: bool, because: str) -> SentTest:
    return SentTest(**task.model_dump(), sent=sent, because=because)
