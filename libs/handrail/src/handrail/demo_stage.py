"""What every step of the demo stands on: people with their clients, waiting with progress, claims that must hold."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rich.markup import escape

from handrail.cli_identity import dev_token, directory
from handrail.cli_terminal import interactive, out, progress
from handrail.client import Client, Places, Refused, Unreachable
from handrail.demo_system import Outside
from handrail.local.system import System

T = TypeVar("T")
POLL_SECONDS = 0.2
STEPS = 8


class DidNotHold(Exception):
    """Something that the demo claims is not so."""


@dataclass
class Stage:
    """The running system, and those who act in the story."""

    system: System
    outside: Outside
    example: Path
    began: float
    asks: bool = field(default_factory=interactive)
    step_number: int = 0
    step_title: str = ""
    _clients: dict[str, Client] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.system.home

    def person(self, subject: str) -> Client:
        """The doors, in a person's name as the directory knows them."""
        if subject not in self._clients:
            found = next(one for one in directory(self.home) if one.subject == subject)
            self._clients[subject] = self._client(found.subject, found.roles, human=found.is_human)
        return self._clients[subject]

    def agent(self, subject: str, *roles: str) -> Client:
        """The doors, in the name of a program."""
        return self._client(subject, roles, human=False)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.step_number += 1
        self.step_title = title
        began = time.monotonic()
        out().print()
        out().rule(f"[bold]{self.step_number}/{STEPS}[/] {title}", align="left", style="blue")
        try:
            yield
        except Refused as refused:
            fields = "; ".join(f"{one.where}: {one.problem}" for one in refused.errors)
            raise DidNotHold(f"{refused} {fields}".strip()) from refused
        except Unreachable as away:
            raise DidNotHold(str(away)) from away
        out().print(f"[dim]{time.monotonic() - began:.1f} s[/]", justify="right")

    def holds(self, condition: object, claim: str) -> None:
        """Print a claim that is so. Raises DidNotHold when it is not."""
        if not condition:
            raise DidNotHold(f"it is not so that {claim}")
        out().print(f"[green]✓[/] {escape(claim)}")

    def until(self, text: str, look: Callable[[], T | None], seconds: float, so_far: Callable[[], str] = str) -> T:
        """Look again and again until there is something. Raises DidNotHold when it takes too long."""
        give_up = time.monotonic() + seconds
        said = ""
        with progress(text, every_seconds=1) as say:
            while True:
                try:
                    if (found := look()) is not None:
                        return found
                    more = so_far()
                except Unreachable:
                    more = "a service is away"
                except Refused as refused:
                    if refused.status != 404:
                        raise
                    more = ""
                if more and more != said:
                    say(more)
                    said = more
                if time.monotonic() > give_up:
                    raise DidNotHold(f"{text}: nothing within {seconds:.0f} s{f' ({said})' if said else ''}")
                time.sleep(POLL_SECONDS)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _client(self, subject: str, roles: Sequence[str], *, human: bool) -> Client:
        return Client(Places.found(self.home, os.environ), dev_token(self.home, subject, roles, human=human))
