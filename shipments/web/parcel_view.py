"""What a page may show of a parcel, as plain objects. Who may see how much: `enums.Sight`."""

from dataclasses import dataclass, replace
from hashlib import sha256

from shipments.enums import Sight
from shipments.tracking.telling_scans import DayView, ScanView
from shipments.web.route_view import RouteView

__all__ = ["DayView", "FreshnessView", "ParcelView", "ProofView", "ScanView", "Sight", "StepView"]


@dataclass(frozen=True, slots=True)
class StepView:
    """One of the five steps. `group` is set for the current one only."""

    label: str
    is_past: bool
    is_current: bool
    group: str


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
    # Its way is over: no news of it is to come, though a picture of its delivery may be.
    is_over: bool
    expected: str
    proof: ProofView | None = None
    # The way so far as a map and as text; None while no place is known.
    route: RouteView | None = None
    service: str = ""
    second_number: str = ""
    sender: str = ""
    order: str = ""
    set_aside: tuple[ScanView, ...] = ()
    set_aside_count: int = 0
    # What is no longer kept of it, a sentence each.
    erased: tuple[str, ...] = ()
    has_scans_erased: bool = False
    has_people_erased: bool = False

    @property
    def is_final(self) -> bool:
        """Nothing more is to come: a page about it need not ask again."""
        return self.is_over and not (self.proof is not None and self.proof.kept.is_coming)

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
