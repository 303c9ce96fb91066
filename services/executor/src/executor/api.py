"""The doors for people, all of them."""

from collections.abc import Callable

from starlette.routing import Route

from chassis.service import Parts
from contracts.event import Tenant
from executor.api_audiences import Audiences
from executor.api_campaigns import Campaigns
from executor.api_kill_switch import KillSwitches
from executor.api_previews import Previews
from executor.callers import Callers


def routes(parts: Parts, tenant_keys: Callable[[Tenant], bytes | None]) -> list[Route]:
    callers = Callers(parts)
    return [
        *Audiences(parts, callers, tenant_keys).routes(),
        *Campaigns(parts, callers).routes(),
        *Previews(parts, callers).routes(),
        *KillSwitches(parts, callers).routes(),
    ]
