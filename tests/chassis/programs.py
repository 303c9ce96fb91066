"""Small services as processes of their own, as an operator starts and stops them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from handrail.local import ports

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Program:
    """`tests.chassis.<name>` on one database and one Kafka."""

    name: str
    kafka: str
    dsn: str
    folder: Path

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """One command, to its end."""
        return subprocess.run(
            self._argv(arguments), env=self._env(), capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """The service while in the block; stopped as an orchestrator stops it."""
        with (self.folder / f"{self.name}.log").open("ab") as log:
            process = subprocess.Popen(self._argv(["run"]), env=self._env(), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)

    def _argv(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", f"tests.chassis.{self.name}", *arguments]

    def _env(self) -> dict[str, str]:
        [port] = ports.free(1)
        own = {"DSN": self.dsn, "KAFKA": self.kafka, "HTTP_PORT": str(port)}
        prefixed = {f"{self.name.upper()}_{name}": value for name, value in own.items()}
        return {**os.environ, **prefixed, "PYTHONPATH": str(ROOT)}
