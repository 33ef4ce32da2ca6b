"""What an authenticator app shows."""

import base64
import hmac
import struct
import time


def code_of(secret: str, *, at: float | None = None) -> str:
    """The code of this half minute, or of the moment `at` (RFC 6238), computed apart from the library under test."""
    counter = int((time.time() if at is None else at) // 30)
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), "sha1")
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"
