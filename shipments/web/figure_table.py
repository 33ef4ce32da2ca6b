"""Figures as rows of a table, and of a file."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from shipments.analytics.figures import FEW, Asked, Figures, Group, GroupBy, Week
from shipments.bulk.cells import safe_cell
from shipments.facts import figure_words


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, in words. `is_few` where the share on time rests on few parcels."""

    name: str
    parcels: str
    on_time: str
    on_time_share: float | None
    on_time_before: float | None
    move: figure_words.Move | None
    is_few: bool
    transit: str
    transit_p90: str
    first_scan: str
    first_scan_p90: str
    first_try: str
    failed: str
    exceptions: str
    returns: str
    url: str = ""


def row(name: str, now: Figures, before: Figures | None) -> Row:
    """The line of some parcels; `before` are those of the period before, None where they are not compared."""
    share, earlier = now.on_time_share, before.on_time_share if before else None
    can_compare = before is not None and min(now.judged, before.judged) >= FEW
    return Row(
        name=name,
        parcels=figure_words.count(now.parcels),
        on_time=figure_words.share(share),
        on_time_share=share,
        on_time_before=earlier if can_compare else None,
        move=figure_words.points(share, earlier)
        if can_compare and share is not None and earlier is not None
        else None,
        is_few=0 < now.judged < FEW,
        transit=figure_words.short_days(now.transit.quantile(50)),
        transit_p90=figure_words.short_days(now.transit.quantile(90)),
        first_scan=figure_words.short_days(now.first_scan.quantile(50)),
        first_scan_p90=figure_words.short_days(now.first_scan.quantile(90)),
        first_try=figure_words.share(now.first_try_share),
        failed=figure_words.decimal(now.failed_per_hundred),
        exceptions=figure_words.share(now.exception_share),
        returns=figure_words.share(now.return_share),
    )


def name_of(group: Group, carriers: Mapping[str, str], by: GroupBy) -> str:
    """What the row of a group is called."""
    if by == GroupBy.LANE:
        return figure_words.lane(group.lane)
    carrier = carriers.get(group.carrier, group.carrier)
    return carrier if by == GroupBy.CARRIER else f"{carrier}: {figure_words.service(group.service)}"


def csv_header(asked: Asked) -> list[str]:
    """The names of the columns of the file."""
    names = {
        GroupBy.CARRIER: [_("Carrier")],
        GroupBy.SERVICE: [_("Carrier"), _("Service")],
        GroupBy.LANE: [_("From"), _("To")],
        GroupBy.WEEK: [_("Week from"), _("Week to")],
    }[asked.by]
    kind = _("business days") if asked.in_business_days else _("calendar days")
    return [
        *names,
        _("Parcels"),
        _("Scanned by the carrier"),
        _("Still on their way"),
        _("Promise judged"),
        _("On time"),
        _("On time, share"),
        _("Promise not due yet"),
        _("Delivered"),
        _("In transit, parcels"),
        _("In transit, median in %(kind)s") % {"kind": kind},
        _("In transit, 9 of 10 within %(kind)s") % {"kind": kind},
        _("First scan, parcels"),
        _("First scan, median in %(kind)s") % {"kind": kind},
        _("First scan, 9 of 10 within %(kind)s") % {"kind": kind},
        _("Delivered at the first attempt"),
        _("Delivered at the first attempt, share"),
        _("Attempted"),
        _("Failed attempts"),
        _("Exceptions"),
        _("Exceptions, share"),
        _("Returns"),
        _("Returns, share"),
    ]


def csv_row(each: Group | Week, carriers: Mapping[str, str], asked: Asked) -> list[str | int]:
    """One line of the file: plain numbers, and shares as fractions of 1."""
    found = each.figures
    return [
        *_csv_names(each, carriers, asked),
        found.parcels,
        found.scanned,
        found.under_way,
        found.judged,
        found.on_time,
        _fraction(found.on_time_share),
        found.not_due,
        found.delivered,
        found.transit.parcels,
        _number(found.transit.quantile(50)),
        _number(found.transit.quantile(90)),
        found.first_scan.parcels,
        _number(found.first_scan.quantile(50)),
        _number(found.first_scan.quantile(90)),
        found.first_try,
        _fraction(found.first_try_share),
        found.attempted,
        found.failed_attempts,
        found.exceptions,
        _fraction(found.exception_share),
        found.returns,
        _fraction(found.return_share),
    ]


def _csv_names(each: Group | Week, carriers: Mapping[str, str], asked: Asked) -> list[str]:
    if isinstance(each, Week):
        return [str(each.days.start), str(each.days.end)]
    if asked.by == GroupBy.LANE:
        origin, _between, destination = each.lane.partition("_")
        return [origin, destination]
    names = [carriers.get(each.carrier, each.carrier)]
    return [safe_cell(name) for name in (names if asked.by == GroupBy.CARRIER else [*names, each.service])]


def _fraction(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _number(value: int | None) -> int | str:
    return "" if value is None else value
