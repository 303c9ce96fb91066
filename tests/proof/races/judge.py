"""What must hold whatever was raced against what: queries that return no row, and a violation planted for each.

The judge has a database of its own. It knows what left from the mail server, what was said from both logs, and after
each step whether the executor had been told to stop; it asks no service what it thinks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

TABLES = """
CREATE TABLE race (campaign uuid PRIMARY KEY, needed int, independent boolean);
CREATE TABLE mail_out (campaign uuid, step int, effect uuid, recipient text, digest text);
CREATE TABLE intent (campaign uuid, effect uuid, grant_id uuid, dispatched_at timestamptz);
CREATE TABLE said (service text, id bigint, campaign uuid, step int, type text, body jsonb, PRIMARY KEY (service, id));
CREATE TABLE approvable (campaign uuid, decision uuid, content_hash text, recipient text, digest text);
CREATE TABLE flags (campaign uuid, step int, halted boolean, killed bigint, over boolean, cut_off bigint, plan int,
                    PRIMARY KEY (campaign, step));
CREATE TABLE revoked (campaign uuid, grant_id uuid, step int);
CREATE VIEW cleared AS
SELECT campaign, step, id, (body->>'grant_id')::uuid AS grant_id, (body->>'decision_id')::uuid AS decision,
       (body->>'case_id')::uuid AS case_id, body->>'content_hash' AS content_hash,
       (body->>'granted_at')::timestamptz AS granted_at, (body->>'expires_at')::timestamptz AS expires_at,
       (body->>'plan_version')::int AS plan_version, body->'approvers' AS approvers, body->'action'->>'verb' AS verb
  FROM said WHERE service = 'escalation' AND type = 'ActionCleared';
"""


FLAGS = """
WITH own AS (SELECT * FROM said WHERE campaign = $1 AND service = 'executor'),
     heard AS (SELECT * FROM said WHERE campaign = $1 AND service = 'escalation' AND id <= $3),
     switch AS (SELECT id, CASE WHEN (body->>'engaged')::boolean THEN id END AS engaged FROM own
                 WHERE type = 'KillSwitchChanged')
INSERT INTO flags
SELECT $1, $2,
       coalesce((SELECT type = 'CampaignHalted' FROM own WHERE type IN ('CampaignHalted', 'CampaignResumed')
                  ORDER BY id DESC LIMIT 1), false)
       OR coalesce((SELECT type = 'HoldPlaced' FROM heard
                     WHERE type IN ('HoldPlaced', 'HoldReleased') AND body->>'decision_id' IS NULL
                     ORDER BY id DESC LIMIT 1), false),
       (SELECT engaged FROM switch ORDER BY id DESC LIMIT 1),
       EXISTS (SELECT 1 FROM own WHERE type = 'CampaignFinished'),
       (SELECT engaged FROM switch WHERE id <= $4 ORDER BY id DESC LIMIT 1), $5
"""
"""$3 is the last row of escalation's log that the executor has heard, $4 the last of the executor's that escalation
has: what they say and were told, not what they keep. An engaged switch is named by its row: one that was released and
engaged again within a step is another one.
"""
REVOKED = """
INSERT INTO revoked
SELECT campaign, (body->>'grant_id')::uuid, $2 FROM said
 WHERE campaign = $1 AND service = 'escalation' AND type = 'ClearanceRevoked' AND id <= $3
