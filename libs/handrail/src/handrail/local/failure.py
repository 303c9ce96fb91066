"""How the launcher says that it cannot go on."""

from pathlib import Path


class CannotStart(Exception):
    """Something did not come up. The text is for the person at the terminal: what, why and what to do."""


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, indented, to be shown below a message."""
    try:
        kept = log.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return f"  (no log at {log})"
    return "\n".join([f"  {line}" for line in kept] + [f"  (all of it: {log})"])
