"""One framing for everything that is hashed or named.

`f(x, ...)` is, for each part, its length in 4 bytes big-endian and then its bytes: no two lists share an image.
"""

from hashlib import sha256
from uuid import UUID, uuid5

NAMESPACE = UUID("6f1d9a52-6f0c-5c8e-9a37-2d1b7f0f4c11")
"""Every uuid5 of Handrail lives under this constant."""


def f(*parts: bytes | str) -> bytes:
    """The framed bytes of `parts`; text is taken as UTF-8."""
    out = bytearray()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        out += len(raw).to_bytes(4, "big")
        out += raw
    return bytes(out)


def named(*parts: bytes | str) -> UUID:
    """The same parts, the same id: uuid5 over the hex of the framed parts."""
    return uuid5(NAMESPACE, f(*parts).hex())


def digest(*parts: bytes | str) -> str:
    """SHA-256 over the framed parts, in hex."""
    return sha256(f(*parts)).hexdigest()
