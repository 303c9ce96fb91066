"""A front door for tests, as a process: keeps what was posted, refuses the first calls when told to.

Run with port, file and how many calls to answer with 503 first.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

PORT, KEPT, BUSY = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
lock = Lock()
calls = 0


class Doors(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._keep("")

    def do_POST(self) -> None:
        self._keep(self.rfile.read(int(self.headers["content-length"])).decode())

    def _keep(self, body: str) -> None:
        global calls
        with lock:
            calls += 1
            taken = calls > BUSY
            if taken:
                headers = {name.lower(): value for name, value in self.headers.items()}
                line = {"method": self.command, "path": self.path, "headers": headers, "body": body}
                with KEPT.open("a") as kept:
                    kept.write(json.dumps(line) + "\n")
        self.send_response(200 if taken else 503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Doors).serve_forever()
