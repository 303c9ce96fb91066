"""HTTP as a server speaks it that may also misbehave: cut the line, hang up, or answer late and wrong."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

import h11

log = logging.getLogger(__name__)
LARGEST_BODY = 2 * 1024 * 1024
PATIENCE_SECONDS = 60.0
_NO_LINGER = struct.pack("ii", 1, 0)


class Wire(StrEnum):
    """How the answer travels."""

    WHOLE = "whole"
    RESET = "reset"
    """No answer: the connection is reset."""
    CLOSED = "closed"
    """No answer: the connection ends as if all had been said."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Wire = Wire.WHOLE


Answering = Callable[[Request], Awaitable[Reply]]


async def serve(host: str, port: int, answer: Answering) -> asyncio.Server:
    """Serve until closed; one request after the other on each connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _converse(h11.Connection(h11.SERVER), reader, writer, answer)
        except (OSError, EOFError, h11.ProtocolError, TimeoutError) as error:
            log.info("a conversation broke off: %s", type(error).__name__)
        except asyncio.CancelledError:  # the world ends; the streams would report it as a failure of ours
            return
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    return await asyncio.start_server(handle, host, port)


async def _converse(
    line: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answering
) -> None:
    while (request := await _next(line, reader)) is not None:
        reply = await answer(request)
        if reply.wire is not Wire.WHOLE:
            if reply.wire is Wire.RESET:
                raw: socket.socket = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()
            return
        headers = {"content-type": "application/json", "content-length": str(len(reply.body)), **reply.headers}
        said = h11.Response(status_code=reply.status, headers=list(headers.items()))
        for event in (said, h11.Data(data=reply.body), h11.EndOfMessage()):
            writer.write(line.send(event) or b"")
        await writer.drain()
        if line.our_state is not h11.DONE or line.their_state is not h11.DONE:
            return
        line.start_next_cycle()


async def _next(line: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    """The next request; None when the other side has hung up. Raises EOFError for a body that is too long."""
    head: h11.Request | None = None
    body = b""
    while True:
        event = line.next_event()
        if event is h11.NEED_DATA:
            async with asyncio.timeout(PATIENCE_SECONDS):
                line.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LARGEST_BODY:
                raise EOFError("a body that is too long")
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            parts = urlsplit(head.target.decode("ascii"))
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return Request(head.method.decode("ascii"), parts.path, dict(parse_qsl(parts.query)), headers, body)
        else:  # the connection was closed, or paused for a protocol that is not spoken here
            return None
