"""What pages say of data that is no longer kept: what it was, since when it is gone, and why."""

from datetime import date, datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.enums import Kept, Sight
from shipments.facts import spelling
from shipments.models import Shipment


def erased_notes(shipment: Shipment, sight: Sight, today: date) -> tuple[str, ...]:
    """A sentence for each kind of data that was erased of the parcel, for a reader with this sight; none where all is kept."""
    return tuple(f"{words} {_why(shipment, kind, today)}" for kind, words in _gone(shipment, sight) if words)


def erased_on(shipment: Shipment, kind: Kept, today: date) -> str:
    """The day this kind of data was erased, `""` where that is not known."""
    said = shipment.erasures.get(kind)
    return "" if said is None else spelling.short_day(datetime.fromisoformat(said["at"]).date(), today)


def age_in_words(days: int) -> str:
    """An age as people say it: whole years and months where it is that, else days."""
    if days % 365 == 0:
        return ngettext("%(count)d year", "%(count)d years", days // 365) % {"count": days // 365}
    if days % 30 == 0:
        return ngettext("%(count)d month", "%(count)d months", days // 30) % {"count": days // 30}
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def _gone(shipment: Shipment, sight: Sight) -> list[tuple[Kept, str]]:
    gone: list[tuple[Kept, str]] = []
    if shipment.has_lost(Kept.PERSONAL):
        # Answers and pictures name people, and went along.
        gone.append(
            (Kept.PERSONAL, _("Names, addresses, pictures and the carrier's own words are no longer kept."))
        )
    else:
        if shipment.has_lost(Kept.PROOFS):
            gone.append((Kept.PROOFS, _("Pictures of the delivery are no longer kept.")))
        if shipment.has_lost(Kept.ANSWERS) and sight == Sight.STAFF:
            gone.append((Kept.ANSWERS, _("The carrier's raw answers are no longer kept.")))
    if shipment.has_lost(Kept.SCANS):
        gone.append((Kept.SCANS, _("The single scans are no longer kept.")))
    return gone


def _why(shipment: Shipment, kind: Kept, today: date) -> str:
    said = shipment.erasures.get(kind)
    if said is None:
        return ""
    day = erased_on(shipment, kind, today)
    if said["days"] is None:
        return _("They were removed on %(day)s, on request.") % {"day": day}
    return _("They were removed on %(day)s: they are kept for %(age)s after the last news of a parcel.") % {
        "day": day,
        "age": age_in_words(said["days"]),
    }
