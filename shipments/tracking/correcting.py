"""What a person knows better than what was typed, or than what the carrier's number says: put right, history kept.

A changed carrier starts the facts anew. What the carrier before had told stays on record, set aside: its scans come
back only where the new carrier shows the same ones, and the status is unknown until it has answered. A changed ship
date, and a new parcel under a number used before, are applied to the scans at once; the next answer settles the rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from shipments.enums import EndReason, Lifecycle, Status
from shipments.facts import numbers
from shipments.facts.places import comparable_postal_code
from shipments.facts.timeline import start_of_next_parcel
from shipments.models import Carrier, PromisedDay, Proof, ScanEvent, Shipment, Subscription, Watch
from shipments.tracking.adding import (
    BadParcel,
    read_gateway,
    read_mailing_date,
    read_postal_code,
)
from shipments.tracking.catalogue import Routes
from shipments.tracking.deriving import SHIPMENT_FACTS, forget, look_again, ship_date_of

# A correction of these changes what the carrier is asked, or what of its answers counts.
_ASKED_WITH = frozenset({"carrier", "gateway", "mailing_date", "destination_postal_code"})
_FACTS = (*SHIPMENT_FACTS, "number_from", "number_until", "carrier_corrected_at")
# The columns of a scan that say whether it is shown.
_SET_ASIDE = ("withdrawn_at", "earlier_parcel")
_LONGEST_ORDER, _LONGEST_RECIPIENT = 100, 200


class SameParcel(BadParcel):
    """What is wanted is there already: `other` is that parcel."""

    def __init__(self, field: str, message: str, other: Shipment) -> None:
        super().__init__(field, message)
        self.other = other


class ChangedMeanwhile(Exception):
    """The parcel is no longer what a correction was made from."""


@dataclass(frozen=True, slots=True)
class Particulars:
    """All that a merchant says of a parcel, checked."""

    carrier: str
    number: str
    gateway: str
    mailing_date: date | None
    destination_postal_code: str
    order_number: str
    recipient_name: str
    proof_due: bool


@dataclass(frozen=True, slots=True)
class Corrected:
    """The columns that a correction changed, with their values before and after; empty where it changed none."""

    before: dict[str, Any]
    after: dict[str, Any]


def read_particulars(
    shipment: Shipment,
    *,
    carrier: str,
    gateway: str,
    mailing_date: str,
    postal_code: str,
    order_number: str,
    recipient_name: str,
    proof_due: bool,
) -> Particulars:
    """What was typed about a known parcel; BadParcel naming the field and the rule. An empty text means none."""
    if carrier != shipment.carrier_id and carrier not in (offered := Carrier.objects.offered()):
        raise BadParcel(
            "carrier",
            _("A carrier is one of %(known)s, written exactly so.") % {"known": ", ".join(offered)},
        )
    # A gateway that is pinned and left alone is not judged anew: its route may have gone since.
    kept = (carrier, gateway) == (shipment.carrier_id, shipment.gateway)
    return Particulars(
        carrier=carrier,
        number=_number_under(shipment, carrier),
        gateway=gateway if kept else str(read_gateway(gateway, carrier, Routes.read()) or ""),
        mailing_date=read_mailing_date(mailing_date or None),
        # A code that an answer brought, or of another country, may stay as it is.
        destination_postal_code=postal_code
        if postal_code == shipment.destination_postal_code
        else read_postal_code(postal_code or None),
        order_number=" ".join(order_number.split())[:_LONGEST_ORDER],
        recipient_name=" ".join(recipient_name.split())[:_LONGEST_RECIPIENT],
        proof_due=proof_due,
    )


def particulars_of(shipment: Shipment) -> Particulars:
    """All that is said of a parcel as it stands."""
    return Particulars(
        carrier=shipment.carrier_id,
        number=shipment.number,
        gateway=shipment.gateway,
        mailing_date=shipment.mailing_date,
        destination_postal_code=shipment.destination_postal_code,
        order_number=shipment.order_number,
        recipient_name=shipment.recipient_name,
        proof_due=shipment.proof_due,
    )


def correct(
    shipment: Shipment, said: Particulars, *, made_from: Particulars | None = None, now: datetime
) -> Corrected:
    """Make the parcel what a person says it is; SameParcel where the merchant has that parcel already.

    `made_from` is what the person saw: ChangedMeanwhile, and nothing is changed, where the parcel is no longer that.
    Whatever changes the question has it asked at once, also about a parcel that the old facts had ended; one that was
    closed by hand or archived stays so. `shipment` itself is left as it was: read it again.
    """
    with transaction.atomic():
        row = _locked(shipment)
        stands = particulars_of(row)
        if made_from is not None and made_from != stands:
            raise ChangedMeanwhile
        before, after = _differences(stands, said)
        if not after:
            return Corrected({}, {})
        was_mailed = row.mailing_date
        for name in after:
            setattr(row, "carrier_id" if name == "carrier" else name, getattr(said, name))
        if "carrier" in after:
            _change_carrier(row, now)
            _save_facts(row, now, *after, "instance", "lookup_key")
            row.watch.forget()
        elif "mailing_date" in after:
            _mailed_another_day(row, was_mailed, now)
            _save_facts(row, now, *after)
        else:
            _save(row, after)
        if _goes_elsewhere(before, after):
            Subscription.objects.forget_postal_code(row)
        if _ASKED_WITH & after.keys():
            if row.lifecycle == Lifecycle.ACTIVE:
                row.watch.begin(now)
            elif row.end_reason != EndReason.BY_HAND and Shipment.objects.filter(pk=row.pk).reopen(now):
                before, after = (
                    before | {"lifecycle": Lifecycle.ENDED},
                    after | {"lifecycle": Lifecycle.ACTIVE},
                )
            elif row.lifecycle == Lifecycle.ARCHIVED and row.end_reason != EndReason.BY_HAND:
                # What it had ended for was the wrong facts' word: out of the archive, it is asked about.
                Shipment.objects.filter(pk=row.pk).update(end_reason=EndReason.ARCHIVED)
        return Corrected(before, after)


def _goes_elsewhere(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether the postal code is another one, and not only written otherwise."""
    column = "destination_postal_code"
    if column not in after:
        return False
    return comparable_postal_code(before[column]) != comparable_postal_code(after[column])


