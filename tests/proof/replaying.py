"""What was said so far, as the witness wrote it down, to be said again."""

import base64
import json
from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import Any

BLOCK = 40
"""Records that come again together, as when a relay died after the acknowledgement."""
Line = dict[str, Any]


def said_so_far(witness: Path) -> list[list[Line]]:
    """Blocks of one partition each, in its order."""
    parts: dict[tuple[str, int], list[Line]] = defaultdict(list)
    with witness.open() as lines:
        for text in lines:
            if text.endswith("\n"):  # the last may be in the writing
                line = json.loads(text)
                parts[line["topic"], line["partition"]].append(line)
    blocks = []
    for records in parts.values():
        following = iter(records)
        while block := list(islice(following, BLOCK)):
            blocks.append(block)
    return blocks


def record(line: Line) -> dict[str, Any]:
    """What a producer is given to send the same bytes to the same partition."""
    return {
        "topic": line["topic"],
        "partition": line["partition"],
        "key": _bytes(line["key"]),
        "value": _bytes(line["value"]),
        "headers": [(name, _bytes(value)) for name, value in line["headers"]],
    }


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
