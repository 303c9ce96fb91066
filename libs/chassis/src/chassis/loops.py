"""What goes on in a service beside its doors, for as long as it runs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 0.5
IN_A_ROW = 10
"""A loop that failed so often, each time at once, ends: liveness tells, and another process may do better."""
STEADY_SECONDS = 60.0


async def again_and_again(run: Callable[[], Awaitable[None]]) -> None:
    """`run` to its end; one that fails begins again, by a leaked cancellation too. Raises the last error in a row."""
    loop, failed = asyncio.get_running_loop(), 0
    while True:
        began = loop.time()
        try:
            return await run()
        except (asyncio.CancelledError, Exception) as error:
            if asked_to_end():
                raise
            failed = failed + 1 if loop.time() - began < STEADY_SECONDS else 1
            log.error("a loop failed", loop=name_of(run), in_a_row=failed, error=repr(error)[:500], exc_info=True)
            if failed >= IN_A_ROW:
                raise
        await asyncio.sleep(AGAIN_SECONDS)


async def once(run: Callable[[], Awaitable[None]]) -> None:
    """`run` to its end; one that fails says so and ends: what it holds cannot be begun twice."""
    try:
        await run()
    except BaseException:
        if not asked_to_end():
            log.exception("a loop ended", loop=name_of(run))
        raise


def asked_to_end() -> bool:
    """Whether somebody cancelled the task in hand: a cancellation that a client leaked is no order to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def name_of(run: Callable[[], Awaitable[None]]) -> str:
    return getattr(run, "__qualname__", repr(run))