def start_again(
    shipment: Shipment,
    *,
    mailing_date: date,
    postal_code: str = "",
    order_number: str = "",
    recipient_name: str = "",
    now: datetime,
) -> Shipment:
    """A new parcel under the number of this one, which the carrier has used again; the old one is kept, and ends.

    Scans from the new parcel's label or ship date on are no longer shown with the old one; the new one gets its own
    with its first answer, and is due at once. BadParcel for a ship date that cannot be; SameParcel where there is
    such a parcel already.
    """
    with transaction.atomic():
        old = _locked(shipment)
        siblings = _siblings(old)
        for sibling in siblings:
            if sibling.mailing_date == mailing_date:
                raise SameParcel(
                    "mailing date", _("There is a parcel with this number and mailing date already."), sibling
                )
        mailed = ship_date_of(old, None)
        if mailed is not None and mailing_date <= mailed:
            raise BadParcel(
                "mailing date",
                _("This parcel was mailed on %(day)s; a new one with its number is mailed later.")
                % {"day": mailed.isoformat()},
            )
        scans = list(ScanEvent.objects.filter(shipment=old).order_by("pk"))
        own = [scan for scan in scans if not scan.withdrawn_at and not scan.earlier_parcel]
        line = start_of_next_parcel(((scan.local_date, Status(scan.status)) for scan in own), mailing_date)
        last = max((scan.local_date for scan in own if scan.local_date < line), default=None)
        newest = Shipment.objects.filter(
            merchant=old.merchant_id, carrier=old.carrier_id, number=old.number
        ).aggregate(newest=Max("instance"))["newest"]
        new = Shipment.objects.create(
            merchant=old.merchant,
            carrier_id=old.carrier_id,
            number=old.number,
            number_as_typed=old.number_as_typed,
            lookup_key=old.lookup_key,
            instance=newest + 1,
            gateway=old.gateway,
            mailing_date=mailing_date,
            destination_postal_code=postal_code,
            order_number=order_number[:_LONGEST_ORDER],
            recipient_name=recipient_name[:_LONGEST_RECIPIENT],
            number_from=None if last is None else last + timedelta(days=1),
            created_at=now,
        )
        Watch.objects.create(shipment=new, merchant=old.merchant, due_at=now, by_hand=True)
        old.number_until = line
        look_again(old, scans, now=now)
        old.changed_at = now
        _save_scans(scans)
        _save_facts(old, now)
        Shipment.objects.filter(pk=old.pk).close()
        return new


def siblings_of(shipment: Shipment) -> list[Shipment]:
    """The merchant's other parcels with the carrier and number of this one, the newest first."""
    return sorted(_siblings(shipment), key=lambda one: -one.instance)


