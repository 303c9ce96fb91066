"""The work of preparing a send: draft, check, render for everybody who may be written to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from chassis.connection import Conn
from chassis.decision import Key
from chassis.plans import Plans
from chassis.postgres import Database
from chassis.tasks import Leased
from contracts.executor import CheckResult, Verdict
from contracts.plan import Plan
from executor.preparing import checks
from executor.preparing.drafts import (
    Checked,
    CheckMail,
    Draft,
    Drafted,
    DraftMail,
    Exclusion,
    MailsRendered,
    Rendered,
    RenderMails,
    by_segment,
    snapshot_hash,
)
from executor.preparing.writer import Writer, merge
from executor.sending.dispatch import Dispatcher

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
# Held until the mails are rendered: a list that is replaced meanwhile waits.
_LISTS = """
SELECT name, content_hash FROM audience WHERE tenant = $1 AND name = ANY($2::text[]) ORDER BY name FOR SHARE
"""
_MEMBERS = """
SELECT m.position, m.recipient_hash, m.segment, c.domain, c.address, c.first_name, k.state AS consent,
       s.reason AS suppressed,
       ARRAY(SELECT x.audience FROM audience_member AS x
              WHERE (x.tenant, x.recipient_hash) = (m.tenant, m.recipient_hash) AND x.audience = ANY($3::text[])
              ORDER BY array_position($3::text[], x.audience)) AS excluded
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
SAVE_SNAPSHOT = """
INSERT INTO snapshot (tenant, campaign_id, snapshot_hash, position, recipient_hash)
SELECT $1, $2, $3, * FROM unnest($4::int[], $5::text[])
ON CONFLICT DO NOTHING
"""
# Rendered once per asking: whoever does it again, however late, reads what came of it and changes no mail.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))"
_DONE = """
SELECT result::text FROM rendering WHERE (tenant, campaign_id, plan_version) = ($1, $2, $3) AND nth >= $4
"""
_KEEP = """
INSERT INTO rendering (tenant, campaign_id, plan_version, nth, result) VALUES ($1, $2, $3, $4, $5::jsonb)
ON CONFLICT (tenant, campaign_id, plan_version) DO UPDATE SET nth = excluded.nth, result = excluded.result
"""
_FORGET_MAILS = "DELETE FROM mail WHERE (tenant, campaign_id, plan_version) = ($1, $2, $3)"


