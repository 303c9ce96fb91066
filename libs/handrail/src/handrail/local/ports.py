"""Free ports of the loopback interface."""

import secrets
import socket
from contextlib import closing

LOOPBACK = "127.0.0.1"
# Below the ports that systems give to outgoing connections, so that none of those takes a port between choice and use.
LOWEST, HIGHEST = 20_000, 30_000


def free(count: int) -> list[int]:
    """Different ports nobody listens on now. Another program may be quicker: whoever uses one may have to retry."""
    chosen: set[int] = set()
    while len(chosen) < count:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in chosen and not taken(port):
            chosen.add(port)
    return list(chosen)


def taken(port: int) -> bool:
    """Whether the port cannot be listened on."""
    with closing(socket.socket()) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return True
    return False
