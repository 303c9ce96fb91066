"""People who leave a list over the real link: they look at the page, then their mail program posts as RFC 8058 says."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

log = logging.getLogger(__name__)
AT_ONCE = 4
PATIENCE_SECONDS = 60.0
BACK_OFF_SECONDS = (0.2, 2.0)
ANSWER_SECONDS = 10.0


@dataclass(slots=True)
class Browser:
    """Knows only the hosts it was told: nothing leaves the machine."""

    client: httpx.AsyncClient
    resolve: Mapping[str, str]
    """Public origin -> where it really is."""
    left: int = 0
    failed: int = 0
    waiting: int = 0
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def unsubscribe(self, url: str, after_seconds: float) -> None:
        self.waiting += 1
        try:
            await asyncio.sleep(after_seconds)
            async with self._slots:
                done = await self._visit("GET", url) and await self._visit("POST", url)
            self.left += done
            self.failed += not done
        finally:
            self.waiting -= 1

    async def _visit(self, method: str, url: str) -> bool:
        parts = urlsplit(url)
        local = self.resolve.get(f"{parts.scheme}://{parts.netloc}")
        if local is None:
            log.warning("nobody told where %s is", parts.netloc)
            return False
        target = local + parts.path + (f"?{parts.query}" if parts.query else "")
        form = {"List-Unsubscribe": "One-Click"} if method == "POST" else None
        headers = {"host": parts.netloc, "x-forwarded-proto": parts.scheme}
        wait, longest = BACK_OFF_SECONDS
        give_up = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                answer = await self.client.request(method, target, data=form, headers=headers, timeout=ANSWER_SECONDS)
                if answer.is_success:
                    return True
                log.warning("%s of the unsubscribe page: %d", method, answer.status_code)
                if answer.status_code < 500:
                    return False
            except httpx.TransportError as error:
                log.info("the unsubscribe page is away: %s", type(error).__name__)
            if asyncio.get_running_loop().time() > give_up:
                return False
            await asyncio.sleep(wait)
            wait = min(wait * 2, longest)