class NoAudience(Exception):
    """The brief names audiences that nobody uploaded."""


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
        """One mail per person with consent who is neither excluded nor suppressed, in order of registration.

        Raises NoAudience, and NoSuchTool before anybody is asked for an approval that could not be acted on.
        """
        task: RenderMails = leased.body
        key = leased.key
        plan = await self.dispatcher.plan(key, task.plan_version)
        self.dispatcher.tool(plan)
        name, exclusions = plan.brief.audience.segment_ref, list(dict.fromkeys(plan.brief.audience.exclusions))
        version = (key.tenant, key.campaign, task.plan_version)
        async with self.db.pool.acquire() as conn, conn.transaction():
            await conn.execute(_ALONE, str(key.campaign), task.plan_version)
            if done := await conn.fetchval(_DONE, *version, task.nth):
                return MailsRendered.model_validate_json(done)
            rows = await conn.fetch(_LISTS, key.tenant, [name, *exclusions])
            lists = {row["name"]: row["content_hash"] for row in rows}
            if missing := [one for one in (name, *exclusions) if one not in lists]:
                raise NoAudience("; ".join(f"upload it first: PUT /v1/audiences/{one}" for one in missing))
            members = await conn.fetch(_MEMBERS, key.tenant, name, exclusions)
            written = [row for row in members if _fate(row) == ""]
            await conn.execute(_FORGET_MAILS, *version)
            digests = await self._render_all(conn, key, task.plan_version, written)
            recipients = [row["recipient_hash"] for row in written]
            snapshot = snapshot_hash(zip(recipients, digests, strict=True))
            await conn.execute(
                SAVE_SNAPSHOT, key.tenant, key.campaign, snapshot, [row["position"] for row in written], recipients
            )
            result = self._result(plan, lists, members, snapshot)
            await conn.execute(_KEEP, *version, task.nth, result.model_dump_json())
        return result

    def _result(
        self, plan: Plan, lists: Mapping[str, str], members: list[asyncpg.Record], snapshot: str
    ) -> MailsRendered:
        audience = plan.brief.audience
        fates = [_fate(row) for row in members]
        left_out = [row["excluded"][0] for row in members if row["excluded"]]
        exclusions = tuple(
            Exclusion(audience=one, content_hash=lists[one], left_out=left_out.count(one))
            for one in dict.fromkeys(audience.exclusions)
        )
        return MailsRendered(
            plan_version=plan.version,
            snapshot_hash=snapshot,
            content_hash=self.dispatcher.sends.content_hash(snapshot, plan),
            audience_hash=lists[audience.segment_ref],
            members=len(members),
            recipients=fates.count(""),
            without_consent=fates.count("without_consent"),
            suppressed=fates.count("suppressed"),
            exclusions=exclusions,
            checks=_audience_checks(plan, fates, exclusions),
        )

    async def _render_all(self, conn: Conn, key: Key, plan_version: int, rows: list[asyncpg.Record]) -> list[str]:
        """The digest of each mail."""
        texts = {one.name: one for one in await drafts(conn, key, plan_version)}
        segments = by_segment(list(texts))
        mails = [self._rendered(key, texts[segments[row["segment"]]], row) for row in rows]
        digests = [one.digest for one in mails]
        await conn.execute(
            _SAVE_MAILS, key.tenant, key.campaign, plan_version, [row["recipient_hash"] for row in rows],
            [row["position"] for row in rows], [row["domain"] for row in rows],
            [segments[row["segment"]] for row in rows], [one.subject for one in mails], [one.text for one in mails],
            [one.html for one in mails], digests,
        )  # fmt: skip
        return digests

    def _rendered(self, key: Key, draft: Draft, row: asyncpg.Record) -> Rendered:
        url = self.dispatcher.unsubscribe_url(key, row["recipient_hash"], row["domain"])
        values = {"first_name": row["first_name"], "unsubscribe_url": url}
        return Rendered(
            merge(draft.subject, values, escape=False),
            merge(draft.body_text, values, escape=False),
            merge(draft.body_html, values, escape=True),
        )


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


def _fate(row: asyncpg.Record) -> str:
    """Why a member gets no mail, by the first reason that holds; empty for who gets one."""
    if row["excluded"]:
        return "excluded"
    if row["suppressed"] is not None:
        return "suppressed"
    return "" if row["consent"] == "yes" else "without_consent"


def _audience_checks(plan: Plan, fates: Sequence[str], exclusions: tuple[Exclusion, ...]) -> tuple[CheckResult, ...]:
    audience, members, written = plan.brief.audience, len(fates), fates.count("")
    off = abs(members - audience.size_estimate) / audience.size_estimate
    told = "; ".join(f"{one.audience}: {one.left_out} left out" for one in exclusions)
    mend = f"; upload a mended list: PUT /v1/audiences/{audience.segment_ref} prepares the campaign again"
    sized, consented = off <= SIZE_TOLERANCE, written > 0
    return (
        CheckResult(
            check="audience_segmentation",
            verdict=Verdict.PASS if sized else Verdict.FAIL,
            evidence=f"{members} contacts, {audience.size_estimate} estimated: {off:.0%} off, {SIZE_TOLERANCE:.0%} "
            f"allowed{'' if sized else mend}",
        ),
        CheckResult(check="exclusions", verdict=Verdict.PASS, evidence=told or "the brief leaves out nobody"),
        CheckResult(
            check="consent",
            verdict=Verdict.PASS if consented else Verdict.FAIL,
            evidence=f"basis {audience.consent_basis}: {written} with consent and not suppressed; "
            f"{fates.count('suppressed')} suppressed and {fates.count('without_consent')} without consent get none"
            f"{'' if consented else mend}",
        ),
    )
