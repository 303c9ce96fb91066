"""The first run of a send: the grant is held against the content, consumed, and its intents planned, all at once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from chassis.connection import Conn
from chassis.decision import Key
from chassis.records import headers_of
from contracts.codec import Undecodable, Verify, decode
from contracts.escalation import ActionCleared
from contracts.event import Signature
from contracts.framing import named
from contracts.plan import Plan
from executor.effects import Dispatch
from executor.preparing.drafts import Rendered, content_hash, snapshot_hash
from executor.sending.approved import Approved, Verified
from executor.sending.refusal import Refused
from policy.sender import Sender

STEP = "send"

_GRANT = """
SELECT *, clock_timestamp() >= expires_at AS expired, clock_timestamp() < opens_at AS early
  FROM approval_grant WHERE (tenant, grant_id) = ($1, $2) AND campaign_id = $3 AND decision_id = $4
"""
_MAILS = """
SELECT m.recipient_hash, m.subject, m.body_text, m.body_html, m.digest
  FROM snapshot AS s
  JOIN mail AS m USING (tenant, campaign_id, recipient_hash)
 WHERE (s.tenant, s.campaign_id, s.snapshot_hash) = ($1, $2, $3) AND m.plan_version = $4
"""
_DIGESTS = """
SELECT m.recipient_hash, m.digest
  FROM snapshot AS s
  JOIN mail AS m USING (tenant, campaign_id, recipient_hash)
 WHERE (s.tenant, s.campaign_id, s.snapshot_hash) = ($1, $2, $3) AND m.plan_version = $4
"""
_CONSUME = """
UPDATE approval_grant SET consumed_at = clock_timestamp()
 WHERE (tenant, grant_id) = ($1, $2) AND consumed_at IS NULL
RETURNING grant_id
"""
_PLAN = """
INSERT INTO effect_intent (tenant, campaign_id, plan_version, step, recipient_hash, decision_id, effect_id, grant_id,
                           recipient_domain, variant, position, wave, digest, tool, state)
SELECT $1, $2, $4, $5, m.recipient_hash, $6, e.effect_id, $7, m.recipient_domain, m.variant, ranked.position,
       CASE WHEN ranked.rank <= $9 THEN $8 ELSE $8 + 1 + ((ranked.rank - $9 - 1) / $10)::int END, m.digest, $13,
       'planned'
  FROM (SELECT recipient_hash, position, row_number() OVER (ORDER BY position) AS rank
          FROM snapshot WHERE (tenant, campaign_id, snapshot_hash) = ($1, $2, $3)) AS ranked
  JOIN mail AS m ON (m.tenant, m.campaign_id, m.plan_version, m.recipient_hash) = ($1, $2, $4, ranked.recipient_hash)
  JOIN unnest($11::text[], $12::uuid[]) AS e (recipient_hash, effect_id) ON e.recipient_hash = m.recipient_hash
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Begun:
    """A send that has begun: until when it may go on, and the mails it may consist of."""

    window_ends: datetime
    approved: Approved


