"""What USPS says when it does not answer the question, and what to do about it.

Two shapes (USPS Tracking v3r2 3.2.2, USPS OAuth 3.0.6): the tracking address refuses with
`{"apiVersion", "error": {"code", "message", "errors": [...]}}`, for a whole call or as an item of a 207; the token
address with the `{"error", "error_description"}` of RFC 6749. Both are also met as web pages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from shipments.carriers.base import Answer, NotAllowed, NotKnown
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
from shipments.carriers.reading import Findings, parse_json, read_each
from shipments.carriers.usps.wire import ErrorBody, ErrorDetail

TOKEN = "USPS sign-in"  # noqa: S105 - the name of the exchange in messages

_NOT_YET = (
    "USPS has no status for this number yet; one appears when the sender announces or hands over the parcel."
)
_NOT_FOUND = "USPS does not know this number; it may be mistyped, or the parcel not yet handed over."
# USPS Error Inventory of October 2025. The codes were published for v3, where they came with HTTP 400; they are
# read wherever they appear.
_REASON_BY_CODE = {
    "150001": _NOT_YET,
    "150002": _NOT_FOUND,
    "150003": "Shipped at a Post Office; USPS has no update for this number yet.",
    "150004": "USPS does not show the status of this number through its tracking service.",
    "150005": _NOT_YET,
    "150006": "This is the number of a delivery notice for more parcels than USPS lists; ask by parcel.",
    "150007": "This is the number of a delivery notice for a bulk delivery, not of one parcel.",
    "150008": "USPS does not track this product to this country.",
    "150009": _NOT_YET,
    "150010": "USPS does not know this number; it may belong to another carrier.",
    "150011": "This is the number of a pickup at the sender's, not of a parcel.",
    "150012": "USPS does not show the status of this number.",
    "150013": "USPS shows only order information for this number, no tracking.",
}
_OF_ANOTHER_MAILER = (
    "USPS shows this piece only to its mailer. Ask the sender to authorize this account with USPS,"
    " or use the account of the mailer whose label it is."
)
# Words of refusals that speak of the account and not of a piece.
_OF_THE_ACCOUNT = (
    "scope",
    "client application identifier",
    "api product",
    "contract information is not authorized",
)
# A secret as short as "s", as people type for a simulator, would riddle words and codes.
_SHORTEST_SECRET = 4
_MAX_SAID = 200
# Tokens and tracking numbers look like this; nothing a person needs to read does.
_OPAQUE = re.compile(r"(?=\S*\d)\S{16,}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error object of the tracking address. `code` is USPS' own code, else the status it names."""

    status: int
    code: str
    message: str
    titles: tuple[str, ...]

    @property
    def speaks_of_the_account(self) -> bool:
        said = " ".join((self.message, *self.titles)).casefold()
        return any(words in said for words in _OF_THE_ACCOUNT)

    @property
    def says_nothing(self) -> bool:
        return not self.message and not self.titles

    @property
    def reason_not_known(self) -> str | None:
        """Our sentence where the code says that there is nothing to see of this number."""
        return _REASON_BY_CODE.get(self.code)

    @property
    def said(self) -> str:
        """USPS' words for a message: bounded, and without anything that could be a key or a token."""
        words = self.message or next(iter(self.titles), "")
        return _OPAQUE.sub("…", words)[:_MAX_SAID].rstrip()


def refusal_in(raw: Any, *, status: int | None, secrets: Sequence[str] = ()) -> Refusal | None:
    """The refusal an envelope or an item holds; None when it holds none.

    `status` is that of the HTTP reply or of the item; without one the error's own code counts, else 404, which
    is the document's default for an item. `secrets` are cut out of USPS' words wherever they turn up.
    """
    error = raw.get("error") if isinstance(raw, dict) else None
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, dict):
        return None
    body = ErrorBody.read(error, Findings())
    entries, _ = read_each(error.get("errors"), ErrorDetail.read, where="errors")
    # USPS' own code stands in an entry or on top, where otherwise the HTTP status stands again.
    codes = [entry.code for entry in entries if entry.code] + [body.code]
    code = next((one for one in codes if one in _REASON_BY_CODE), body.code or codes[0])
    if status is None:
        named = as_status(body.code)
        status = named if named is not None else HTTPStatus.NOT_FOUND
    titles = (text for entry in entries for text in (entry.title, entry.detail) if text)
    return Refusal(
        status,
        _without(secrets, code),
        _without(secrets, body.message),
        tuple(_without(secrets, text) for text in titles),
    )


def _without(secrets: Sequence[str], text: str) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "…")
    return text


def as_status(raw: Any) -> int | None:
    """An HTTP status sent as text or number; None for anything else."""
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        return None
    text = str(raw).strip()
    return int(text) if re.fullmatch(r"[1-5]\d\d", text, re.ASCII) else None


