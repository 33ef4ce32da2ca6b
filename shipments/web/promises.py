"""How the promised day of a parcel moved, for its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.facts import spelling
from shipments.facts.times import DeliveryEstimate
from shipments.models import Shipment
from shipments.web.parcel_rows import PromiseRow


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: when it was told on the merchant's clock, what it was, and by how much it moved against the one before."""

    told: str
    told_at: datetime
    promised: str
    moved: str
    is_first: bool
    is_worse: bool


def promises_of(shipment: Shipment, newest_first: Sequence[PromiseRow], now: datetime) -> list[Promise]:
    """The promises of the parcel's carrier, newest first; those of a carrier it was given to by mistake are left out."""
    zone = ZoneInfo(shipment.merchant.time_zone)
    today = now.astimezone(zone).date()
    since = shipment.carrier_corrected_at
    told: list[Promise] = []
    before: date | None = None
    for row in reversed(newest_first):
        if since is not None and row.told_at <= since:
            continue
        told_at = row.told_at.astimezone(zone)
        told.append(
            Promise(
                told=f"{spelling.short_day(told_at.date(), today)}, {spelling.clock(told_at.time())}",
                told_at=row.told_at,
                promised=_("taken back")
                if row.on is None
                else spelling.window(DeliveryEstimate(row.on, row.starts, row.ends), today),
                moved=_moved(before, row.on),
                is_first=before is None and row.on is not None,
                is_worse=before is not None and row.on is not None and row.on > before,
            )
        )
        before = row.on or before
    return told[::-1]


def _moved(before: date | None, on: date | None) -> str:
    if before is None or on is None:
        return ""
    days = (on - before) // timedelta(days=1)
    if days == 0:
        return _("same day")
    text = (
        ngettext("%(count)d day later", "%(count)d days later", days)
        if days > 0
        else ngettext("%(count)d day earlier", "%(count)d days earlier", -days)
    )
    return text % {"count": abs(days)}
