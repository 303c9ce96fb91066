"""Wrong wall clocks for single processes, by libfaketime. The monotonic clock stays right, as with a real jump."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("/usr/lib", "/usr/local/lib")
WRONG: Mapping[str, str] = {
    "ten years ahead": "+10y",
    "frozen": "2026-02-28 23:59:59",
    "an hour behind": "-1h",
    "an hour ahead": "+1h",
    "ten years behind": "-10y",
}
"""As FAKETIME names them; an absolute time stands still."""
JUMPS = ("-5m", "+1h", "-10y", "+10y", "-1h", "-5m")
JUMP_SECONDS = 1.5


def library() -> Path | None:
    """libfaketime, where this machine has it."""
    found = [path for folder in FOLDERS for path in sorted(Path(folder).glob("**/libfaketime.so.1"))]
    return found[0] if found else None


def wrong(clock: str) -> dict[str, str]:
    """Variables of a process whose clock is wrong from the beginning."""
    return _preloaded() | {"FAKETIME": clock}


@dataclass(frozen=True)
class Jumping:
    """A clock that is put back and forth while its process works."""

    file: Path

    @property
    def variables(self) -> dict[str, str]:
        self.file.write_text(JUMPS[0])
        return _preloaded() | {"FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1"}

    async def jump(self) -> None:
        """For ever."""
        while True:
            for clock in JUMPS:
                self.file.write_text(clock)
                await asyncio.sleep(JUMP_SECONDS)


def _preloaded() -> dict[str, str]:
    return {"LD_PRELOAD": str(library()), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
