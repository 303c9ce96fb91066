"""Logs of a home folder: JSON lines made readable, everything else as it is."""

import json
import time
from collections import deque
from pathlib import Path
from typing import TextIO

from handrail.cli_terminal import USAGE, Failure, out

POLL_SECONDS = 0.2
COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
LEVELS = {"warning": "yellow", "error": "red", "critical": "red"}
PLAIN = frozenset({"event", "level", "timestamp", "service", "logger"})


def show(home: Path, name: str | None, follow: bool, lines: int) -> None:
    """Print the end of the logs, oldest process first; with `follow`, until interrupted."""
    folder = home / "logs"
    every = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_ctime) if folder.is_dir() else []
    chosen = [file for file in every if name is None or file.stem == name or file.stem.rpartition("-")[0] == name]
    if not chosen:
        there = ", ".join(file.stem for file in every)
        raise Failure(f"no log of {name} in {folder}: there are {there}" if there else f"no logs in {folder}", USAGE)
    opened: list[tuple[str, str, TextIO]] = []
    for number, file in enumerate(chosen):
        stream: TextIO = file.open(errors="replace")
        opened.append((file.stem, COLOURS[number % len(COLOURS)], stream))
        for each in deque(stream, maxlen=lines):
            _print(file.stem, COLOURS[number % len(COLOURS)], each)
    while follow:
        quiet = True
        for stem, colour, stream in opened:
            while line := stream.readline():
                _print(stem, colour, line)
                quiet = False
        if quiet:
            time.sleep(POLL_SECONDS)


def readable(line: str) -> str:
    """A JSON log line as one line for people, in rich markup."""
    from rich.markup import escape

    try:
        said = json.loads(line)
    except ValueError:
        return escape(line.rstrip())
    if not isinstance(said, dict) or "event" not in said:
        return escape(line.rstrip())
    level = str(said.get("level", "info"))
    colour = LEVELS.get(level)
    at = str(said.get("timestamp", ""))[11:19]
    rest = " ".join(f"{key}={value}" for key, value in said.items() if key not in PLAIN and value not in ("", None))
    text = escape(f"{said['event']}")
    shown = f"[{colour}]{level} {text}[/]" if colour else text
    return f"[dim]{at}[/] {shown}" + (f" [dim]{escape(rest)}[/]" if rest else "")


def _print(stem: str, colour: str, line: str) -> None:
    out().print(f"[{colour}]{stem:<13}[/] {readable(line)}", soft_wrap=True)
