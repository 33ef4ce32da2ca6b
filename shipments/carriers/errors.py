"""What can go wrong when a carrier is asked, sorted by what to do about it.

    CarrierError
    ├── TryLater              network, time-out, 5xx, maintenance: ask again, the account is fine
    │   ├── OverQuota         the carrier wants fewer calls: wait `retry_after`, for the whole account
    │   └── OutOfBudget       nobody was asked: by our own count the account has no call left now
    ├── BadCredentials        key, secret or token refused: a person must look at the account
    ├── NotEntitled           the key is good, but the account may not use tracking: a person must look
    ├── BadRequest            the carrier says our question is malformed: asking again will not help
    └── UnreadableAnswer      an answer that makes no sense: kept raw, asked again later

That a number is not known, or that one piece may not be seen by this account, is an answer
(`base.NotKnown`, `base.NotAllowed`) and not an error.

Messages are shown to people and written to logs, so they never hold a secret, a header or a whole body.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Self

from shipments.enums import Unreached


class CarrierError(Exception):
    """A question to a carrier that brought no answer; `str()` says so in one sentence.

    `code` is the carrier's own error code where it gave one; `http_status` that of its reply.
    `kept` is the raw reply (bounded) where there is one worth keeping. `unreached` says why there was no reply at all.
    """

    # What a page says to do about it; the message says what happened.
    advice: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        http_status: int | None = None,
        retry_after: timedelta | None = None,
        kept: bytes | None = None,
        unreached: Unreached | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
        self.retry_after = retry_after
        self.kept = kept
        self.unreached = unreached

    def without_reply(self) -> Self:
        """The same trouble, for parcels that were not asked about: the reply it came with is another one's."""
        return type(self)(
            str(self),
            code=self.code,
            http_status=self.http_status,
            retry_after=self.retry_after,
            unreached=self.unreached,
        )


class TryLater(CarrierError):
    """The carrier could not be reached, or is not itself: ask again."""

    advice = "Asked again automatically."


class OverQuota(TryLater):
    """The carrier wants fewer calls; `retry_after` says for how long where the carrier did."""

    advice = "Asked again when the carrier allows it."


class OutOfBudget(TryLater):
    """The carrier was not asked, because the account's calls are used up for now."""

    advice = "Asked when the account has calls left."


class BadCredentials(CarrierError):
    """The carrier refused key, secret or a token just fetched with them."""

    advice = "Check the account's key and secret."


class NotEntitled(CarrierError):
    """The credentials are good, but the account may not use the tracking product."""

    advice = "Ask the carrier to enable tracking for this account."


class BadRequest(CarrierError):
    """The carrier finds our question malformed; the same question again would get the same reply."""

    advice = "Check the number, the carrier and the postal code of this parcel."


class UnreadableAnswer(CarrierError):
    """The carrier answered something that cannot be read; `kept` holds it."""

    advice = "Asked again later."


# Stored beside a parcel as a word, so that pages need not import this module.
ERROR_KINDS: Mapping[type[CarrierError], str] = {
    TryLater: "try-later",
    OverQuota: "over-quota",
    OutOfBudget: "over-quota",
    BadCredentials: "bad-credentials",
    NotEntitled: "not-entitled",
    BadRequest: "bad-request",
    UnreadableAnswer: "unreadable",
}
