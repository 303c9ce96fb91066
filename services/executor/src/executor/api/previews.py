"""The mails that a content hash covers, to the letter: what people look at before they approve."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chassis.doors import page
from chassis.problems import Problem
from chassis.service import Parts
from executor.api.callers import LOOKERS, Callers
from executor.api.views import MailLine, MailShown, PreviewList
from executor.domain.state import Campaign

NO_SCRIPTS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}

_MAIL = """
SELECT m.subject, m.body_text, m.body_html, m.digest, m.variant, m.recipient_hash
  FROM mail AS m
  JOIN snapshot AS s USING (tenant, campaign_id, recipient_hash)
 WHERE (m.tenant, m.campaign_id) = ($1, $2) AND s.snapshot_hash = $3 AND m.plan_version = $4
   AND ($5::text IS NULL OR m.recipient_hash = $5) AND ($6::text IS NULL OR m.variant = $6)
 ORDER BY m.position
 LIMIT 1
"""
_VARIANTS = """
SELECT m.variant, count(*) AS recipients, min(m.subject) AS subject,
       (array_agg(m.recipient_hash ORDER BY m.position))[1:3] AS samples
  FROM mail AS m
  JOIN snapshot AS s USING (tenant, campaign_id, recipient_hash)
 WHERE (m.tenant, m.campaign_id) = ($1, $2) AND s.snapshot_hash = $3 AND m.plan_version = $4
 GROUP BY m.variant ORDER BY m.variant
"""


@dataclass(frozen=True, slots=True)
class Previews:
    parts: Parts
    callers: Callers

    def routes(self) -> list[Route]:
        content = "/v1/campaigns/{campaign_id:uuid}/previews/{content_hash}"
        return [Route(content, self.previews), Route(f"{content}/mail", self.preview)]

    async def previews(self, request: Request) -> Response:
        """Which mails a content hash covers, with a few recipients by hash to look at."""
        who = self.callers.person(request, *LOOKERS)
        key, state = await self.callers.known(request, who)
        snapshot = _snapshot(state, request.path_params["content_hash"])
        async with self.parts.db.pool.acquire() as conn:
            rows = await conn.fetch(_VARIANTS, key.tenant, key.campaign, snapshot, state.plan_version)
        mails = tuple(MailLine(**row) for row in rows)
        return page(PreviewList(snapshot_hash=snapshot, mails=mails))

    async def preview(self, request: Request) -> Response:
        """One mail, to the letter, as `recipient` (a hash) would get it; `format=html` shows it in a browser."""
        who = self.callers.person(request, *LOOKERS)
        key, state = await self.callers.known(request, who)
        snapshot = _snapshot(state, request.path_params["content_hash"])
        query = request.query_params
        async with self.parts.db.pool.acquire() as conn:
            row = await conn.fetchrow(
                _MAIL, key.tenant, key.campaign, snapshot, state.plan_version, query.get("recipient"),
                query.get("artefact"),
            )  # fmt: skip
        if row is None:
            raise Problem(404, "no such mail in this content", field="recipient", fix="see the list of previews")
        if query.get("format") == "html":
            return HTMLResponse(row["body_html"], headers=NO_SCRIPTS)
        return page(MailShown(**row))


def _snapshot(state: Campaign, content: str) -> str:
    for proposal in state.proposals.values():
        if proposal.action.content_hash == content:
            return proposal.snapshot_hash
    raise Problem(404, "no proposal has this content", field="content_hash", fix="take it from the case's option")