@dataclass(frozen=True, slots=True)
class Sends:
    """Begins sends: knows who they come from."""

    sender: Sender
    verb: str
    verify: Verify
    """Escalation's key: a grant is believed for its signed bytes, each time, never for its columns."""
    lease_time: timedelta = timedelta(minutes=5)
    """How long a permitted effect is one process's, before another settles it as the journal says."""
    verified: Verified = field(default_factory=Verified)

    def content_hash(self, snapshot: str, plan: Plan, verb: str | None = None) -> str:
        """What an approval of this snapshot binds."""
        return content_hash(
            snapshot,
            from_name=self.sender.from_name,
            from_address=self.sender.from_address,
            reply_to=self.sender.reply_to,
            tool=plan.mail_tool,
            verb=verb or self.verb,
            plan_version=plan.version,
            policy_hash=plan.policy_hash,
        )

    async def begun(self, conn: Conn, key: Key, task: Dispatch, plan: Plan) -> Begun:
        """Make sure that the send has begun under a grant in force. Raises Refused.

        Intents are inserted by the transaction that consumes the grant: the grant cannot be used twice, nor half.
        """
        grant = await conn.fetchrow(_GRANT, key.tenant, task.grant_id, key.campaign, task.decision_id)
        if grant is None:
            raise Refused("grant_unknown")
        if grant["revoked_at"] is not None:
            raise Refused("grant_revoked")
        if grant["expired"]:
            raise Refused("grant_expired")
        if grant["early"]:
            raise Refused("not_yet", retry=True)
        self._signed(grant, key, plan)
        window_ends: datetime = grant["opens_at"] + plan.brief.timing.send_window
        snapshot: str = grant["snapshot_hash"]
        approved = self.verified.get(key, task.grant_id, snapshot)
        if grant["consumed_at"] is None:
            approved = await self._consume(conn, key, task, plan, grant)
        elif approved is None:
            rows = await conn.fetch(_DIGESTS, *key, snapshot, task.plan_version)
            approved = _whole(snapshot, [(row["recipient_hash"], row["digest"]) for row in rows])
        self.verified.keep(key, task.grant_id, snapshot, approved)
        return Begun(window_ends, approved)

    async def _consume(self, conn: Conn, key: Key, task: Dispatch, plan: Plan, grant: asyncpg.Record) -> Approved:
        """Hold every mail's text against the grant, use the grant up, and plan one intent per mail."""
        snapshot: str = grant["snapshot_hash"]
        pairs: list[tuple[str, str]] = []
        async for row in conn.cursor(_MAILS, *key, snapshot, task.plan_version, prefetch=500):
            text = Rendered(row["subject"], row["body_text"], row["body_html"])
            pairs.append((row["recipient_hash"], text.digest))
        approved = _whole(snapshot, pairs)
        if await conn.fetchval(_CONSUME, key.tenant, task.grant_id) is None:
            raise Refused("grant_used")
        recipients = [recipient for recipient, _ in pairs]
        effects = [
            named(key.tenant, str(key.campaign), str(task.plan_version), STEP, recipient) for recipient in recipients
        ]
        await conn.execute(
            _PLAN, *key, snapshot, task.plan_version, STEP, task.decision_id, task.grant_id, grant["from_wave"],
            grant["first_wave"], grant["next_waves"], recipients, effects, plan.mail_tool,
        )  # fmt: skip
        return approved

    def _signed(self, grant: asyncpg.Record, key: Key, plan: Plan) -> None:
        """Hold the row against the signed bytes, and those against what would be sent. Raises Refused."""
        try:
            fact = decode(ActionCleared.topic, headers_of(grant["headers"]), grant["value"], verify=self.verify)
        except Undecodable:
            raise Refused("grant_unreadable") from None
        said = fact.event
        if fact.meta.signature is not Signature.VALID or not isinstance(said, ActionCleared):
            raise Refused("grant_unsigned")
        row = (grant["grant_id"], grant["decision_id"], grant["granted_at"], grant["expires_at"])
        if (said.grant_id, said.decision_id, said.granted_at, said.expires_at) != row or fact.meta.tenant != key.tenant:
            raise Refused("grant_changed")
        if (fact.meta.campaign_id, said.plan_version, said.policy_hash) != (
            key.campaign,
            plan.version,
            plan.policy_hash,
        ):
            raise Refused("grant_of_another_plan")
        if (said.action.tool, said.action.verb) != (plan.mail_tool, self.verb):
            raise Refused("grant_of_another_action")
        if not said.content_hash == grant["content_hash"] == self.content_hash(grant["snapshot_hash"], plan):
            raise Refused("content_changed")


def _whole(snapshot: str, pairs: list[tuple[str, str]]) -> Approved:
    """The pairs that together are the snapshot. Raises Refused."""
    if snapshot_hash(pairs) != snapshot:
        raise Refused("content_changed")
    return Approved.of(pairs)