def about_one_piece(refusal: Refusal) -> Answer | CarrierError:
    """What a refusal means that concerns one piece: an item of a 207, or a call that asked for one."""
    reason = refusal.reason_not_known
    if reason is not None:
        return NotKnown(reason, refusal.code)
    match refusal.status:
        case HTTPStatus.NOT_FOUND:
            return NotKnown(_NOT_FOUND, refusal.code or None)
        # The token was good enough for the call, so a 401 here is about the piece too.
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return NotAllowed(_OF_ANOTHER_MAILER, refusal.code or None)
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            return BadRequest(
                _sentence("USPS finds the question for this number malformed", refusal),
                code=refusal.code or None,
                http_status=refusal.status,
            )
    return _by_status(refusal.status, refusal, wait=None)


def nothing_known(refusal: Refusal) -> NotKnown:
    """What a 404 for a call of several pieces says about each: whose code it carries cannot be told."""
    return NotKnown(_NOT_FOUND, refusal.code or None)


def about_the_call(reply: Reply, refusal: Refusal | None) -> CarrierError:
    """What a reply without any item means; `refusal` is what its body says, where it could be read."""
    status = refusal.status if refusal else reply.status
    if status == HTTPStatus.UNAUTHORIZED:
        # Seen of applications without the tracking product: a sentence about their identifier, or an
        # error object that says nothing. The token had just been issued, so the key itself is good.
        if refusal is not None and (refusal.speaks_of_the_account or refusal.says_nothing):
            return _not_entitled(refusal)
        return BadCredentials(
            _sentence(
                "USPS refused a token it had just issued; is the key one of this environment?", refusal
            ),
            code=(refusal.code or None) if refusal else None,
            http_status=status,
        )
    if status == HTTPStatus.FORBIDDEN and refusal is not None and refusal.speaks_of_the_account:
        return _not_entitled(refusal)
    return _by_status(status, refusal, wait=retry_after(reply.headers, now=reply.received_at))


def _not_entitled(refusal: Refusal) -> NotEntitled:
    return NotEntitled(
        _sentence("USPS has not enabled tracking for this account", refusal),
        code=refusal.code or None,
        http_status=refusal.status,
    )


def _by_status(status: int, refusal: Refusal | None, *, wait: timedelta | None) -> CarrierError:
    code = (refusal.code or None) if refusal else None
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message = _sentence("USPS wants fewer calls from this account", refusal)
        return OverQuota(message, code=code, http_status=status, retry_after=wait)
    if status == HTTPStatus.REQUEST_TIMEOUT or 500 <= status <= 599:
        message = _sentence(f"USPS is not available (status {status})", refusal)
        return TryLater(message, code=code, http_status=status, retry_after=wait)
    message = _sentence(f"USPS answered with status {status} and nothing that can be used", refusal)
    return UnreadableAnswer(message, code=code, http_status=status)


def _sentence(ours: str, refusal: Refusal | None) -> str:
    said = refusal.said if refusal else ""
    ended = ours if ours.endswith("?") else f"{ours}."
    return f"{ended} USPS says: {said}" if said else ended


# RFC 6749 5.2; anything else in that field is not repeated in a message.
_TOKEN_REFUSALS: dict[str, type[CarrierError]] = {
    "invalid_client": BadCredentials,
    "invalid_grant": BadCredentials,
    "invalid_request": BadCredentials,
    "unsupported_grant_type": BadCredentials,
    "invalid_scope": NotEntitled,
    "unauthorized_client": NotEntitled,
}
_TOKEN_SENTENCES: dict[type[CarrierError], str] = {
    BadCredentials: f"{TOKEN}: the key or the secret was refused",
    NotEntitled: f"{TOKEN}: tracking is not enabled for this account",
}


def about_the_token(reply: Reply) -> CarrierError:
    """What a reply of the token address without a token means. It never holds the body: that may repeat the key."""
    code = _token_code(reply)
    if code is None and reply.status == HTTPStatus.UNAUTHORIZED:
        kind: type[CarrierError] | None = BadCredentials
    else:
        kind = _TOKEN_REFUSALS.get(code or "")
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= 500 or kind is None:
        # Whatever the body says, a busy or broken service tells nothing about the key.
        wait = retry_after(reply.headers, now=reply.received_at)
        error = _by_status(reply.status, None, wait=wait)
        return type(error)(f"{TOKEN}: {error}", http_status=reply.status, retry_after=error.retry_after)
    told = f" ({code})" if code else ""
    return kind(f"{_TOKEN_SENTENCES[kind]}{told}.", code=code, http_status=reply.status)


def sign_in_without_tracking(reply: Reply) -> NotEntitled:
    """For a token that USPS issued for no scope at all."""
    return NotEntitled(f"{_TOKEN_SENTENCES[NotEntitled]}.", http_status=reply.status)


def _token_code(reply: Reply) -> str | None:
    try:
        body = parse_json(reply.body, TOKEN)
    except UnreadableAnswer:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, str) and error in _TOKEN_REFUSALS else None
