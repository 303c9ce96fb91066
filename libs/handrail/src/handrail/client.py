"""Handrail over HTTP, for the command line and for other systems.

    with Client(Places.found(Path(".handrail"), os.environ), token) as handrail:
        handrail.publish([{"specversion": "1.0", ...}])

Every refusal raises Refused with what the service said; a service that does not answer raises Unreachable.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel, ValidationError

from handrail import case_views, views
from handrail.explained import Explanation
from handrail.local import environment

SERVICES = environment.SERVICES
PATIENCE_SECONDS = 30.0
M = TypeVar("M", bound=BaseModel)


class Unreachable(Exception):
    """A service does not answer, or nobody said where it is."""


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong in one place, and what would mend it."""

    where: str
    problem: str
    fix: str


@dataclass
class Refused(Exception):
    """A service said no; nothing was changed."""

    status: int
    title: str
    field: str = ""
    fix: str = ""
    errors: tuple[FieldProblem, ...] = ()
    campaign_id: str = ""

    def __str__(self) -> str:
        where = f" ({self.field})" if self.field else ""
        fix = f": {self.fix}" if self.fix else ""
        return f"{self.title}{where}{fix}"


@dataclass(frozen=True)
class Places:
    """Where each service is."""

    urls: Mapping[str, str]

    @staticmethod
    def found(home: Path, environ: Mapping[str, str]) -> "Places":
        """`HANDRAIL_<SERVICE>_URL` where set, else what the launcher wrote down in the home folder."""
        running = environment.load(home)
        urls: dict[str, str] = {}
        for service in SERVICES:
            prefix = service.upper()
            started = running.get(f"{service}-0", {})
            if given := environ.get(f"HANDRAIL_{prefix}_URL"):
                urls[service] = given.rstrip("/")
            elif port := started.get(f"{prefix}_HTTP_PORT"):
                urls[service] = f"http://{started.get(f'{prefix}_HTTP_HOST', '127.0.0.1')}:{port}"
        return Places(urls)

    def of(self, service: str) -> str:
        """Raises Unreachable when nobody said."""
        if service not in SERVICES:
            raise Unreachable(f"there is no service {service!r}: it is one of {', '.join(SERVICES)}")
        if service not in self.urls:
            raise Unreachable(
                f"nobody said where {service} is: start it with `handrail up`, or set HANDRAIL_{service.upper()}_URL"
            )
        return self.urls[service]


