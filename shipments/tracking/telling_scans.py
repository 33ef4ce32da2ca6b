"""What may be told of a parcel's scans, on a page or in a mail: their rows into plain objects, as far as a sight allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import lru_cache

from django.utils.translation import gettext as _

from shipments.enums import GROUP_OF, Sight, Status, ZoneKnownBy
from shipments.facts import spelling, wording
from shipments.models import ScanEvent


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


def scan_views(
    scans: Sequence[ScanEvent],
    sight: Sight,
    most: int | None = None,
    answer_of: Callable[[ScanEvent], str] | None = None,
) -> list[ScanView]:
    """Up to `most` of the scans, which are newest first, as a reader with this sight may see them."""
    shown = scans[:most]
    zones = _zones_worth_naming(shown)
    return [scan_view(scan, zone, sight, answer_of) for scan, zone in zip(shown, zones, strict=True)]


def _zones_worth_naming(scans: Sequence[ScanEvent]) -> list[str]:
    """The zone of each scan where it differs from that of the scan read before it, or is no more than assumed; else `""`.

    The newest is read first: whoever reads on from there knows the clock of every time, whether older scans are open or not.
    """
    names: list[str] = []
    labels: dict[tuple[str, int | None, str], str] = {}
    before = ""
    for scan in scans:
        if scan.local_time is None:
            names.append("")
            continue
        clock = (scan.zone, scan.offset, scan.known_by)
        name = labels.get(clock) or labels.setdefault(clock, spelling.zone_label(*clock))
        names.append(name if name != before or scan.known_by == ZoneKnownBy.ASSUMED else "")
        before = name
    return names


def scan_view(
    scan: ScanEvent, zone: str, sight: Sight, answer_of: Callable[[ScanEvent], str] | None
) -> ScanView:
    """The scan as a reader with this sight may see it; `zone` is the name of its clock, where it is worth naming."""
    status = Status(scan.status)
    clock, label, town = _words(
        scan.local_time and scan.local_time.replace(second=0, microsecond=0),
        status,
        scan.city,
        scan.region,
        scan.country,
        spelling.locale(),
    )
    view = ScanView(
        day=scan.local_date,
        time=clock,
        machine_time=scan.local_date.isoformat() if scan.at is None else _machine(scan.at),
        zone=zone,
        group=GROUP_OF[status],
        label=label,
        place=town,
    )
    if sight < Sight.POSTAL_CODE:
        return view
    view = replace(
        view,
        place=spelling.place(scan.city, scan.region, scan.country, scan.postal_code),
        words=scan.text_for_buyers or scan.text,
    )
    if sight < Sight.STAFF:
        return view
    return replace(
        view,
        words=scan.text,
        words_for_sellers=scan.text_for_sellers,
        code=scan.code,
        leg=scan.leg,
        known_by=known_by(scan),
        answer_url=answer_of(scan) if answer_of else "",
    )


# Whole lists are of scans that others have had, too.
@lru_cache(8192)
def _words(
    at: time | None, status: Status, city: str, region: str, country: str, language: str
) -> tuple[str, str, str]:
    """Clock, label and town in the active language, which is `language`."""
    return (
        "" if at is None else spelling.clock(at),
        wording.scan_label(status),
        spelling.town(city, region, country),
    )


def _machine(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def known_by(scan: ScanEvent) -> str:
    """How the time of a scan is known."""
    if scan.local_time is None:
        return _("no time given")
    return {
        ZoneKnownBy.CARRIER: _("time zone told by the carrier"),
        ZoneKnownBy.PLACE: _("time zone of the place"),
        ZoneKnownBy.ASSUMED: _("time zone assumed"),
    }[ZoneKnownBy(scan.known_by)]


def days_of(views: Sequence[ScanView], today: date) -> tuple[DayView, ...]:
    """The scans under the local days they happened on."""
    days: dict[date, list[ScanView]] = {}
    for view in views:
        days.setdefault(view.day, []).append(view)
    return tuple(
        DayView(spelling.long_day(day, today), day.isoformat(), tuple(scans)) for day, scans in days.items()
    )
