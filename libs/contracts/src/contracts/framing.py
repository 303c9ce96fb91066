"""One framing for everything that is hashed or named.

`f(x, ...)` is, for each part, its length in 4 bytes big-endian and then its bytes: no two lists share an image.
"""

from functools import lru_cache
from hashlib import sha1, sha256
from struct import Struct
from uuid import UUID

NAMESPACE = UUID("6f1d9a52-6f0c-5c8e-9a37-2d1b7f0f4c11")
"""Every uuid5 of Handrail lives under this constant."""
_NAMESPACE = NAMESPACE.bytes
length = Struct(">I").pack
"""What stands before a part of so many bytes."""


def f(*parts: bytes | str) -> bytes:
    """The framed bytes of `parts`; text is taken as UTF-8."""
    out: list[bytes] = []
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        out += (length(len(raw)), raw)
    return b"".join(out)


@lru_cache(1024)
def name_framed(name: str) -> bytes:
    """`f(name)`, kept: names come again and again."""
    return f(name)


def parts(framed: bytes) -> list[bytes]:
    """The parts of which `framed` is the image."""
    out, at = [], 0
    while at < len(framed):
        begin = at + 4
        at = begin + int.from_bytes(framed[at:begin], "big")
        out.append(framed[begin:at])
    return out


def named(*parts: bytes | str) -> UUID:
    """The same parts, the same id: uuid5 over the hex of the framed parts."""
    name = f(*parts).hex().encode()
    return UUID(bytes=sha1(_NAMESPACE + name, usedforsecurity=False).digest()[:16], version=5)


def digest(*parts: bytes | str) -> str:
    """SHA-256 over the framed parts, in hex."""
    return sha256(f(*parts)).hexdigest()
