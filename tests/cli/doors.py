"""A door of a service for the client's tests: a real HTTP server with one answer for everything."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Door:
    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    kind: str = "application/json"
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def open_door() -> Iterator[Door]:
    """It answers what `Door` says at the time, and keeps what it was asked."""
    door = Door()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            door.asked.append((self.command, self.path, headers, body))
            self.send_response(door.status)
            self.send_header("content-type", door.kind)
            self.send_header("content-length", str(len(door.body)))
            self.end_headers()
            self.wfile.write(door.body)

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    door.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
