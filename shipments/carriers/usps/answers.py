"""A reply of the tracking address, taken apart into what it says about each piece asked for.

USPS Tracking v3r2 3.2.2: 200 and 207 are bare arrays. Beyond the document, one object instead of the array is
read where one piece was asked for, as v3 answered. An array inside another object is not read: nothing official
shows one, and what else such an object says would be a guess.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from shipments.carriers.base import Answer, Unchanged, digest_of
from shipments.carriers.errors import CarrierError, UnreadableAnswer
from shipments.carriers.http import Reply
from shipments.carriers.reading import parse_elements
from shipments.carriers.usps.errors import (
    Refusal,
    about_one_piece,
    about_the_call,
    as_status,
    nothing_known,
    refusal_in,
)
from shipments.carriers.usps.matching import Asked, Item, Unsure, match
from shipments.carriers.usps.parse import snapshot

TRACKING = "USPS tracking"

# Refusals that one piece brings upon the whole call it is in.
_OF_ONE_PIECE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
)


@dataclass(frozen=True, slots=True)
class Told:
    """What was learned about one piece, and the bytes that say so (see `base.Outcome`)."""

    result: Answer | Unchanged | CarrierError
    at: datetime
    part: bytes | None = None
    body_sha256: str | None = None
    # Of the part, where it is known to somebody who asks.
    sha256: str | None = None


class Sunk:
    """Stands for a call of several pieces that was refused for one of them, USPS does not say which."""


def read(
    reply: Reply, asked: Sequence[Asked], *, secrets: Sequence[str], known: Collection[str] = ()
) -> dict[Asked, Told] | Sunk | CarrierError:
    """What a reply says about every piece asked for; a CarrierError when it is trouble of the whole call.

    Parts whose digest is `known` are not read anew.
    """
    answered = 200 <= reply.status <= 299
    try:
        value, elements = parse_elements(reply.body, TRACKING, http_status=reply.status)
    except UnreadableAnswer as exc:
        # A page in front of the service says nothing about a piece, whatever its status.
        return exc if answered else about_the_call(reply, None)
    alone = len(asked) == 1 and isinstance(value, dict) and "trackingNumber" in value
    if answered and (isinstance(value, list) or alone):
        return _of_items(reply, elements, asked, secrets=secrets, known=known)
    refusal = refusal_in(value, status=None if answered else reply.status, secrets=secrets)
    if answered and refusal is None:
        return UnreadableAnswer(f"{TRACKING}: the answer is no list of parcels.", http_status=reply.status)
    if refusal is None or refusal.status not in _OF_ONE_PIECE:
        return about_the_call(reply, refusal)
    if refusal.status == HTTPStatus.FORBIDDEN and refusal.speaks_of_the_account:
        return about_the_call(reply, refusal)
    if len(asked) == 1:
        result = about_one_piece(refusal)
    elif refusal.status == HTTPStatus.NOT_FOUND:
        result = nothing_known(refusal)
    else:
        return Sunk()
    return of_all(result, asked, kept=reply.kept, at=reply.received_at, body_sha256=reply.body_sha256)


def of_all(
    result: Answer | CarrierError,
    asked: Sequence[Asked],
    *,
    kept: bytes | None,
    at: datetime,
    body_sha256: str | None = None,
) -> dict[Asked, Told]:
    """The same news for every piece of a call, with the body where it cannot be about somebody else's piece."""
    if kept is not None and len(asked) > 1 and _speaks_of_pieces(kept, asked):
        kept = None
    if isinstance(result, CarrierError):
        result.kept = kept
    return {entry: Told(result, at, kept, body_sha256) for entry in asked}


def _speaks_of_pieces(body: bytes, asked: Sequence[Asked]) -> bool:
    """Whether a body, even one cut off, may hold an item: the pieces of one call can be of several merchants."""
    return (
        body.lstrip().startswith(b"[")
        or b'"trackingNumber":' in body
        or any(entry.number.encode() in body for entry in asked)
    )


def _of_items(
    reply: Reply,
    elements: Sequence[tuple[Any, bytes]],
    asked: Sequence[Asked],
    *,
    secrets: Sequence[str],
    known: Collection[str],
) -> dict[Asked, Told]:
    found = match(asked, [Item(one, own) for one, own in elements if isinstance(one, dict)])
    body_sha256 = reply.body_sha256
    told: dict[Asked, Told] = {}
    for entry in asked:
        item = found.get(entry)
        part: bytes | None = None
        result: Answer | CarrierError
        match item:
            case Item() if known and (sha256 := digest_of(item.part)) in known:
                again = Unchanged(partial(_of_item, item, secrets=secrets))
                told[entry] = Told(again, reply.received_at, item.part, body_sha256, sha256)
                continue
            case Item():
                part, result = item.part, _of_item(item, secrets=secrets)
            case Unsure():
                result = _unreadable(
                    reply, "several parcels have this number; a postal code or mailing date tells them apart"
                )
            case None:
                result = _unreadable(reply, "the answer left this number out")
                # Nobody else was asked about: whatever the reply is, it is this parcel's.
                part = reply.kept if len(asked) == 1 else None
        if isinstance(result, CarrierError):
            result.kept = part
        told[entry] = Told(result, reply.received_at, part, body_sha256)
    return told


def _unreadable(reply: Reply, why: str) -> Answer | CarrierError:
    return UnreadableAnswer(f"{TRACKING}: {why}.", http_status=reply.status)


def _of_item(item: Item, *, secrets: Sequence[str]) -> Answer | CarrierError:
    status = as_status(item.raw.get("statusCode"))
    failed_with = None if status is not None and 200 <= status <= 299 else status
    if failed_with is None and item.raw.get("error") is None:
        try:
            return snapshot(item.raw)
        except UnreadableAnswer as exc:
            return exc
    refusal = refusal_in(item.raw, status=failed_with, secrets=secrets)
    return about_one_piece(refusal or Refusal(failed_with or HTTPStatus.NOT_FOUND, "", "", ()))
