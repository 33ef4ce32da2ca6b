"""What a page may show of a parcel, as plain objects, and who may see how much."""

from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum
from hashlib import sha256


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


@dataclass(frozen=True, slots=True)
class StepView:
    """One of the five steps. `group` is set for the current one only."""

    label: str
    is_past: bool
    is_current: bool
    group: str


@dataclass(frozen=True, slots=True)
class ScanView:
    """One scan. `time` is on the clock of its place, `""` where none was posted; `zone` is named only where it tells something."""

    day: date
    time: str
    machine_time: str
    zone: str
    group: str
    label: str
    place: str
    # The carrier's words, and what only staff see.
    words: str = ""
    words_for_sellers: str = ""
    code: str = ""
    leg: str = ""
    known_by: str = ""
    set_aside: str = ""
    answer_url: str = ""


@dataclass(frozen=True, slots=True)
class DayView:
    """The scans of one day, newest first."""

    heading: str
    machine_date: str
    scans: tuple[ScanView, ...]


@dataclass(frozen=True, slots=True)
class PictureView:
    """A kept picture: where it is, and since when."""

    url: str
    width: int
    height: int
    fetched: str


@dataclass(frozen=True, slots=True)
class PicturesView:
    """The pictures, or `missing`: why there is none. `is_coming`: one may be there any moment."""

    pictures: tuple[PictureView, ...] = ()
    missing: str = ""
    is_coming: bool = False


@dataclass(frozen=True, slots=True)
class ProofView:
    """What is known of the delivery, each as far as the reader may see it, else `""`."""

    when: str
    zone: str
    place: str
    spot: str = ""
    words: str = ""
    signed_by: str = ""
    url: str = ""
    kept: PicturesView = PicturesView()
    statements_url: str = ""


@dataclass(frozen=True, slots=True)
class FreshnessView:
    """How old the facts are. `warning` says what is wrong and what is kept; `detail` is the carrier's trouble, for staff."""

    last_scan: str
    checked: str
    next_check: str
    warning: str
    detail: str


@dataclass(frozen=True, slots=True)
class ParcelView:
    """Everything a page shows of one parcel to a reader with this sight."""

    sight: Sight
    number: str
    carrier: str
    carrier_url: str
    status: str
    group: str
    status_label: str
    sentence: str
    is_late: bool
    action: str
    step_text: str
    steps: tuple[StepView, ...]
    days: tuple[DayView, ...]
    older_days: tuple[DayView, ...]
    older_count: int
    freshness: FreshnessView
    # Nothing more is to come: a page about it need not ask again.
    is_final: bool
    expected: str
    proof: ProofView | None = None
    service: str = ""
    second_number: str = ""
    sender: str = ""
    set_aside: tuple[ScanView, ...] = ()
    set_aside_count: int = 0

    @property
    def has_more_scans(self) -> bool:
        """Whether there are scans beyond those that were asked for."""
        older = sum(len(day.scans) for day in self.older_days)
        return older < self.older_count or len(self.set_aside) < self.set_aside_count

    @property
    def digest(self) -> str:
        """A mark that changes with what the page shows, apart from how old it is."""
        silent = FreshnessView("", "", "", self.freshness.warning and "!", self.freshness.detail)
        return sha256(repr(replace(self, freshness=silent)).encode()).hexdigest()[:16]

    def tells_more_than(self, other: "ParcelView") -> bool:
        """Whether a reader of the other view learns anything from this one."""
        return replace(self, sight=other.sight) != other
