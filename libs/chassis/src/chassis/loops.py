"""What goes on in a service beside its doors, for as long as it runs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 0.5


async def again_and_again(run: Callable[[], Awaitable[None]]) -> None:
    """`run` to its end; one that fails begins again, also when a client leaked a cancellation that nobody asked for."""
    while True:
        try:
            return await run()
        except asyncio.CancelledError:
            if _asked_to_end():
                raise
            log.warning("a loop was cancelled by nobody, and begins again", loop=name_of(run))
        except Exception:
            log.exception("a loop failed, and begins again", loop=name_of(run))
        await asyncio.sleep(AGAIN_SECONDS)


async def once(run: Callable[[], Awaitable[None]]) -> None:
    """`run` to its end; one that fails says so and ends: what it holds cannot be begun twice."""
    try:
        await run()
    except BaseException:
        if not _asked_to_end():
            log.exception("a loop ended", loop=name_of(run))
        raise


def _asked_to_end() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def name_of(run: Callable[[], Awaitable[None]]) -> str:
    return getattr(run, "__qualname__", repr(run))
