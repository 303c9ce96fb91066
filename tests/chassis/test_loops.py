"""What goes on beside the work is begun again when it fails, and ends only when it is asked to."""

import asyncio

import asyncpg
import pytest

from chassis import loops
from chassis.loops import again_and_again


@pytest.mark.parametrize("error", [RuntimeError(), asyncpg.InternalClientError(), asyncio.CancelledError()], ids=repr)
async def test_a_loop_that_fails_begins_again(error: BaseException) -> None:
    begun = 0

    async def loop() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise error

    await asyncio.wait_for(again_and_again(loop), 10)
    assert begun == 2


async def test_a_loop_that_only_fails_ends_so_that_liveness_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "AGAIN_SECONDS", 0.0)
    begun = 0

    async def loop() -> None:
        nonlocal begun
        begun += 1
        raise RuntimeError("each time")

    with pytest.raises(RuntimeError, match="each time"):
        await asyncio.wait_for(again_and_again(loop), 10)
    assert begun == loops.IN_A_ROW


async def test_a_loop_that_is_asked_to_end_ends() -> None:
    going_on = asyncio.create_task(again_and_again(asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    going_on.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going_on
