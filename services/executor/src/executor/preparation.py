"""The work of preparing a send: draft, check, render for everybody who may be written to, and what a halt leaves."""

from dataclasses import dataclass

import asyncpg

from chassis.decision import Key
from chassis.plans import Plans
from chassis.postgres import Conn, Database
from chassis.tasks import Leased
from contracts.executor import CheckResult, Verdict
from contracts.plan import Plan
from executor import checks
from executor.dispatch import Dispatcher
from executor.drafts import (
    Checked,
    CheckMail,
    Draft,
    Drafted,
    DraftMail,
    MailsRendered,
    Rendered,
    RenderMails,
    by_segment,
    snapshot_hash,
)
from executor.effects import AssembleOptions, OptionFound, OptionsAssembled
from executor.writer import Writer, merge

SIZE_TOLERANCE = 0.2

_SAVE_DRAFT = """
INSERT INTO artefact (tenant, campaign_id, plan_version, name, revision, segment, subject, preheader, body_text,
                      body_html, content_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant, campaign_id, plan_version, name, revision) DO NOTHING
"""
_DRAFTS = """
SELECT DISTINCT ON (name) name, segment, subject, preheader, body_text, body_html, content_hash
  FROM artefact WHERE (tenant, campaign_id, plan_version) = ($1, $2, $3) ORDER BY name, revision DESC
"""
_AUDIENCE = "SELECT content_hash FROM audience WHERE (tenant, name) = ($1, $2)"
_MEMBERS = """
SELECT m.position, m.recipient_hash, m.segment, c.domain, c.address, c.first_name, k.state AS consent,
       s.reason AS suppressed
  FROM audience_member AS m
  JOIN contact AS c USING (tenant, recipient_hash)
  LEFT JOIN consent AS k USING (tenant, recipient_hash)
  LEFT JOIN suppression AS s USING (tenant, recipient_hash)
 WHERE (m.tenant, m.audience) = ($1, $2)
 ORDER BY m.position
"""
_SAVE_MAILS = """
INSERT INTO mail (tenant, campaign_id, plan_version, recipient_hash, position, recipient_domain, variant, subject,
                  body_text, body_html, digest)
SELECT $1, $2, $3, * FROM unnest($4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                                 $11::text[])
"""
_SAVE_SNAPSHOT = """
INSERT INTO snapshot (tenant, campaign_id, snapshot_hash, position, recipient_hash)
SELECT $1, $2, $3, * FROM unnest($4::int[], $5::text[])
ON CONFLICT DO NOTHING
"""
# Rendered once per plan version: whoever renders again reads what is there.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))"
_RENDERED = """
SELECT recipient_hash, variant, digest, position FROM mail WHERE (tenant, campaign_id, plan_version) = ($1, $2, $3)
 ORDER BY position
"""
# Of the newest grant's snapshot, who has no intent yet, or one that was never dispatched.
_LEFT = """
WITH newest AS (
    SELECT snapshot_hash, plan_version FROM approval_grant
     WHERE (tenant, campaign_id) = ($1, $2) ORDER BY granted_at DESC LIMIT 1
)
SELECT m.recipient_hash, m.recipient_domain, m.position, m.digest
  FROM newest
  JOIN snapshot AS s ON (s.tenant, s.campaign_id, s.snapshot_hash) = ($1, $2, newest.snapshot_hash)
  JOIN mail AS m ON (m.tenant, m.campaign_id, m.plan_version, m.recipient_hash)
                  = ($1, $2, newest.plan_version, s.recipient_hash)
 WHERE NOT EXISTS (
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


class NoAudience(Exception):
    """The brief names an audience that nobody uploaded."""


class StillInFlight(Exception):
    """Some effects have no answer yet: what is left is not known."""


@dataclass(frozen=True, slots=True)
class Preparation:
    db: Database
    dispatcher: Dispatcher
    writer: Writer
    plans: Plans

    async def draft(self, leased: Leased) -> Drafted:
        task: DraftMail = leased.body
        key = leased.key
        plan = await self.dispatcher.plan(key, task.plan_version)
        draft = self.writer.draft(task.artefact, plan, self.dispatcher.sends.sender, str(key.campaign))
        async with self.db.pool.acquire() as conn:
            await conn.execute(
                _SAVE_DRAFT, key.tenant, key.campaign, task.plan_version, draft.name, task.revision, draft.segment,
                draft.subject, draft.preheader, draft.body_text, draft.body_html, draft.content_hash,
            )  # fmt: skip
        return Drafted(
            artefact=draft.name,
            plan_version=task.plan_version,
            revision=task.revision,
            template=draft.template,
            content_hash=draft.content_hash,
        )

    async def check(self, leased: Leased) -> Checked:
        task: CheckMail = leased.body
        plan = await self.dispatcher.plan(leased.key, task.plan_version)
        async with self.db.pool.acquire() as conn:
            draft = {one.name: one for one in await drafts(conn, leased.key, task.plan_version)}[task.artefact]
        return Checked(
            artefact=task.artefact,
            plan_version=task.plan_version,
            revision=task.revision,
            content_hash=task.content_hash,
            results=checks.run(draft, plan, self.dispatcher.sends.sender),
        )

    async def render(self, leased: Leased) -> MailsRendered:
        """One mail per person with consent who is not suppressed, in order of registration. Raises NoAudience."""
        task: RenderMails = leased.body
        key = leased.key
        plan = await self.dispatcher.plan(key, task.plan_version)
        name = plan.brief.audience.segment_ref
        async with self.db.pool.acquire() as conn, conn.transaction():
            audience_hash = await conn.fetchval(_AUDIENCE, key.tenant, name)
            if audience_hash is None:
                raise NoAudience(f"upload it first: PUT /v1/audiences/{name}")
            members = await conn.fetch(_MEMBERS, key.tenant, name)
            await conn.execute(_ALONE, str(key.campaign), task.plan_version)
            mails = await conn.fetch(_RENDERED, key.tenant, key.campaign, task.plan_version)
            if not mails:
                written = [row for row in members if row["consent"] == "yes" and row["suppressed"] is None]
                await self._render_all(conn, key, task.plan_version, written)
                mails = await conn.fetch(_RENDERED, key.tenant, key.campaign, task.plan_version)
            snapshot = snapshot_hash((row["recipient_hash"], row["digest"]) for row in mails)
            await conn.execute(
                _SAVE_SNAPSHOT, key.tenant, key.campaign, snapshot, [row["position"] for row in mails],
                [row["recipient_hash"] for row in mails],
            )  # fmt: skip
        variants = [row["variant"] for row in mails]
        suppressed = sum(1 for row in members if row["suppressed"] is not None)
        return MailsRendered(
            plan_version=task.plan_version,
            snapshot_hash=snapshot,
            content_hash=self.dispatcher.sends.content_hash(snapshot, plan),
            audience_hash=audience_hash,
            members=len(members),
            recipients=len(mails),
            without_consent=max(0, len(members) - len(mails) - suppressed),
            suppressed=suppressed,
            by_artefact=tuple((name, variants.count(name)) for name in sorted(set(variants))),
            checks=_audience_checks(plan, len(members), len(mails), suppressed),
        )

    async def _render_all(self, conn: Conn, key: Key, plan_version: int, rows: list[asyncpg.Record]) -> None:
        texts = {one.name: one for one in await drafts(conn, key, plan_version)}
        segments = by_segment(list(texts))
        mails = [self._rendered(key, texts[segments[row["segment"]]], row) for row in rows]
        await conn.execute(
            _SAVE_MAILS, key.tenant, key.campaign, plan_version, [row["recipient_hash"] for row in rows],
            [row["position"] for row in rows], [row["domain"] for row in rows],
            [segments[row["segment"]] for row in rows], [one.subject for one in mails], [one.text for one in mails],
            [one.html for one in mails], [one.digest for one in mails],
        )  # fmt: skip

    def _rendered(self, key: Key, draft: Draft, row: asyncpg.Record) -> Rendered:
        url = self.dispatcher.unsubscribe_url(key, row["recipient_hash"], row["domain"])
        values = {"first_name": row["first_name"], "unsubscribe_url": url}
        return Rendered(
            merge(draft.subject, values, escape=False),
            merge(draft.body_text, values, escape=False),
            merge(draft.body_html, values, escape=True),
        )

    async def options(self, leased: Leased) -> OptionsAssembled:
        """What a halted campaign could do, once nothing is in flight. Raises StillInFlight."""
        task: AssembleOptions = leased.body
        key = leased.key
        plan = await self.dispatcher.plan(key, task.plan_version)
        if await self.dispatcher.settle_left_behind(key):
            raise StillInFlight("wait for the last answers")
        async with self.db.pool.acquire() as conn, conn.transaction():
            if await conn.fetchval(_UNSAID, key.tenant, key.campaign):
                raise StillInFlight("wait until the last answers are recorded")
            rows = await conn.fetch(_LEFT, key.tenant, key.campaign)
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
                    _SAVE_SNAPSHOT, key.tenant, key.campaign, snapshot, [row["position"] for row in some],
                    [row["recipient_hash"] for row in some],
                )  # fmt: skip
                verb = "cancel" if name == "stop" else None
                content = self.dispatcher.sends.content_hash(snapshot, plan, verb)
                found.append(OptionFound(id=name, snapshot_hash=snapshot, content_hash=content, recipients=len(some)))
        return OptionsAssembled(trigger_id=task.trigger_id, plan_version=task.plan_version, options=tuple(found))


async def drafts(conn: Conn, key: Key, plan_version: int) -> list[Draft]:
    """The newest revision of each artefact."""
    rows = await conn.fetch(_DRAFTS, key.tenant, key.campaign, plan_version)
    return [
        Draft(
            name=row["name"],
            segment=row["segment"],
            template="",
            subject=row["subject"],
            preheader=row["preheader"],
            body_text=row["body_text"],
            body_html=row["body_html"],
        )
        for row in rows
    ]


def _audience_checks(plan: Plan, members: int, written: int, suppressed: int) -> tuple[CheckResult, ...]:
    estimate = plan.brief.audience.size_estimate
    off = abs(members - estimate) / estimate
    return (
        CheckResult(
            check="audience_segmentation",
            verdict=Verdict.PASS if off <= SIZE_TOLERANCE else Verdict.FAIL,
            evidence=f"{members} contacts, {estimate} estimated: {off:.0%} off, {SIZE_TOLERANCE:.0%} allowed",
        ),
        CheckResult(
            check="consent",
            verdict=Verdict.PASS if written else Verdict.FAIL,
            evidence=f"{written} with consent and not suppressed; {suppressed} suppressed, "
            f"{members - written - suppressed} without consent are left out",
        ),
    )