def _siblings(shipment: Shipment) -> list[Shipment]:
    same = Shipment.objects.filter(
        merchant=shipment.merchant_id, carrier=shipment.carrier_id, number=shipment.number
    )
    return list(same.exclude(pk=shipment.pk).order_by("pk"))


def _locked(shipment: Shipment) -> Shipment:
    """The parcel's row under the lock that ingest takes first, too, and with it those of all parcels with the number: what
    is said of one may move the line to another, and whoever locks several takes them in the order of their ids."""
    family = Shipment.objects.filter(merchant=shipment.merchant_id, lookup_key=shipment.lookup_key)
    list(family.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    return (
        Shipment.objects.select_for_update(of=("self",))
        .select_related("merchant", "carrier", "watch")
        .get(pk=shipment.pk)
    )


def _number_under(shipment: Shipment, carrier: str) -> str:
    """The canonical number under another carrier, from what was typed where that tells more."""
    if carrier == shipment.carrier_id:
        return shipment.number
    typed = shipment.number_as_typed
    is_whole = numbers.canonical(typed, shipment.carrier_id) == shipment.number
    return numbers.canonical(typed if is_whole else shipment.number, carrier)


def _differences(was: Particulars, said: Particulars) -> tuple[dict[str, Any], dict[str, Any]]:
    changed = [name for name in Particulars.__dataclass_fields__ if getattr(was, name) != getattr(said, name)]
    return {name: getattr(was, name) for name in changed}, {name: getattr(said, name) for name in changed}


def _change_carrier(row: Shipment, now: datetime) -> None:
    """Set aside all that was told so far: it was the word of a carrier that never had this parcel."""
    other = _known_as(row)
    if other is not None:
        raise _double(other)
    ScanEvent.objects.filter(shipment=row.pk, withdrawn_at=None).update(withdrawn_at=now)
    if row.estimated_on is not None:
        PromisedDay.objects.create(shipment=row, merchant_id=row.merchant_id, told_at=now)
    forget(row)
    row.instance, row.lookup_key = 1, numbers.lookup_key(row.number)
    # Where two parcels of the carrier before met is no line for this one.
    row.number_from = row.number_until = None
    row.carrier_corrected_at = row.changed_at = now


def _known_as(row: Shipment) -> Shipment | None:
    same = Shipment.objects.filter(merchant=row.merchant_id, carrier=row.carrier_id, number=row.number)
    return same.exclude(pk=row.pk).order_by("-instance").first()


def _double(other: Shipment) -> SameParcel:
    return SameParcel("carrier", _("You have a parcel of this carrier with this number already."), other)


def _mailed_another_day(row: Shipment, was_mailed: date | None, now: datetime) -> None:
    """Sort the scans by the new ship date; a line that was drawn at the old one moves along."""
    if row.number_from is not None and row.mailing_date is not None and row.mailing_date < row.number_from:
        row.number_from = None
    scans = list(ScanEvent.objects.filter(shipment=row.pk).order_by("pk"))
    look_again(row, scans, now=now)
    _save_scans(scans)
    # Which scans are another parcel's has changed: the next answer is read anew, though its content may be the same.
    row.answer, row.changed_at = None, now
    if was_mailed is None or row.mailing_date is None:
        return
    for sibling in _siblings(row):
        if sibling.number_until == was_mailed:
            _move_line(sibling, row.mailing_date, now)


def _move_line(sibling: Shipment, until: date, now: datetime) -> None:
    locked = _locked(sibling)
    was, locked.number_until = locked.number_until, until
    scans = list(ScanEvent.objects.filter(shipment=locked.pk).order_by("pk"))
    for scan in scans:
        if was is not None and was <= scan.local_date < until:
            scan.withdrawn_at = None
    look_again(locked, scans, now=now)
    locked.answer, locked.changed_at = None, now
    _save_scans(scans)
    _save_facts(locked, now)


def _save_facts(row: Shipment, now: datetime, *more: str) -> None:
    """Write what is left of the facts; pictures of a delivery that was another parcel's are shown no longer."""
    if not row.proof_url:
        Proof.objects.filter(shipment=row.pk).set_aside(now)
    _save(row, [*more, *_FACTS])


def _save(row: Shipment, fields: Iterable[str]) -> None:
    try:
        with transaction.atomic():
            row.save(update_fields=list(dict.fromkeys(fields)))
    except IntegrityError:
        # Somebody made the same parcel of another one a moment before.
        other = _known_as(row)
        if other is None:
            raise
        raise _double(other) from None


def _save_scans(scans: list[ScanEvent]) -> None:
    ScanEvent.objects.bulk_update(scans, _SET_ASIDE, batch_size=500)
