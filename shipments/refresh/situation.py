"""What the policy knows of a parcel. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shipments.enums import Status


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a parcel.

    `last_scan_at` is that of the newest scan, `since` when the parcel was added. `misses` tries in a row brought no
    answer; `error_kind` (`carriers.errors.ERROR_KINDS`) and `retry_after` are those of the last one. `checked_at` is
    when a carrier last answered. `service` is the carrier's name for it, `scans_once` that its pieces get one scan,
    `scans_in_part` that they are scanned late and in a part of their way only;
    `zone` the IANA name of the clock at its last known place, else at its destination.
    """

    status: Status
    since: datetime
    last_scan_at: datetime | None = None
    delivered_at: datetime | None = None
    heard: str = ""
    scans_once: bool = False
    scans_in_part: bool = False
    misses: int = 0
    error_kind: str = ""
    retry_after: timedelta | None = None
    cadence: timedelta | None = None
    checked_at: datetime | None = None
    service: str = ""
    promised_on: date | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A parcel that may be looked at now: its key, its bound (`Next.wanted_by`), and whose it is."""

    key: int
    situation: Situation
    wanted_by: datetime
    group: int = 0
