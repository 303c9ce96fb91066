"""What a halted campaign could still do: each way with exactly the mails that would leave."""

from dataclasses import dataclass

from chassis.postgres import Database
from chassis.tasks import Leased
from executor.effects import AssembleOptions, OptionFound, OptionsAssembled
from executor.preparing.drafts import snapshot_hash
from executor.preparing.preparation import SAVE_SNAPSHOT
from executor.sending.dispatch import Dispatcher

# Of the newest grant's snapshot, who has no intent yet, or one that was never dispatched.
_LEFT = """
WITH newest AS (
    SELECT snapshot_hash, plan_version FROM approval_grant
     WHERE (tenant, campaign_id) = ($1, $2) ORDER BY granted_at DESC, from_wave DESC LIMIT 1
)
SELECT m.recipient_hash, m.recipient_domain, m.position, m.digest
  FROM newest
  JOIN snapshot AS s ON (s.tenant, s.campaign_id, s.snapshot_hash) = ($1, $2, newest.snapshot_hash)
  JOIN mail AS m ON (m.tenant, m.campaign_id, m.plan_version, m.recipient_hash)
                  = ($1, $2, newest.plan_version, s.recipient_hash)
 WHERE m.recipient_domain <> ALL ($3::text[])
   AND NOT EXISTS (
    SELECT 1 FROM effect_intent AS i
     WHERE (i.tenant, i.campaign_id, i.plan_version, i.recipient_hash) = ($1, $2, m.plan_version, m.recipient_hash)
       AND i.state <> 'abandoned' AND NOT (i.state = 'planned' AND i.first_dispatched_at IS NULL))
 ORDER BY m.position
"""
_UNSAID = """
SELECT count(*) FROM effect_intent
 WHERE (tenant, campaign_id) = ($1, $2) AND NOT reported
   AND state IN ('succeeded', 'failed_definite', 'unknown', 'skipped')
"""


class StillInFlight(Exception):
    """Some effects have no answer yet: what is left is not known."""


@dataclass(frozen=True, slots=True)
class Remaining:
    db: Database
    dispatcher: Dispatcher

    async def options(self, leased: Leased) -> OptionsAssembled:
        """What a halted campaign could do, once nothing is in flight. Raises StillInFlight."""
        task: AssembleOptions = leased.body
        key = leased.key
        plan = await self.dispatcher.plan(key, task.plan_version)
        if await self.dispatcher.settling.left_behind(key):
            raise StillInFlight("wait for the last answers")
        async with self.db.pool.acquire() as conn, conn.transaction():
            if await conn.fetchval(_UNSAID, key.tenant, key.campaign):
                raise StillInFlight("wait until the last answers are recorded")
            rows = await conn.fetch(_LEFT, key.tenant, key.campaign, list(task.left_out))
            chosen = {"resume_all": rows}
            if task.trigger_id is not None:
                healthy = [row for row in rows if row["recipient_domain"] not in task.bad_domains]
                chosen = {"resume_without_domain": healthy, **chosen, "stop": []}
                if len(healthy) == len(rows):
                    del chosen["resume_without_domain"]
            found = []
            for name, some in chosen.items():
                snapshot = snapshot_hash((row["recipient_hash"], row["digest"]) for row in some)
                await conn.execute(
                    SAVE_SNAPSHOT, key.tenant, key.campaign, snapshot, [row["position"] for row in some],
                    [row["recipient_hash"] for row in some],
                )  # fmt: skip
                verb = "cancel" if name == "stop" else None
                content = self.dispatcher.sends.content_hash(snapshot, plan, verb)
                without = name == "resume_without_domain"
                found.append(
                    OptionFound(
                        id=name,
                        snapshot_hash=snapshot,
                        content_hash=content,
                        recipients=len(some),
                        without=task.bad_domains if without else (),
                        left_out=len(rows) - len(some) if without else 0,
                    )
                )
        return OptionsAssembled(trigger_id=task.trigger_id, plan_version=task.plan_version, options=tuple(found))