"""


@dataclass(frozen=True)
class Invariant:
    """`query` returns a row per violation; `planted` makes one where there was none."""

    name: str
    query: str
    planted: str


def _said(kind: str, body: str, service: str = "escalation", nth: int = 1, step: int = 1) -> str:
    return f"INSERT INTO said VALUES ('{service}', -{nth}, {RACE}, {step}, '{kind}', {body});"


RACE = "'00000000-0000-0000-0000-000000000001'"
_CASE = "'00000000-0000-0000-0000-000000000002'"
_GRANT = "'00000000-0000-0000-0000-000000000003'"
_DECISION = "'00000000-0000-0000-0000-000000000004'"
_RACE = f"INSERT INTO race VALUES ({RACE}, 1, false);"
_MAIL = (
    f"{_RACE} INSERT INTO mail_out VALUES ({RACE}, 2, {_GRANT}, 'p', 'd');"
    f"INSERT INTO intent VALUES ({RACE}, {_GRANT}, {_GRANT}, '2026-01-02');"
    f"INSERT INTO approvable VALUES ({RACE}, {_DECISION}, 'c', 'p', 'd');"
)


def _granted(
    approvers: str = '[{"kind": "human", "subject": "ana", "role": "campaign_approver"}]', **changes: str
) -> str:
    values = {
        "grant_id": _GRANT, "decision_id": _DECISION, "case_id": _CASE, "content_hash": "'c'",
        "granted_at": "'2026-01-01'", "expires_at": "'2026-01-03'", "plan_version": "1",
        "approvers": f"'{approvers}'::jsonb", "action": """'{"verb": "send_campaign"}'::jsonb""",
    } | changes  # fmt: skip
    pairs = ", ".join(f"'{name}', {value}" for name, value in values.items())
    return _said("ActionCleared", f"jsonb_build_object({pairs})")


def _flags(
    step: int, halted: bool = False, killed: str = "NULL", over: bool = False, cut_off: str = "NULL", plan: int = 1
) -> str:
    return f"INSERT INTO flags VALUES ({RACE}, {step}, {halted}, {killed}, {over}, {cut_off}, {plan});"


INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "no mail but one that a grant of exactly its content covers",
        """
        SELECT m.* FROM mail_out AS m
          LEFT JOIN intent AS i ON (i.campaign, i.effect) = (m.campaign, m.effect)
          LEFT JOIN cleared AS c ON (c.campaign, c.grant_id) = (m.campaign, i.grant_id)
          LEFT JOIN approvable AS a ON (a.campaign, a.decision, a.content_hash, a.recipient, a.digest)
                                     = (m.campaign, c.decision, c.content_hash, m.recipient, m.digest)
         WHERE a.decision IS NULL
        """,
        _MAIL + _granted(content_hash="'another'"),
    ),
    Invariant(
        "no mail under a grant before it was given or after it had ended",
        """
        SELECT m.* FROM mail_out AS m
          JOIN intent AS i ON (i.campaign, i.effect) = (m.campaign, m.effect)
          JOIN cleared AS c ON (c.campaign, c.grant_id) = (m.campaign, i.grant_id)
         WHERE i.dispatched_at < c.granted_at OR i.dispatched_at >= c.expires_at
        """,
        _MAIL + _granted(expires_at="'2026-01-02'"),
    ),
    Invariant(
        "no mail under a grant that had been revoked",
        """
        SELECT m.* FROM mail_out AS m
          JOIN intent AS i ON (i.campaign, i.effect) = (m.campaign, m.effect)
          JOIN revoked AS r ON (r.campaign, r.grant_id) = (m.campaign, i.grant_id)
         WHERE r.step < m.step
        """,
        _MAIL + _granted() + f"INSERT INTO revoked VALUES ({RACE}, {_GRANT}, 1);",
    ),
    Invariant(
        "no mail while the campaign was halted, killed or over",
        """
        SELECT m.* FROM mail_out AS m
          JOIN flags AS before ON (before.campaign, before.step) = (m.campaign, m.step - 1)
          JOIN flags AS after ON (after.campaign, after.step) = (m.campaign, m.step)
         WHERE (before.halted AND after.halted) OR before.killed = after.killed OR (before.over AND after.over)
        """,
        _MAIL + _granted() + _flags(1, killed="1") + _flags(2, killed="1"),
    ),
    Invariant(
        "nobody gets a mail twice",
        "SELECT campaign, recipient FROM mail_out GROUP BY campaign, recipient HAVING count(*) > 1",
        _MAIL + _granted() + f"INSERT INTO mail_out VALUES ({RACE}, 3, {_GRANT}, 'p', 'd');",
    ),
    Invariant(
        "people's grants are of people with the role, enough of them, and never of the author",
        """
        SELECT c.* FROM cleared AS c JOIN race AS r USING (campaign)
         WHERE c.case_id IS NOT NULL
           AND (SELECT count(DISTINCT one->>'subject') FROM jsonb_array_elements(c.approvers) AS one
                 WHERE one->>'kind' = 'human' AND one->>'subject' IN ('ana', 'ben', 'leo')
                   AND one->>'role' IN ('campaign_approver', 'marketing_lead'))
               < greatest(CASE c.verb WHEN 'cancel' THEN 1 ELSE r.needed END, jsonb_array_length(c.approvers))
        """,
        _RACE + _granted('[{"kind": "human", "subject": "maya", "role": "campaign_approver"}]'),
    ),
    Invariant(
        "a rule clears only where the policy delegates it, and never an option",
        """
        SELECT c.* FROM cleared AS c JOIN race AS r USING (campaign)
         WHERE c.case_id IS NULL
           AND (NOT r.independent OR EXISTS (SELECT 1 FROM jsonb_array_elements(c.approvers) AS one
                                              WHERE one->>'kind' <> 'rule'))
        """,
        _RACE + _granted('[{"kind": "rule", "subject": "policy.1", "role": "rule"}]', case_id="NULL"),
    ),
    Invariant(
        "a decision is cleared once, or denied, never both",
        """
        SELECT campaign, body->>'decision_id' AS decision FROM said
         WHERE service = 'escalation' AND type IN ('ActionCleared', 'ActionDenied')
         GROUP BY campaign, body->>'decision_id' HAVING count(*) > 1
        """,
        _RACE + _granted() + _said("ActionDenied", f"jsonb_build_object('decision_id', {_DECISION})", nth=2),
    ),
    Invariant(
        "a case is decided, or expires, or is withdrawn, once",
        """
        SELECT campaign, body->>'case_id' AS case_id FROM said
         WHERE service = 'escalation' AND type IN ('CaseResolved', 'CaseExpired', 'CaseWithdrawn')
         GROUP BY campaign, body->>'case_id' HAVING count(*) > 1
        """,
        _said("CaseResolved", f"jsonb_build_object('case_id', {_CASE})")
        + _said("CaseExpired", f"jsonb_build_object('case_id', {_CASE})", nth=2),
    ),
    Invariant(
        "nobody's word counts in a case that had ended",
        """
        SELECT word.* FROM said AS word
          JOIN said AS ending ON (ending.service, ending.campaign, ending.body->>'case_id')
                               = (word.service, word.campaign, word.body->>'case_id')
         WHERE word.service = 'escalation' AND word.type IN ('ApprovalGiven', 'ApprovalRefused')
           AND ending.type IN ('CaseResolved', 'CaseExpired', 'CaseWithdrawn') AND ending.id < word.id
        """,
        _said("CaseExpired", f"jsonb_build_object('case_id', {_CASE})", nth=2)
        + _said("ApprovalGiven", f"jsonb_build_object('case_id', {_CASE})", nth=1),
    ),
    Invariant(
        "one person's word on a decision counts once",
        """
        SELECT campaign, body->>'decision_id' AS decision FROM said
         WHERE service = 'escalation' AND type IN ('ApprovalGiven', 'ApprovalRefused')
         GROUP BY campaign, body->>'decision_id', body->'approver'->>'subject' HAVING count(*) > 1
        """,
        "".join(
            _said("ApprovalGiven", f"""jsonb_build_object('decision_id', {_DECISION}, 'approver',
                  '{{"subject": "ana"}}'::jsonb)""", nth=nth)
            for nth in (1, 2)
        ),
    ),
    Invariant(
        "nothing is cleared but a stop while escalation knows of an engaged kill switch",
        """
        SELECT c.* FROM cleared AS c
          JOIN flags AS before ON (before.campaign, before.step) = (c.campaign, c.step - 1)
          JOIN flags AS after ON (after.campaign, after.step) = (c.campaign, c.step)
         WHERE c.verb <> 'cancel' AND before.cut_off = after.cut_off
        """,
        _RACE + _granted() + _flags(0, cut_off="1") + _flags(1, cut_off="1"),
    ),
    Invariant(
        "nothing is cleared under an older plan than the newest that escalation knows of",
        """
        SELECT c.* FROM cleared AS c
          JOIN flags AS before ON (before.campaign, before.step) = (c.campaign, c.step - 1)
         WHERE c.plan_version < before.plan
        """,
        _RACE + _granted() + _flags(0, plan=2),
    ),
)  # fmt: skip


async def violations(pool: "asyncpg.Pool[asyncpg.Record]") -> dict[str, list[str]]:
    """Of each invariant, the rows that break it; at most five."""
    found = {}
    for one in INVARIANTS:
        rows = await pool.fetch(f"SELECT * FROM ({one.query}) AS broken LIMIT 5")
        found[one.name] = [str(dict(row)) for row in rows]
    return found


async def broken(pool: "asyncpg.Pool[asyncpg.Record]", campaign: UUID) -> list[str]:
    """The invariants that one race breaks."""
    return [
        one.name
        for one in INVARIANTS
        if await pool.fetchval(f"SELECT count(*) FROM ({one.query}) AS found WHERE campaign = $1", campaign)
    ]


async def unseen(pool: "asyncpg.Pool[asyncpg.Record]") -> list[str]:
    """Invariants whose planted violation the judge does not see: its verdict is worth nothing then."""
    blind = []
    for one in INVARIANTS:
        async with pool.acquire() as conn:
            transaction = conn.transaction()
            await transaction.start()
            before = len(await conn.fetch(one.query))
            await conn.execute(one.planted)
            if len(await conn.fetch(one.query)) <= before:
                blind.append(one.name)
            await transaction.rollback()
    return blind
