"""What every carrier client takes and gives: questions, and answers in one shape.

A client is asked about many parcels at once and returns exactly one `Outcome` per question, in the order of
the questions. Trouble with one parcel is that parcel's outcome; it never costs the others theirs.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Protocol

from shipments.carriers.errors import CarrierError
from shipments.enums import Gateway, Status
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate, Posted


@dataclass(frozen=True, slots=True)
class Question:
    """One parcel to ask about.

    `key` is the asker's own and comes back untouched; `number` is in canonical form; `carrier` is our code, by which
    rules and tables are found, and `wire_value` what the gateway calls it, `""` for the same. `postal_code` is the destination's five-digit ZIP Code and, like
    `mailing_date`, only given where known: it tells parcels apart that share a number. `known` is the SHA-256 of
    the part the asker has read last: the same again is not read anew (`Unchanged`).
    """

    key: int
    number: str
    carrier: str
    postal_code: str | None = None
    mailing_date: date | None = None
    known: str | None = None
    wire_value: str = ""

    @property
    def asked_as(self) -> str:
        """The carrier in the gateway's words."""
        return self.wire_value or self.carrier


@dataclass(frozen=True, slots=True)
class Scan:
    """One event as the carrier told it, in our shape. Missing text is `""`, anything else missing is None.

    `status` is the carrier's own word where it gave one that we know, else what our tables make of the
    carrier's code, else of its text; None where all three are silent. `status_by` says which
    (`carrier`, `code`, `text` or `""`). `details` keeps the carrier's lesser fields under their wire names.
    """

    posted: Posted
    place: Place
    code: str
    text: str
    status: Status | None
    status_by: str
    text_for_buyers: str = ""
    text_for_sellers: str = ""
    url: str = ""
    leg: str = ""
    signed_by: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


# Stands in a scan that is not `timed` yet.
SOME_DAY = Posted(date.min)


def timed(scan: Scan, posted: Posted) -> Scan:
    """The same at that moment."""
    return Scan(
        posted, scan.place, scan.code, scan.text, scan.status, scan.status_by, scan.text_for_buyers,
        scan.text_for_sellers, scan.url, scan.leg, scan.signed_by, scan.details,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of an answer that could not be read: where it stood, and why. The raw answer keeps the part."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything one answer says about one parcel. Missing text is `""`, anything else missing is None.

    `number` and `carrier` are as the carrier wrote them. `status` is the carrier's headline where it gave
    one we know; the shipment's own status is derived from the scans. `weight_value` is kept as it was sent
    (number or text). `truncated` is true when the carrier may have left out older scans (a limit reached).
    `origin_*`/`destination` come from USPS. `details` keeps lesser fields under their wire names.
    """

    number: str
    carrier: str
    scans: tuple[Scan, ...]
    unreadable: tuple[Unreadable, ...] = ()
    truncated: bool = False
    package_count: int | None = None
    status: Status | None = None
    status_text: str = ""
    updated: Posted | None = None
    last_location: str = ""
    service_code: str = ""
    service_name: str = ""
    weight_value: float | int | str | None = None
    weight_unit: str = ""
    dimension: Mapping[str, str | None] | None = None
    reference_number: str = ""
    smart_label_barcode: str = ""
    second_number: str = ""
    shipped: Posted | None = None
    estimate: DeliveryEstimate | None = None
    delivered: Posted | None = None
    delivery_location: str = ""
    delivery_description: str = ""
    delivery_proof_url: str = ""
    signed_by: str = ""
    reattempt: Posted | None = None
    origin: Place | None = None
    destination: Place | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotKnown:
    """The carrier has nothing on this number yet: normal for a new label. `reason` is our sentence."""

    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The carrier knows that this account may not see this piece (USPS mailer-ID rule). `reason` is our sentence."""

    reason: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The carrier said again, byte for byte, what the asker knows. `read` says what that is, for one who has forgotten."""

    read: "Callable[[], Answer | CarrierError]"


Answer = Snapshot | NotKnown | NotAllowed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question: an answer or an error, never both, never neither; `Unchanged` only where the question
    says what is known.

    `part` alone says what is to be kept of this parcel: its part of the reply as bytes (the whole body, perhaps
    cut, where the call asked about this parcel only), None where there is none. `body_sha256` is the hex digest
    of the whole body it stood in. `fetched_at` is when the reply had arrived, or when it was given up.
    """

    question: Question
    result: Answer | Unchanged | CarrierError
    fetched_at: datetime
    part: bytes | None = None
    body_sha256: str | None = None

    def read(self) -> "Outcome":
        """The same with the answer itself in place of `Unchanged`."""
        return replace(self, result=self.result.read()) if isinstance(self.result, Unchanged) else self


def digest_of(part: bytes) -> str:
    """By which a part is known again."""
    return hashlib.sha256(part).hexdigest()


def known_to(questions: Iterable[Question]) -> frozenset[str]:
    """The digests of all that is known to those who ask."""
    return frozenset(question.known for question in questions if question.known is not None)


class CarrierClient(Protocol):
    """Asks one gateway with one account. Made for one event loop; `aclose()` when done."""

    gateway: Gateway
    # A small batch, for people who wait: one call's fill, or as many calls of one parcel as end within seconds.
    max_batch: int
    # How many a worker asks about with one client and stores in one transaction: ten times as many parcels take about as
    # many statements. As many calls as end within `http.WHOLE_ROUND` also where each takes three seconds.
    in_one_go: int

    async def track(self, questions: Sequence[Question]) -> list[Outcome]:
        """One outcome per question, in their order. Never raises `CarrierError`: it stands in the outcomes.

        Ends within `http.WHOLE_ROUND`: what has no answer by then is `TryLater`, what was answered stays so.
        """
        ...

    async def check(self) -> None:
        """Fetch a fresh token with the account's credentials, or raise the `CarrierError` that says what fails."""
        ...

    async def aclose(self) -> None: ...
