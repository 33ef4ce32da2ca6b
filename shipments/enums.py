"""The vocabulary every layer shares: plain words, no behaviour that needs a database."""

from enum import IntEnum, StrEnum


class Status(StrEnum):
    """Where a parcel is in its life: Pitney Bowes' eleven words, and ours for what we cannot read."""

    MANIFEST = "Manifest"
    ACCEPTANCE = "Acceptance"
    PICKED_UP = "PickedUp"
    IN_TRANSIT = "InTransit"
    OUT_FOR_DELIVERY = "OutForDelivery"
    DELIVERY_ATTEMPT = "DeliveryAttempt"
    READY_FOR_PICKUP = "ReadyForPickup"
    PICKUP_MISSED = "PickupMissed"
    DELIVERED = "Delivered"
    RETURN_TO_SENDER = "ReturnToSender"
    EXCEPTION = "Exception"
    UNKNOWN = "Unknown"


class StatusGroup(StrEnum):
    """What a status asks of a person; pages colour and count by it."""

    WAITING = "waiting"
    MOVING = "moving"
    TODAY = "today"
    NEEDS_YOU = "needs-you"
    TROUBLE = "trouble"
    DONE = "done"
    UNKNOWN = "unknown"


GROUP_OF: dict[Status, StatusGroup] = {
    Status.MANIFEST: StatusGroup.WAITING,
    Status.ACCEPTANCE: StatusGroup.MOVING,
    Status.PICKED_UP: StatusGroup.MOVING,
    Status.IN_TRANSIT: StatusGroup.MOVING,
    Status.OUT_FOR_DELIVERY: StatusGroup.TODAY,
    Status.DELIVERY_ATTEMPT: StatusGroup.NEEDS_YOU,
    Status.READY_FOR_PICKUP: StatusGroup.NEEDS_YOU,
    Status.PICKUP_MISSED: StatusGroup.NEEDS_YOU,
    Status.EXCEPTION: StatusGroup.TROUBLE,
    Status.RETURN_TO_SENDER: StatusGroup.TROUBLE,
    Status.DELIVERED: StatusGroup.DONE,
    Status.UNKNOWN: StatusGroup.UNKNOWN,
}


class Gateway(StrEnum):
    """The two doors to the carriers' facts."""

    USPS = "usps"
    PITNEY_BOWES = "pitney_bowes"


class CarrierCode(StrEnum):
    """The carriers that code has rules about (check digits, barcodes, tables of codes): Pitney Bowes' values, case-exact.

    Which carriers there are is data (`models.Carrier`); nothing may be offered from this list.
    """

    USPS = "USPS"
    IMB = "IMB"
    FDR = "FDR"
    NEWGISTICS = "NEWGISTICS"
    PBCS = "PBCS"
    PBI = "PBI"
    FEDEX = "FedEx"
    UPS = "UPS"


class Counted(StrEnum):
    """Which days a service's days are."""

    BUSINESS = "business"
    CALENDAR = "calendar"


class Environment(StrEnum):
    """Which of a gateway's hosts an account talks to."""

    PRODUCTION = "production"
    TEST = "test"


class ZoneKnownBy(StrEnum):
    """How the instant behind a posted local time is known."""

    CARRIER = "carrier"
    PLACE = "place"
    ASSUMED = "assumed"


class Sight(IntEnum):
    """How much a reader may see; each sight includes the one before it."""

    # A tracking number can be guessed: our words for the status, dates, the carrier, places to the level of towns.
    NUMBER = 1
    # Who knows the destination: the carrier's own words, where it was left, postal codes, service, second number.
    POSTAL_CODE = 2
    # Who was sent the private link: who signed, the carrier's proof, who sent it.
    PRIVATE_LINK = 3
    # The merchant's people: codes, the carrier's words for sellers, scans taken back or of an earlier parcel.
    STAFF = 4


class Lifecycle(StrEnum):
    """Whether anybody still asks about a parcel; apart from its status."""

    ACTIVE = "active"
    ENDED = "ended"
    ARCHIVED = "archived"