class Client:
    """One person or system, as its token says, at the doors of all services."""

    def __init__(self, places: Places, token: str) -> None:
        self._places = places
        # A proxy of the environment must not get between us and services on this machine.
        distant = any("://127." not in url and "://localhost" not in url for url in places.urls.values())
        self._http = httpx.Client(
            headers={"authorization": f"Bearer {token}"}, timeout=PATIENCE_SECONDS, trust_env=distant
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def upload_audience(self, name: str, csv: bytes) -> views.Audience:
        return self._ask("PUT", "executor", f"/v1/audiences/{name}", views.Audience, content=csv, kind="text/csv")

    def submit_brief(self, draft: str, key: str) -> views.Submitted:
        """`draft` is JSON. The same key again is the same campaign."""
        return self._ask("POST", "briefing", "/v1/briefs", views.Submitted, content=draft.encode(), key=key)

    def plan(self, campaign: UUID) -> views.Submitted:
        return self._ask("GET", "briefing", f"/v1/campaigns/{campaign}/plan", views.Submitted)

    def campaigns(self) -> tuple[views.CampaignLine, ...]:
        return self._ask("GET", "executor", "/v1/campaigns", views.Campaigns).campaigns

    def campaign(self, campaign: UUID) -> views.Campaign:
        return self._ask("GET", "executor", f"/v1/campaigns/{campaign}", views.Campaign)

    def pause(self, campaign: UUID, reason: str) -> views.Done:
        return self._command("executor", f"/v1/campaigns/{campaign}/pause", {"reason": reason})

    def cancel(self, campaign: UUID, reason: str) -> views.Done:
        return self._command("executor", f"/v1/campaigns/{campaign}/cancel", {"reason": reason})

    def resume(self, campaign: UUID, reason: str) -> views.Done:
        return self._command("executor", f"/v1/campaigns/{campaign}/resume", {"reason": reason})

    def waive(self, campaign: UUID, item: str, reason: str) -> views.Done:
        return self._command("executor", f"/v1/campaigns/{campaign}/waivers", {"item": item, "reason": reason})

    def test_send(self, campaign: UUID, artefact: str) -> views.Done:
        """The draft to one's own address, as the directory of people has it."""
        return self._command("executor", f"/v1/campaigns/{campaign}/test-sends", {"artefact": artefact})

    def kill_switch(self, scope: str, engaged: bool, reason: str) -> views.Done:
        body = {"engaged": engaged, "reason": reason}
        return self._command("executor", f"/v1/kill-switches/{scope}", body, method="PUT")

    def previews(self, campaign: UUID, content_hash: str) -> views.Previews:
        return self._ask("GET", "executor", f"/v1/campaigns/{campaign}/previews/{content_hash}", views.Previews)

    def preview(
        self, campaign: UUID, content_hash: str, *, artefact: str | None = None, recipient: str | None = None
    ) -> views.Mail:
        """One mail of this content, of an artefact or as a recipient (a hash) gets it."""
        path = f"/v1/campaigns/{campaign}/previews/{content_hash}/mail"
        params = {name: said for name, said in (("artefact", artefact), ("recipient", recipient)) if said}
        return self._ask("GET", "executor", path, views.Mail, params=params)

    def results(self, campaign: UUID) -> views.Results:
        return self._ask("GET", "monitor", f"/v1/campaigns/{campaign}", views.Results)

    def cases(self, *, every: bool = False) -> tuple[case_views.Card, ...]:
        params = {"status": "all" if every else "open"}
        return self._ask("GET", "escalation", "/v1/cases", case_views.Cases, params=params).cases

    def case(self, case: UUID) -> case_views.Card:
        return self._ask("GET", "escalation", f"/v1/cases/{case}", case_views.Card)

    def people(self) -> tuple[case_views.Person, ...]:
        return self._ask("GET", "escalation", "/v1/directory", case_views.People).people

    def people_of(self, case: UUID) -> case_views.Candidates:
        """Who can answer the case now."""
        return self._ask("GET", "escalation", f"/v1/cases/{case}/people", case_views.Candidates)

    def acknowledge(self, case: UUID) -> views.Done:
        return self._command("escalation", f"/v1/cases/{case}/acknowledge", {})

    def decide(
        self, case: UUID, option: case_views.Option, choice: str, reason: Mapping[str, str] | None = None
    ) -> views.Done:
        """Approve or refuse exactly the content of `option` as it was shown."""
        body = {
            "decision_id": str(option.decision_id),
            "content_hash": option.content_hash,
            "choice": choice,
            "reason": reason,
        }
        return self._command("escalation", f"/v1/cases/{case}/decisions", body)

    def settle(self, case: UUID, settled: str, reason: Mapping[str, str]) -> views.Done:
        return self._command("escalation", f"/v1/cases/{case}/settlement", {"settled": settled, "reason": reason})

    def explain(self, decision: UUID) -> Explanation:
        return self._ask("GET", "audit", f"/v1/decisions/{decision}/explanation", Explanation)

    def decisions(self, campaign: UUID) -> tuple[views.DecisionLine, ...]:
        return self._ask("GET", "audit", f"/v1/campaigns/{campaign}/decisions", views.Decisions).decisions

    def head(self) -> views.Head:
        return self._ask("GET", "audit", "/v1/head", views.Head)

    def export(self) -> Iterator[bytes]:
        """The audit export, piece by piece."""
        url = self._places.of("audit") + "/v1/export"
        try:
            with self._http.stream("GET", url) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise Unreachable(_silence("audit", url, error)) from None

    def tower(self) -> tuple[views.Row, ...]:
        return self._ask("GET", "tower", "/v1/campaigns", views.Rows).campaigns

    def publish(self, events: Sequence[Mapping[str, object]]) -> views.Accepted:
        """CloudEvents in structured form, all or none. Sending one again changes nothing: its source and id name it."""
        kind = "application/cloudevents-batch+json"
        content = json.dumps(list(events)).encode()
        return self._ask("POST", "monitor", "/v1/events", views.Accepted, content=content, kind=kind)

    def _command(self, service: str, path: str, body: Mapping[str, object], *, method: str = "POST") -> views.Done:
        return self._ask(method, service, path, views.Done, content=json.dumps(body).encode(), key=str(uuid4()))

    def _ask(
        self,
        method: str,
        service: str,
        path: str,
        model: type[M],
        *,
        content: bytes | None = None,
        kind: str = "application/json",
        key: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> M:
        url = self._places.of(service) + path
        headers = {} if content is None else {"content-type": kind}
        if key is not None:
            headers["idempotency-key"] = key
        try:
            answer = self._http.request(method, url, content=content, headers=headers, params=params)
        except httpx.TransportError as error:
            raise Unreachable(_silence(service, url, error)) from None
        if not answer.is_success:
            raise _refusal(answer)
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, found["loc"]))
            raise Unreachable(f"{service} answered what this client cannot read: {place}: {found['msg']}") from None


def _silence(service: str, url: str, error: httpx.TransportError) -> str:
    why = "in time" if isinstance(error, httpx.TimeoutException) else "at all"
    return f"{service} does not answer {why} at {url.partition('/v1')[0]}: see `handrail status`"


def _refusal(answer: httpx.Response) -> Refused:
    """A problem+json as Refused, and whatever else stands between as well."""
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Refused(answer.status_code, f"{answer.status_code} {answer.reason_phrase}")
    errors = tuple(_problem(one) for one in body.get("errors") or () if isinstance(one, dict))
    return Refused(
        answer.status_code,
        str(body.get("title") or answer.reason_phrase),
        str(body.get("field") or ""),
        str(body.get("fix") or ""),
        errors,
        str(body.get("campaign_id") or ""),
    )


def _problem(one: Mapping[str, object]) -> FieldProblem:
    where = str(one.get("field") or "")
    if "line" in one:
        column = f", {one['column']}" if one.get("column") else ""
        where = f"line {one['line']}{column}"
    return FieldProblem(where, str(one.get("problem") or ""), str(one.get("fix") or ""))
