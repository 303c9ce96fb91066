"""The six services' doors in this process, over real databases, each with something behind it to be asked about."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256

from chassis.application import application
from contracts.inbound import RecipientEventReported
from executor.people.unsubscribe import Link, token
from handrail.keys import Keys, dev_token
from monitor.sendgrid import SIGNATURE, TIMESTAMP
from tests.audit.builders import DECISION as EXPLAINED
from tests.audit.builders import fact_of, story
from tests.audit.builders import record as audit_record
from tests.audit.conftest import Auditor, auditor
from tests.briefing.conftest import Briefings, briefing, folder
from tests.builders import CAMPAIGN, HASH, TENANT, brief, fact, plan_issued
from tests.doors.asking import Doors
from tests.escalation.conftest import desk, keys
from tests.escalation.desk import Desk
from tests.executor.conftest import House, house, key_folder, organisation, people, smtp_port
from tests.executor.test_audience import table
from tests.monitor.builders import accepted, planned
from tests.monitor.conftest import Monitor, monitor
from tests.monitor.test_doors import event, figure
from tests.monitor.test_sendgrid import key_of, mail, seconds
from tests.tower.builders import DECISION, plan
from tests.tower.conftest import Tower, tower
from tests.tower.test_why import WHOLE

__all__ = [
    "auditor", "briefing", "desk", "folder", "house", "key_folder", "keys", "monitor", "organisation", "smtp_port",
    "tower",
]  # fmt: skip
WHY = {"what": "send it", "when": "it is right", "until": "it is old", "why": "read it"}
ROLES = ("marketer", "campaign_approver", "marketing_lead", "operator", "auditor", "publisher", "viewer")


def tokens(folder: Path) -> list[str]:
    """Of a person with every role, of an agent with every role, of a person with none, and of another tenant."""
    return [
        dev_token(folder, "ana", ROLES, TENANT),
        dev_token(folder, "crm-1", ROLES, TENANT, "agent"),
        dev_token(folder, "vera", (), TENANT),
        dev_token(folder, "ana", ROLES, "other"),
    ]


@pytest_asyncio.fixture
async def briefing_doors(briefing: Briefings) -> Doors:
    submitted = await briefing.submit(brief())
    return Doors(
        application(briefing.parts.routes),
        briefing.parts.routes,
        {"campaign_id": [submitted.json()["campaign_id"], str(CAMPAIGN)]},
        {"briefs": [brief().model_dump(mode="json")]},
        tokens(briefing.folder),
    )


@pytest_asyncio.fixture
async def executor_doors(house: House) -> Doors:
    await house.with_audience(*people(5))
    await house.hear(plan_issued())
    await house.work()
    shown = (await house.ask("GET", f"/v1/campaigns/{CAMPAIGN}")).json()
    hashes = [one["content_hash"] for one in shown["artefacts"].values()]
    link = Link(TENANT, CAMPAIGN, HASH, "stark.example")
    key = bytes.fromhex(Keys(house.folder).unsubscribe.read_text().strip())
    contacts = table(*people(3))
    return Doors(
        application(house.parts.routes),
        house.parts.routes,
        {
            "campaign_id": [str(CAMPAIGN)],
            "name": ["webinar-registrants", "another"],
            "scope": ["global", "tenant", f"campaigns/{CAMPAIGN}"],
            "token": [token(link, key)],
            "content_hash": [*hashes, HASH],
        },
        {
            "{name}": [contacts if isinstance(contacts, bytes) else contacts.encode()],
            "{scope:path}": [{"engaged": True, "reason": "an incident"}, {"engaged": False, "reason": "it is over"}],
            "waivers": [{"item": "mail.attended:lengths", "reason": "a quotation"}],
            "test-sends": [{"artefact": "mail.attended"}],
            "{token}": [b"List-Unsubscribe=One-Click"],
        },
        tokens(house.folder),
        pages=["/u/"],
    )


@pytest_asyncio.fixture
async def monitor_doors(monitor: Monitor) -> Doors:
    effect = "66666666-6666-5666-8666-666666666666"
    engaged = {"kind": "clicked", "recipient": "jo@b.example", "effect_id": effect, "machine": False, "provider": "crm"}
    await monitor.read(fact(accepted()), fact(planned()))

    def sign(body: bytes) -> Mapping[str, str]:
        stamp = str(seconds())
        signature = b64encode(key_of(monitor).sign(stamp.encode() + body, ECDSA(SHA256()))).decode()
        return {SIGNATURE: signature, TIMESTAMP: stamp}

    return Doors(
        application(monitor.parts.routes),
        monitor.parts.routes,
        {"campaign_id": [str(CAMPAIGN)]},
        {
            "events": [event(), [event(1), figure()], event(type=RecipientEventReported.type, data=engaged)],
            "sendgrid": [[mail(), mail("bounce", 2), mail("open", 3, sg_machine_open=True)]],
        },
        tokens(monitor.folder),
        sign,
    )


@pytest_asyncio.fixture
async def escalation_doors(desk: Desk) -> Doors:
    card = await desk.asked()
    [option] = card["options"]
    vote = {"decision_id": option["decision_id"], "content_hash": option["content_hash"], "choice": "refuse"}
    return Doors(
        application(desk.parts.routes),
        desk.parts.routes,
        {"case_id": [card["case_id"]], "decision_id": [option["decision_id"]], "campaign_id": [str(CAMPAIGN)]},
        {
            "decisions": [vote, {**vote, "reason": WHY}, {**vote, "choice": "approve", "reason": WHY}],
            "settlement": [{"settled": "applied", "reason": WHY}],
            "revoke": [{"because": "the offer changed"}],
        },
        tokens(desk.keys.folder),
    )


@pytest_asyncio.fixture
async def audit_doors(auditor: Auditor) -> Doors:
    await auditor.take([audit_record(fact_of(one, nth), nth) for nth, one in enumerate(story(), 1)])
    return Doors(
        application(auditor.parts.routes),
        auditor.parts.routes,
        {"campaign_id": [str(CAMPAIGN)], "decision_id": [str(EXPLAINED)]},
        {},
        tokens(auditor.folder),
    )


@pytest_asyncio.fixture
async def tower_doors(tower: Tower) -> Doors:
    await tower.happens(*plan(), *WHOLE)
    handed = tokens(tower.folder)
    return Doors(
        application(tower.parts.routes),
        tower.parts.routes,
        {"campaign_id": [str(CAMPAIGN)], "decision_id": [str(DECISION)]},
        {"login": [f"token={quote(one)}".encode() for one in handed]},
        handed,
    )
