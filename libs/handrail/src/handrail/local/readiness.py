"""Waiting until processes say over HTTP that they are ready for work."""

import http.client
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from handrail.local.failure import CannotStart, tail
from handrail.local.ports import LOOPBACK
from handrail.local.processes import Processes
from handrail.local.state import Record

ANSWER_SECONDS = 2.0
POLL_SECONDS = 0.1


def ready(record: Record) -> bool:
    """Whether it answers 200 now."""
    if record.readiness is None or record.port is None:
        return record.process() is not None
    connection = http.client.HTTPConnection(LOOPBACK, record.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", record.readiness)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def await_ready(
    processes: Processes, records: Sequence[Record], seconds: float, on_progress: Callable[[str], None]
) -> None:
    """Wait for all at once. The first that dies or is late ends the waiting for the others, and its log is shown."""
    hopeless = Event()
    began = time.monotonic()

    def wait(record: Record) -> None:
        while not ready(record):
            if hopeless.wait(POLL_SECONDS):
                return
            try:
                processes.check(record.name)
                if time.monotonic() - began > seconds:
                    log = tail(Path(record.log))
                    raise CannotStart(f"{record.name} is not ready after {seconds:.0f} s:\n{log}")
            except CannotStart:
                hopeless.set()
                raise
        processes.check(record.name)  # another program may answer at its port
        on_progress(f"{record.name} is ready ({time.monotonic() - began:.1f} s)")

    if records:
        with ThreadPoolExecutor(len(records)) as pool:
            waits = [pool.submit(wait, record) for record in records]
        for each in waits:
            each.result()
