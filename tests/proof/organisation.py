"""The organisation of a proof: the example's, with times of seconds, small waves, two people for a send, four tools."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
TOOLS = ("smtp", "mail_api", "journey", "esp")
"""One of each promise about a request that comes twice: none, a key, an upsert, a look-up."""
ENOUGH: Mapping[str, int] = {"bounces": 8, "reported": 1}
"""So few mails or reports say enough here, by rule."""
POLICY: Mapping[str, object] = {
    "waves": {"first": 8, "then": 16, "verdict_share": 0.95, "verdict_after": "PT3S"},
    "deadlines": {"case": "PT30S", "grant": "PT2M"},
    "frequency": {"per_week": 5, "per_day": 3, "confirmed": True},
    "mail_routes": [{"tool": tool} for tool in TOOLS],
}


def organisation() -> dict[str, Any]:
    """As `organisation.yaml` says it."""
    settled: dict[str, Any] = yaml.safe_load((EXAMPLES / "organisation.yaml").read_text())
    policy = settled["policy"] | POLICY
    policy["asking"]["per_hour"] = 100_000
    policy["matrix"] = [
        {**row, "id": f"{row['id']}-{tool}", "tool": tool, "needed": 2 if row["id"] == "send" else 1}
        for row in policy["matrix"]
        for tool in TOOLS
    ]
    for rule in policy["triggers"]:
        rule["minimum"] = ENOUGH.get(rule["id"], rule["minimum"])
    return settled | {"policy": policy}
