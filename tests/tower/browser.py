"""A tower that listens, and a real Chromium that looks at it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright
from starlette.applications import Starlette

from handrail.local import ports

NAMES = ("chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def listening(app: Starlette) -> AsyncIterator[str]:
    """Base URL of `app` on a free port of this machine."""
    [port] = ports.free(1)
    config = uvicorn.Config(app, ports.LOOPBACK, port, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not running.done(), "the tower did not start"
            await asyncio.sleep(0.01)
        yield f"http://{ports.LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The machine's own; a test is skipped where there is none, except in CI."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        missing = "there is no Chromium: `make tools` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()