class EndReason(StrEnum):
    """Why nobody asks about a parcel any more."""

    SETTLED = "settled"
    RETURNED = "returned"
    LOST = "lost"
    TOO_OLD = "too-old"
    BY_HAND = "by-hand"
    # It was still asked about when it was archived: restoring it takes the asking up again.
    ARCHIVED = "archived"


class Role(StrEnum):
    """What a person may do for a merchant."""

    VIEWER = "viewer"
    MANAGER = "manager"
    OWNER = "owner"


class Resolution(StrEnum):
    """What a person has made of a parcel; stands beside the carrier's facts, never over them."""

    LOST = "lost"
    REFUNDED = "refunded"
    RETURNED = "returned"


class Reason(StrEnum):
    """Why a parcel needs a person, the worst first."""

    EXCEPTION = "exception"
    RETURNING = "returning"
    ATTEMPTED = "attempted"
    AGEING_PICKUP = "ageing-pickup"
    LATE = "late"
    SILENT = "silent"
    NO_FIRST_SCAN = "no-first-scan"
    NO_PROOF = "no-proof"
    NOT_KNOWN = "not-known"


class Wants(StrEnum):
    """What a buyer wishes to be told by e-mail: what has happened, what will, or both."""

    SO_FAR = "so-far"
    FROM_NOW = "from-now"
    BOTH = "both"


class Milestone(StrEnum):
    """What a buyer is told of by a mail, each once per parcel. A label alone is none: nothing has moved yet."""

    ON_THE_WAY = "on-the-way"
    OUT_FOR_DELIVERY = "out-for-delivery"
    ATTEMPTED = "attempted"
    READY_FOR_PICKUP = "ready-for-pickup"
    PICKUP_MISSED = "pickup-missed"
    PROBLEM = "problem"
    RETURNING = "returning"
    DELIVERED = "delivered"


MILESTONE_OF: dict[Status, Milestone] = {
    # The first sign of the parcel itself, whichever of the three it is.
    Status.ACCEPTANCE: Milestone.ON_THE_WAY,
    Status.PICKED_UP: Milestone.ON_THE_WAY,
    Status.IN_TRANSIT: Milestone.ON_THE_WAY,
    Status.OUT_FOR_DELIVERY: Milestone.OUT_FOR_DELIVERY,
    Status.DELIVERY_ATTEMPT: Milestone.ATTEMPTED,
    Status.READY_FOR_PICKUP: Milestone.READY_FOR_PICKUP,
    Status.PICKUP_MISSED: Milestone.PICKUP_MISSED,
    Status.EXCEPTION: Milestone.PROBLEM,
    Status.RETURN_TO_SENDER: Milestone.RETURNING,
    Status.DELIVERED: Milestone.DELIVERED,
}


class Deed(StrEnum):
    """What people do to many parcels at once."""

    REFRESH = "refresh"
    TAG = "tag"
    UNTAG = "untag"
    ARCHIVE = "archive"
    RESTORE = "restore"
    CLOSE = "close"
    REOPEN = "reopen"
    PROOF_DUE = "proof-due"
    PROOF_NOT_DUE = "proof-not-due"
    RESOLVE = "resolve"
    ASSIGN = "assign"


class WorkState(StrEnum):
    """How far a piece of background work has come."""

    DRAFT = "draft"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class AnswerKind(StrEnum):
    """What a carrier's answer about one parcel amounts to."""

    SNAPSHOT = "snapshot"
    NOT_KNOWN = "not-known"
    NOT_ALLOWED = "not-allowed"
    UNREADABLE = "unreadable"


class BreakerState(StrEnum):
    """Whether an account is asked with: closed, it is; open, it is not; half-open, one probe tells."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class FetchTrouble(StrEnum):
    """Why a carrier's picture of a delivery is not kept."""

    BAD_ADDRESS = "bad-address"
    PRIVATE_HOST = "private-host"
    UNREACHABLE = "unreachable"
    TOO_SLOW = "too-slow"
    REFUSED = "refused"
    TOO_MANY_REDIRECTS = "redirects"
    TOO_LARGE = "too-large"
    NO_PICTURE = "no-picture"
    BAD_PICTURE = "bad-picture"
    INTERRUPTED = "interrupted"
    OVERTAKEN = "overtaken"
    ENOUGH = "enough"
