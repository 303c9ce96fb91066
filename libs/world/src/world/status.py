"""What the world has seen so far, over HTTP: for whoever waits for it."""

import asyncio
import json
from collections.abc import Callable, Mapping

Answer = Callable[[], Mapping[str, object]]
LONGEST_REQUEST = 8192
PATIENCE_SECONDS = 5


async def serve(host: str, port: int, pages: Mapping[str, Answer]) -> asyncio.Server:
    """Answers GET of each of `pages` with JSON."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, *_ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
                page = pages.get(path.partition("?")[0]) if method == "GET" else None
                status = "200 OK" if page else "404 Not Found"
                body = json.dumps(page() if page else {"title": f"there is only GET of {', '.join(pages)}"}).encode()
                writer.write(
                    f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
                    "connection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the asker went away, or does not speak HTTP
        finally:
            writer.close()

    return await asyncio.start_server(handle, host, port, limit=LONGEST_REQUEST)
