"""Opaque strings the simulator can check without remembering them: bearer tokens and addresses of proofs.

Signed with a key made from the seed, so that a restarted simulator still honours them. They guard nothing.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a token of ours says."""

    wire: str
    expires_at: datetime
    scope: str


def seal(seed: int, text: str) -> str:
    """The text and its signature as one word fit for a header or an address."""
    raw = text.encode()
    return base64.urlsafe_b64encode(raw + _signature(seed, raw)).decode().rstrip("=")


def unseal(seed: int, word: str) -> str | None:
    """The text of a sealed word; None when it was not sealed with this seed."""
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        text, signature = raw[:-_LENGTH], raw[-_LENGTH:]
        return text.decode() if hmac.compare_digest(signature, _signature(seed, text)) else None
    except (binascii.Error, ValueError):
        return None


def mint(seed: int, wire: str, *, scope: str, life: int, clock: datetime) -> str:
    """A bearer token for this wire, good for `life` seconds; no two are the same."""
    expires = int((clock + timedelta(seconds=life)).timestamp())
    return seal(seed, f"{wire}|{expires}|{scope}|{secrets.token_hex(8)}")


def read_bearer(seed: int, token: str) -> Bearer | None:
    """What the token says, expired or not; None when it is not ours."""
    text = unseal(seed, token)
    parts = text.split("|") if text else []
    if len(parts) != 4:
        return None
    wire, expires, scope, _ = parts
    return Bearer(wire, datetime.fromtimestamp(int(expires), UTC), scope)


_LENGTH = 16


def _signature(seed: int, raw: bytes) -> bytes:
    return hmac.digest(f"carrier simulator {seed}".encode(), raw, hashlib.sha256)[:_LENGTH]
