"""Whatever is asked of a door, the service answers, or refuses with a problem that names what to mend."""

import json

import pytest

from tests.doors.asking import Answered, Asked, Doors, ask, requests

SERVICES = ("audit", "briefing", "escalation", "executor", "monitor", "tower")


@pytest.fixture
def doors(request: pytest.FixtureRequest) -> Doors:
    found = request.getfixturevalue(f"{request.param}_doors")
    assert isinstance(found, Doors)
    return found


@pytest.mark.parametrize("doors", SERVICES, indirect=True)
async def test_no_request_makes_a_service_fail(doors: Doors) -> None:
    failed: list[str] = []
    for asked in requests(doors):
        try:
            answered = await ask(doors.app, asked)
            assert answered.status < 500, f"{answered.status} {answered.body[:200]!r}"
            if answered.status >= 400:
                told(doors, asked, answered)
        except Exception as error:  # noqa: BLE001 - all that is wrong is told at once
            failed.append(f"{asked.method} {asked.path[:80]}?{asked.query} {asked.body[-160:]!r}: {error!r:.200}")
    assert not failed, f"{len(failed)}\n" + "\n".join(failed[:12])


def told(doors: Doors, asked: Asked, answered: Answered) -> None:
    """A refusal says what, where and how to mend it; to a person as a page."""
    if answered.kind == "text/html":
        by_browser = "text/html" in asked.headers.get("accept", "")
        assert by_browser or any(asked.path.startswith(page) for page in doors.pages), answered
        return
    assert answered.kind == "application/problem+json", answered
    if asked.method == "HEAD" and not answered.body:
        return
    problem = json.loads(answered.body)
    errors = problem.get("errors", [])
    assert problem["title"], problem
    assert problem.get("fix") or errors, problem
    assert all(one["fix"] and ("field" in one or "line" in one) for one in errors), problem
    if answered.status in (400, 405, 413):
        assert problem.get("field") or errors, problem
