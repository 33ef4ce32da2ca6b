"""Pitney Bowes' refusals, in each of its error formats, as an answer or a `CarrierError`.

Formats (Pitney Bowes, Error Body Formats): the unified object that we ask for, and the legacy ones that still
come from gateways and older hosts: an array with `errorCode`, an object with `status` and `errors`, an array
with `key`, errors inside `response`. Web pages, empty and cut bodies happen in front of the API.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shipments.carriers.base import NotKnown
from shipments.carriers.errors import (
    BadCredentials,
    BadRequest,
    CarrierError,
    NotEntitled,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.http import Reply, retry_after
from shipments.carriers.reading import parse_json
from shipments.carriers.values import plain_text
from shipments.enums import Environment

TRACKING = "Pitney Bowes tracking"
TOKEN = "Pitney Bowes sign-in"  # noqa: S105 - the name of the exchange in messages

_NO_DATA = "PB-TRKPKG-ERR-7600"
# "Invalid Accept-Language" as well as "No Tracking data available": the words decide.
_PERHAPS_NO_DATA = "1000002"
_THROTTLED = frozenset({"PB-APIM-ERR-1006"})
_UNAUTHORIZED = frozenset(
    {"1000032", "PB-APIM-ERR-1002", "PB-APIM-ERR-1003", "PB-APIM-ERR-0401", "INVALID_CLIENT"}
)
_NOT_ENABLED = frozenset({"1000033"})
_BROKEN = frozenset({"1000005", "1000500", "PB-APIM-ERR-1000"})
_OWN_CODE = re.compile(r"PB-TRKPKG-ERR-\d{4}|1\d{6}")

# A secret as short as "s", as people type for a simulator, would only riddle the words.
_SHORTEST_SECRET = 4
# How much of the carrier's own words goes into a message.
_MAX_SAID = 200
# A header or a debug page echoed back may hold a key or token: long words that mix letters and digits, and
# whatever follows the name of an authorization scheme.
_SECRET_LIKE = re.compile(
    r"\b(?:Bearer|Basic)\s+\S+|(?=[A-Za-z0-9+/=_.~-]*\d)(?=[A-Za-z0-9+/=_.~-]*[A-Za-z])[A-Za-z0-9+/=_.~-]{20,}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One error of a reply: the carrier's code, perhaps `""`, and its words as plain text."""

    code: str
    text: str


_NOTHING_SAID = Complaint("", "")


def complaints(value: Any) -> tuple[Complaint, ...]:
    """The errors a decoded body holds, in any of the formats; empty when it is no error body."""
    match value:
        case {"response": dict() as inner} if "errors" in inner:
            return complaints(inner)
        case {"errors": list() as listed}:
            return tuple(_each(listed))
        case {"errors": dict() as one}:
            return tuple(_each([one]))
        case {"errorCode": _} | {"error": str()}:
            return tuple(_each([value]))
        case list():
            return tuple(_each(value))
    return ()


def _each(listed: Iterable[Any]) -> Iterable[Complaint]:
    for one in listed:
        if isinstance(one, dict):
            code = _first(one, "errorCode", "code", "key", "supplementaryErrorCode", "error")
            words = [
                _first(one, "userMessage", "errorDescription", "message", "error_description"),
                _words(one.get("additionalInfo")),
                _words(one.get("parameters")),
            ]
            text = " ".join(dict.fromkeys(word for word in words if word))
            if code or text:
                yield Complaint(code, text)


def _first(one: dict[Any, Any], *names: str) -> str:
    return next((said for name in names if (said := _words(one.get(name)))), "")


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(said for one in value[:10] if (said := _words(one)))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    # More than fits a message is of no use here; the kept reply has it all.
    return plain_text(str(value)[: 10 * _MAX_SAID])


def refusal_of(
    reply: Reply, *, environment: Environment, secrets: tuple[str, ...]
) -> NotKnown | CarrierError | None:
    """What a reply of the tracking address says against us; None when it is an answer to be read.

    `secrets` are cut out of the carrier's words wherever they turn up.
    """
    try:
        value = parse_json(reply.body, TRACKING, http_status=reply.status)
    except UnreadableAnswer as exc:
        if 200 <= reply.status < 300:
            return exc
        return _by_status(reply, _NOTHING_SAID, environment, page=reply.body.lstrip().startswith(b"<"))
    said = complaints(value)
    if 200 <= reply.status < 300 and not said:
        return None
    for complaint in said:
        verdict = _by_code(reply, _clean(complaint, secrets), environment)
        if verdict is not None:
            return verdict
    first = said[0] if said else _NOTHING_SAID
    return _by_status(reply, _clean(first, secrets), environment)


