"""The whole system with the outside world beside it, and the steps of a story as calls over its doors."""

import csv
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx
import yaml

from contracts.catalogue import TOPICS
from handrail.keys import dev_token
from handrail.local import ports
from handrail.local.system import System

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
WEBINAR = EXAMPLES / "webinar-follow-up"
PUBLIC_URL = "https://mail.acme.example"
DEAD_DOMAIN = "acme-legacy.example"
WHY = {"what": "leave the domain out", "when": "it bounces", "until": "the list is cleaned", "why": "it is gone"}
Json = dict[str, Any]


class NotInTime(AssertionError):
    """What was awaited did not come true."""


@dataclass
class Running:
    """A running system and world; every call is made as one of the example's people."""

    system: System
    world_url: str
    ledger: Path
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))

    def url(self, service: str) -> str:
        return self.system.urls(service)[0]

    def token(self, subject: str, *roles: str, kind: Literal["human", "agent"] = "human") -> Mapping[str, str]:
        text = dev_token(self.system.keys.folder, subject, list(roles), "demo", kind=kind)
        return {"authorization": f"Bearer {text}", "idempotency-key": str(uuid4())}

    @property
    def maya(self) -> Mapping[str, str]:
        return self.token("maya", "marketer")

    @property
    def ana(self) -> Mapping[str, str]:
        return self.token("ana", "campaign_approver")

    @property
    def sam(self) -> Mapping[str, str]:
        return self.token("sam", "operator", "auditor")

    def get(self, service: str, path: str, headers: Mapping[str, str] | None = None) -> Json:
        answer = self.http.get(f"{self.url(service)}{path}", headers=dict(headers or self.sam))
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def post(self, service: str, path: str, body: Any, headers: Mapping[str, str]) -> httpx.Response:
        return self.http.post(f"{self.url(service)}{path}", json=body, headers=dict(headers))

    def submit(self, audience: str = "webinar-registrants", contacts: bytes | None = None) -> str:
        """Upload the contacts and hand in the example's brief for them; the campaign's id."""
        upload = self.http.put(
            f"{self.url('executor')}/v1/audiences/{audience}",
            content=contacts or (WEBINAR / "contacts.csv").read_bytes(),
            headers=dict(self.maya),
        )
        assert upload.status_code == 200, upload.text
        brief = yaml.safe_load((WEBINAR / "brief.yaml").read_text())
        brief["audience"]["segment_ref"] = audience
        answer = self.post("briefing", "/v1/briefs", brief, self.maya)
        assert answer.status_code == 200, answer.text
        campaign: str = answer.json()["campaign_id"]
        return campaign

    def campaign(self, campaign: str) -> Json:
        return self.get("executor", f"/v1/campaigns/{campaign}")

    def case(self, campaign: str, kind: str, options: int = 1, seconds: float = 60) -> Json:
        """The open case of a kind, once all its options are there."""

        def found() -> Json | None:
            cases = self.get("escalation", "/v1/cases", self.ana)["cases"]
            mine = [one for one in cases if one["campaign_id"] == campaign and one["kind"] == kind]
            return mine[0] if mine and len(mine[0]["options"]) >= options else None

        case: Json = until(found, f"a case of kind {kind}", seconds)
        return case

    def choose(self, case: Json, chosen: str, reason: Mapping[str, str] | None = None) -> httpx.Response:
        """Approve an option as ana."""
        option = next(one for one in case["options"] if one["chosen"] == chosen)
        body = {
            "decision_id": option["decision_id"],
            "content_hash": option["content_hash"],
            "choice": "approve",
            "reason": reason,
        }
        answer = self.post("escalation", f"/v1/cases/{case['case_id']}/decisions", body, self.ana)
        assert answer.status_code == 200, answer.text
        return answer

    def until_stage(self, campaign: str, stage: str, seconds: float = 90) -> Json:
        def found() -> Json | None:
            now = self.campaign(campaign)
            return now if now["stage"] == stage else None

        reached: Json = until(found, f"stage {stage} of {campaign}", seconds)
        return reached

    def mails(self, campaign: str) -> list[Json]:
        """What the world received, from its own ledger."""
        whole = self.ledger.read_text().split("\n")[:-1]  # the last line may be in the writing
        lines = [json.loads(line) for line in whole]
        return [line for line in lines if campaign in json.dumps(line)]

    def kill(self, service: str) -> None:
        """SIGKILL the first replica and start it again."""
        name = f"{service}-0"
        self.system.processes.kill(name)
        self.system.processes.restart(name)


def until(found: Callable[[], Any], what: str, seconds: float) -> Any:
    """What `found` gives once it gives something. Raises NotInTime."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if (result := found()) is not None:
                return result
        except (httpx.TransportError, httpx.HTTPStatusError):  # a service that was just killed
            pass
        time.sleep(0.2)
    raise NotInTime(f"{what}: not within {seconds:.0f} s")


def contacts(tag: str, count: int = 600) -> bytes:
    """The example's first registrants under other addresses: another campaign's people."""
    rows = list(csv.DictReader(io.StringIO((WEBINAR / "contacts.csv").read_text())))[:count]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "email": row["email"].replace("@", f"-{tag}@")})
    return out.getvalue().encode()


@contextmanager
def running(home: Path) -> Iterator[Running]:
    """Kafka, PostgreSQL, six services and the world, all fresh, gone afterwards."""
    smtp_port, world_port = ports.free(2)
    system = System(
        dict.fromkeys(TOPICS, 3),
        organisation=EXAMPLES / "organisation.yaml",
        people=EXAMPLES / "people.yaml",
        home=home,
        overrides={
            "executor": {
                "EXECUTOR_SMTP_PORT": str(smtp_port),
                "EXECUTOR_PUBLIC_URL": PUBLIC_URL,
                "EXECUTOR_DKIM_DOMAIN": "mail.acme.example",
            }
        },
    )
    with system:
        found = Running(system, f"http://127.0.0.1:{world_port}", home / "ledger.jsonl")
        token = home / "world.token"
        token.write_text(dev_token(system.keys.folder, "world", ["publisher"], "demo", kind="agent"))
        argv = {
            "--smtp-port": smtp_port,
            "--http-port": world_port,
            "--ledger": found.ledger,
            "--events-url": found.url("monitor"),
            "--sendgrid-key": system.keys.sendgrid,
            "--token-file": token,
            "--dkim-record": system.keys.dkim_record,
            "--dead-domain": DEAD_DOMAIN,
            "--resolve": f"{PUBLIC_URL}={found.url('executor')}",
        }
        words = [str(word) for pair in argv.items() for word in pair]
        system.add("world", [sys.executable, "-m", "world", *words], {}, world_port, "/livez")
        yield found
