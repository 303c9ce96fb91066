"""Free ports of the loopback interface."""

import secrets
import socket
from collections import deque
from contextlib import closing

LOOPBACK = "127.0.0.1"
# Below the ports that systems give to outgoing connections, so that none of those takes a port between choice and use.
LOWEST, HIGHEST = 20_000, 30_000
_given: deque[int] = deque(maxlen=2_000)
"""Chosen here before: whoever asked may not listen on it yet."""


def free(count: int) -> list[int]:
    """Different ports nobody listens on now. Another program may be quicker: whoever uses one may have to retry."""
    chosen: list[int] = []
    while len(chosen) < count:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in _given and not taken(port):
            chosen.append(port)
            _given.append(port)
    return chosen


def taken(port: int) -> bool:
    """Whether the port cannot be listened on."""
    with closing(socket.socket()) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return True
    return False