def _by_code(reply: Reply, said: Complaint, environment: Environment) -> NotKnown | CarrierError | None:
    """The verdict where the code alone decides, whatever the HTTP status."""
    code = said.code.upper()
    if code == _NO_DATA:
        return _not_known(said, environment)
    if code == _PERHAPS_NO_DATA and "no tracking data" in said.text.lower():
        return _not_known(said, environment)
    if code in _THROTTLED:
        return _over_quota(reply, said, TRACKING)
    if code in _UNAUTHORIZED:
        return _error(BadCredentials, TRACKING, "the key, the secret or the token was refused", reply, said)
    if code in _NOT_ENABLED:
        return _error(NotEntitled, TRACKING, "this account may not use tracking", reply, said)
    if code in _BROKEN:
        return _try_later(reply, said, TRACKING)
    return None


def _by_status(
    reply: Reply, said: Complaint, environment: Environment, *, page: bool = False
) -> NotKnown | CarrierError:
    status = reply.status
    if status == 401:
        return _error(BadCredentials, TRACKING, "a token just fetched was refused", reply, said)
    if status == 403:
        return _error(NotEntitled, TRACKING, "this account may not use tracking", reply, said)
    if status == 404 and not page:
        return _not_known(said, environment)
    if status == 429:
        return _over_quota(reply, said, TRACKING)
    if status >= 500 or status == 408:
        return _try_later(reply, said, TRACKING)
    if 300 <= status < 400:
        return _error(UnreadableAnswer, TRACKING, "it points to another address instead of answering", reply)
    if status == 404:
        return _error(UnreadableAnswer, TRACKING, "a web page answers at this address", reply)
    if status >= 400 or _OWN_CODE.fullmatch(said.code.upper()):
        return _error(BadRequest, TRACKING, "the question was refused as malformed", reply, said)
    return _error(UnreadableAnswer, TRACKING, "an error we do not know", reply, said)


def token_refusal(reply: Reply, *, secrets: tuple[str, ...]) -> CarrierError | None:
    """What a reply of the token address says against us; None when it is worth looking for a token in it.

    Nothing of these replies is kept: they may hold a token, or repeat key and secret.
    """
    try:
        said = complaints(parse_json(reply.body, TOKEN))
    except UnreadableAnswer:
        said = ()
    first = _clean(said[0], secrets) if said else _NOTHING_SAID
    codes = {complaint.code.upper() for complaint in said}
    if reply.status == 429 or codes & _THROTTLED:
        return _over_quota(reply, first, TOKEN, keep=False)
    if reply.status >= 500 or reply.status == 408 or codes & _BROKEN:
        return _try_later(reply, first, TOKEN, keep=False)
    if 300 <= reply.status < 400 or reply.status == 404:
        return _error(UnreadableAnswer, TOKEN, "nothing answers at this address", reply, first, keep=False)
    if reply.status >= 400 or codes & _UNAUTHORIZED:
        return _error(BadCredentials, TOKEN, "the key or the secret was refused", reply, first, keep=False)
    return None


def _clean(said: Complaint, secrets: tuple[str, ...]) -> Complaint:
    code, text = said.code[:60], said.text
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            code, text = code.replace(secret, "…"), text.replace(secret, "…")
    text = _SECRET_LIKE.sub("…", text)
    if len(text) > _MAX_SAID:
        text = text[:_MAX_SAID].rstrip() + "…"
    return Complaint(code, text)


def _sentence(what: str, ours: str, said: Complaint) -> str:
    theirs = ": ".join(part for part in (said.code, said.text) if part)
    return f"{what}: {ours} ({theirs})." if theirs else f"{what}: {ours}."


def _error(
    kind: type[CarrierError],
    what: str,
    ours: str,
    reply: Reply,
    said: Complaint = _NOTHING_SAID,
    *,
    pause: timedelta | None = None,
    keep: bool = True,
) -> CarrierError:
    return kind(
        _sentence(what, ours, said),
        code=said.code or None,
        http_status=reply.status,
        retry_after=pause,
        kept=reply.kept if keep else None,
    )


def _over_quota(reply: Reply, said: Complaint, what: str, *, keep: bool = True) -> CarrierError:
    pause = retry_after(reply.headers, now=reply.received_at)
    return _error(OverQuota, what, "it wants fewer calls", reply, said, pause=pause, keep=keep)


def _try_later(reply: Reply, said: Complaint, what: str, *, keep: bool = True) -> CarrierError:
    pause = retry_after(reply.headers, now=reply.received_at)
    return _error(TryLater, what, f"out of order (HTTP {reply.status})", reply, said, pause=pause, keep=keep)


def _not_known(said: Complaint, environment: Environment) -> NotKnown:
    reason = "Pitney Bowes has no tracking information on this number yet. For a new label that is normal."
    if environment is Environment.TEST:
        # Pitney Bowes, Track a Package, consideration 1: sandbox labels are never tracked, anywhere.
        reason += " This is a sandbox account, and only production labels are tracked, from the sandbox too."
    return NotKnown(reason, code=said.code or None)
