"""How old a parcel's facts are, and why."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from shipments.enums import AnswerKind, EndReason, Lifecycle, Status
from shipments.facts import spelling
from shipments.models import ScanEvent, Shipment, Watch
from shipments.web.parcel_view import FreshnessView, Sight

# A parcel that should move and has no news for so long is said to be silent.
SILENT_AFTER = timedelta(days=4)
# A check that is due for so long tells of a queue that stands still.
BEHIND_AFTER = timedelta(hours=1)


def freshness(
    shipment: Shipment, shown: Sequence[ScanEvent], *, sight: Sight, now: datetime
) -> FreshnessView:
    watch: Watch | None = getattr(shipment, "watch", None)
    checked_at = watch.checked_at if watch else None
    return FreshnessView(
        # Who made the label told of it: the carrier has not scanned the parcel.
        last_scan=_last_scan(shown[0], now) if any(scan.status != Status.MANIFEST for scan in shown) else "",
        checked=_("checked %(age)s") % {"age": spelling.age(now - checked_at)}
        if checked_at
        else _("not checked yet"),
        next_check=_next_check(shipment, watch, now),
        warning=_warning(shipment, watch, shown, now),
        detail=(watch.error_text or watch.heard_text) if watch and sight == Sight.STAFF else "",
    )


def _last_scan(scan: ScanEvent, now: datetime) -> str:
    if scan.at is None:
        return _("Carrier's last scan on %(day)s") % {"day": spelling.short_day(scan.local_date, now.date())}
    return _("Carrier's last scan %(age)s") % {"age": spelling.age(now - scan.at)}


def _next_check(shipment: Shipment, watch: Watch | None, now: datetime) -> str:
    if shipment.lifecycle != Lifecycle.ACTIVE:
        return {
            EndReason.SETTLED: _("no more checks: it has arrived"),
            EndReason.RETURNED: _("no more checks: it went back"),
            EndReason.LOST: _("no more checks: it is lost"),
            EndReason.TOO_OLD: _("no more checks: it is too old"),
        }.get(EndReason(shipment.end_reason), _("no more checks"))
    expected_at = watch.expected_at if watch else None
    if watch is None or watch.due_at is None or expected_at is None:
        return _("no more checks")
    if watch.is_being_asked and watch.due_at > now:
        return _("checking now")
    return _("next check %(when)s") % {"when": spelling.ahead(expected_at - now)}


def _warning(shipment: Shipment, watch: Watch | None, shown: Sequence[ScanEvent], now: datetime) -> str:
    """Why what is shown may be old, in one sentence; `""` when there is nothing to say."""
    if watch is None:
        return ""
    told_at = shipment.facts_fetched_at if shown else None
    kept = {"carrier": shipment.carrier.name, "age": spelling.age(now - told_at) if told_at else ""}
    if watch.error_kind == "unreadable":
        return (
            _(
                "The newest answer of %(carrier)s could not be read. What you see is kept from %(age)s; we will ask again."
            )
            % kept
            if told_at
            else _("The answer of %(carrier)s could not be read; we will ask again.") % kept
        )
    if watch.error_kind:
        return (
            _(
                "%(carrier)s is not answering at the moment. What you see is kept from %(age)s; we will ask again."
            )
            % kept
            if told_at
            else _("%(carrier)s is not answering at the moment; we will ask again.") % kept
        )
    if told_at and watch.heard in {AnswerKind.NOT_KNOWN, AnswerKind.NOT_ALLOWED}:
        return (
            _("%(carrier)s no longer tells us about this number. What you see is kept from %(age)s.") % kept
        )
    if shipment.lifecycle != Lifecycle.ACTIVE:
        return ""
    if watch.expected_at is not None and now - watch.expected_at > BEHIND_AFTER:
        return _("Our checks are late: this one was due %(age)s.") % {
            "age": spelling.age(now - watch.expected_at)
        }
    silence = now - shown[0].ordered_at if shown else timedelta(0)
    if silence > SILENT_AFTER and Status(shipment.status) not in {Status.DELIVERED, Status.RETURN_TO_SENDER}:
        return _("%(carrier)s has posted nothing new for %(days)d days.") % {
            "carrier": shipment.carrier.name,
            "days": silence.days,
        }
    return ""
