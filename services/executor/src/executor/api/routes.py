"""The doors for people, all of them."""

from collections.abc import Callable

from starlette.routing import Route

from chassis.service import Parts
from contracts.event import Tenant
from executor.api.audiences import Audiences
from executor.api.callers import Callers
from executor.api.campaigns import Campaigns
from executor.api.kill_switch import KillSwitches
from executor.api.previews import Previews
from executor.api.test_sends import TestSends
from executor.people.directory import Directory


def routes(parts: Parts, tenant_keys: Callable[[Tenant], bytes | None], directory: Directory) -> list[Route]:
    callers = Callers(parts)
    return [
        *Audiences(parts, callers, tenant_keys).routes(),
        *Campaigns(parts, callers).routes(),
        *Previews(parts, callers).routes(),
        *TestSends(parts, callers, directory).routes(),
        *KillSwitches(parts, callers).routes(),
    ]
