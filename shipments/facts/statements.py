"""Proof statements: their numbers, the form they are digested in, and what of a typed number or digest counts.

docs/proof.md tells the same to whoever wants to check a statement without us.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

# What a document says that it is.
FORMAT = "proof-statement/1"
# Crockford's: no I, L, O and U, which are heard and read as others.
_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PREFIX = "PS"
# Five bits each, and one sign that tells a mistake.
_RANDOM_SIGNS = 15
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_BETWEEN = re.compile(r"[\s:.\-–]+")


def new_number() -> str:
    """A number nobody had yet, such as `PS-7K3F-9Q2M-XD4C-61TB`: 75 random bits and a sign that tells a mistake."""
    signs = "".join(secrets.choice(_SIGNS) for _sign in range(_RANDOM_SIGNS))
    return _grouped(signs + _check_sign(signs))


def read_number(typed: str) -> str | None:
    """The number in its own form, from however it was typed; None for what is no statement's number, or mistyped."""
    signs = re.sub(r"[^0-9A-Z]", "", typed.upper())
    if len(signs) == len(_PREFIX) + _RANDOM_SIGNS + 1:
        signs = signs.removeprefix(_PREFIX)
    signs = signs.translate(_MISREAD)
    if len(signs) != _RANDOM_SIGNS + 1 or not set(signs) <= set(_SIGNS):
        return None
    return _grouped(signs) if _check_sign(signs[:-1]) == signs[-1] else None


def _grouped(signs: str) -> str:
    return "-".join([_PREFIX, *(signs[place : place + 4] for place in range(0, len(signs), 4))])


def _check_sign(signs: str) -> str:
    """Luhn's sign, for 32 signs: one wrong sign is always seen, two neighbours in each other's place nearly always."""
    total = 0
    for place, sign in enumerate(reversed(signs)):
        value = _SIGNS.index(sign) * (2 if place % 2 == 0 else 1)
        total += value // len(_SIGNS) + value % len(_SIGNS)
    return _SIGNS[-total % len(_SIGNS)]


def canonical(document: Mapping[str, Any]) -> bytes:
    """The document as the bytes that are digested and handed out: JSON in UTF-8, names sorted, no blanks, no line break.

    Documents hold texts, whole numbers, true, false, null, lists and objects; nothing of which JSON has two spellings.
    """
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def digest(content: bytes) -> str:
    """SHA-256, as `sha256sum` prints it."""
    return hashlib.sha256(content).hexdigest()


def read_digest(typed: str) -> str | None:
    """The digest in what was typed or pasted: in groups, in capitals, or a whole line of `sha256sum`; else None."""
    text = typed.lower()
    found = _DIGEST.search(text)
    if found is not None:
        return found[0]
    joined = _BETWEEN.sub("", text).removeprefix("sha256")
    return joined if _DIGEST.fullmatch(joined) else None


def in_groups(digest: str) -> str:
    """The digest to be read from paper: eight groups of eight."""
    return " ".join(digest[place : place + 8] for place in range(0, len(digest), 8))
