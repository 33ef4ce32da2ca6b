"""A merchant's new parcel: checked, recognised, stored once."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, TypeVar

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from shipments.enums import Gateway, Kept
from shipments.facts import numbers
from shipments.facts.places import five_digits
from shipments.models import Merchant, Shipment, Watch
from shipments.tracking.catalogue import Catalogue, Routes
from shipments.tracking.limits import Room, Suspended, take_room, take_turns

logger = logging.getLogger(__name__)

# Carrier and canonical number.
_Key = tuple[str, str]

# What a parcel that is there already learns from being added again.
_LEARNT = ("gateway", "destination_postal_code", "mailing_date")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

# No carrier in the product keeps a parcel moving for longer; after it the number may be somebody else's.
LONGEST_LIFE = timedelta(days=90)


class BadParcel(ValueError):
    """What was typed cannot be a parcel: `field` names where, `str()` the rule. Nothing was stored."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NoRoom(BadParcel):
    """The merchant may have no more parcels now, or none at all; `str()` says by which limit, and what to do."""


@dataclass(frozen=True, slots=True)
class ParcelForm:
    """What was typed about a parcel, checked and in canonical form."""

    typed: str
    number: str
    carrier: str
    gateway: Gateway | None
    postal_code: str
    mailing_date: date | None
    # A failed check digit and the like: to be told, never to be refused.
    warning: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parcel to be added, and whose it is."""

    parcel: ParcelForm
    order_number: str = ""
    recipient_name: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """The parcel, and whether it is new."""

    shipment: Shipment
    is_new: bool
    warning: str | None


def read_parcel(
    typed: str,
    *,
    carrier: str | None = None,
    gateway: str | None = None,
    postal_code: str | None = None,
    mailing_date: date | str | None = None,
    catalogue: Catalogue | None = None,
) -> ParcelForm:
    """What was typed as a parcel; BadParcel naming the field and the rule. Without `carrier` the likeliest one is taken.

    `catalogue` is for who reads many and has looked once.
    """
    try:
        return parcel_form(
            typed,
            carrier=carrier,
            gateway=gateway,
            postal_code=postal_code,
            mailing_date=mailing_date,
            catalogue=catalogue or Catalogue.read(),
        )
    except BadParcel as refusal:
        # The rule, not what was typed: people paste names and addresses into number fields.
        logger.warning("A parcel was refused, %s: %s", refusal.field, refusal)
        raise


def parcel_form(
    typed: str,
    *,
    carrier: str | None = None,
    gateway: str | None = None,
    postal_code: str | None = None,
    mailing_date: date | str | None = None,
    catalogue: Catalogue,
) -> ParcelForm:
    """As `read_parcel`, without a database."""
    offered, formats = catalogue.offered, catalogue.formats
    try:
        number = numbers.check_number(typed)
    except ValueError as exc:
        raise BadParcel("tracking number", str(exc)) from None
    if carrier is None:
        candidates = [one for one in numbers.recognise(number, formats) if one.carrier in offered]
        if not candidates:
            raise BadParcel("carrier", _("No carrier's numbers look like this one. Say which carrier it is."))
        carrier = str(candidates[0].carrier)
    elif carrier not in offered:
        raise BadParcel(
            "carrier",
            _("A carrier is one of %(known)s, written exactly so.") % {"known": ", ".join(offered)},
        )
    return ParcelForm(
        typed="".join(sign for sign in typed if sign.isprintable()).strip()[:100],
        number=numbers.canonical(number, carrier),
        carrier=carrier,
        gateway=read_gateway(gateway, carrier, catalogue.routes),
        postal_code=read_postal_code(postal_code),
        mailing_date=read_mailing_date(mailing_date),
        warning=numbers.check_digit_warning(number, carrier, formats) or _not_asked(carrier, catalogue),
    )


def _not_asked(carrier: str, catalogue: Catalogue) -> str | None:
    """A sentence for people when nobody can be asked about the carrier's parcels as it is set up."""
    if catalogue.routes.gateways(carrier):
        return None
    return _("%(carrier)s cannot be asked yet: no gateway is set up for it.") % {
        "carrier": catalogue.offered[carrier]
    }


def add_parcel(
    merchant: Merchant, parcel: ParcelForm, *, order_number: str = "", recipient_name: str = ""
) -> Added:
    """The merchant's parcel with that carrier and number, made if it is new, and due at once if so.

    An existing one learns the gateway, postal code and mailing date that are given now. A new instance of a number
    is only made for a mailing date that does not overlap with the known one's life.
    """
    return add_parcels(merchant, [Wanted(parcel, order_number, recipient_name)])[0]


def add_parcels(merchant: Merchant, wanted: Sequence[Wanted]) -> list[Added]:
    """Each of the parcels as `add_parcel` would add it, in their order, in a constant number of statements.

    No carrier and number may be among them twice. NoRoom, and nothing stored, where the merchant may not have as many.
    """
    with transaction.atomic():
        room = room_for(merchant)
        if len(wanted) > 1:
            take_turns(merchant.pk)
        instances = _instances(merchant, wanted)
        found: dict[_Key, Shipment] = {}
        fresh: dict[_Key, Shipment] = {}
        taught: list[Shipment] = []
        # In the order they were told: what was told last is listed first.
        for one in wanted:
            key = (one.parcel.carrier, one.parcel.number)
            known = instance_meant(instances.get(key, []), one.parcel)
            if known is not None and not is_another_parcel(known, one.parcel):
                found[key] = known
                if _learn(known, one.parcel):
                    taught.append(known)
            else:
                fresh[key] = _new(merchant, one, instance=next_instance(instances.get(key, [])))
        if not room.has(len(fresh)):
            raise NoRoom("tracking number", room.refusal_of(len(fresh)))
        # Two adders at once: one inserts, the other finds the row there.
        Shipment.objects.bulk_create([fresh[key] for key in sorted(fresh)], ignore_conflicts=True)
        stored = Shipment.objects.filter(
            merchant=merchant, lookup_key__in={row.lookup_key for row in fresh.values()}
        )
        for row in stored if fresh else ():
            made = fresh.get((row.carrier_id, row.number))
            if made is not None and row.instance == made.instance:
                found[row.carrier_id, row.number] = row
        new = {key for key, made in fresh.items() if found[key].public_id == made.public_id}
        now = timezone.now()
        Watch.objects.bulk_create(
            Watch(shipment=found[key], merchant=merchant, due_at=now) for key in sorted(new)
        )
        if taught:
            Shipment.objects.bulk_update(taught, [*_LEARNT, "answer"])
    return [
        Added(found[key], is_new=key in new, warning=one.parcel.warning)
        for one in wanted
        for key in ((one.parcel.carrier, one.parcel.number),)
    ]


def room_for(merchant: Merchant) -> Room:
    """How many new parcels may be added now; NoRoom where the merchant is suspended. As `take_room`."""
    try:
        return take_room(merchant.pk, timezone.now())
    except Suspended as exc:
        raise NoRoom("merchant", str(exc)) from None


def _new(merchant: Merchant, one: Wanted, *, instance: int) -> Shipment:
    parcel = one.parcel
    return Shipment(
        merchant=merchant,
        carrier_id=parcel.carrier,
        number=parcel.number,
        number_as_typed=parcel.typed,
        lookup_key=numbers.lookup_key(parcel.number),
        instance=instance,
        gateway=parcel.gateway or "",
        destination_postal_code=parcel.postal_code,
        mailing_date=parcel.mailing_date,
        order_number=one.order_number[:100],
        recipient_name=one.recipient_name[:200],
    )


def _instances(merchant: Merchant, wanted: Sequence[Wanted]) -> dict[_Key, list[Shipment]]:
    """The merchant's parcels with these numbers by carrier and number; locked."""
    keys = {numbers.lookup_key(one.parcel.number) for one in wanted}
    rows = (
        Shipment.objects.select_for_update()
        .filter(merchant=merchant, lookup_key__in=keys)
        # Locked in the order ingest takes.
        .order_by("pk")
    )
    instances: dict[_Key, list[Shipment]] = {}
    for row in rows:
        instances.setdefault((row.carrier_id, row.number), []).append(row)
    return instances


class Instance(Protocol):
    """What tells one parcel with a number from another one with it."""

    instance: int
    destination_postal_code: str
    mailing_date: date | None
    shipped_on: date | None
    delivered_on: date | None


OneOf = TypeVar("OneOf", bound=Instance)


def instance_meant(instances: Iterable[OneOf], parcel: ParcelForm) -> OneOf | None:
    """The instance of the number that was mailed on the day given, else the one that goes there, else the newest."""
    newest_first = sorted(instances, key=lambda instance: -instance.instance)
    for instance in newest_first:
        if parcel.mailing_date is not None and instance.mailing_date == parcel.mailing_date:
            return instance
    for instance in newest_first:
        if parcel.postal_code and instance.destination_postal_code == parcel.postal_code:
            return instance
    return newest_first[0] if newest_first else None


def next_instance(instances: Iterable[Instance]) -> int:
    """The instance a further parcel with the number of these gets."""
    return max((one.instance for one in instances), default=0) + 1


def is_another_parcel(known: Instance, parcel: ParcelForm) -> bool:
    """Whether a parcel mailed on that day cannot be the known one: that one had arrived, or their lives cannot overlap."""
    mailing_date = parcel.mailing_date
    if mailing_date is None or known.mailing_date == mailing_date:
        return False
    if (
        known.mailing_date
        and parcel.postal_code
        and known.destination_postal_code not in ("", parcel.postal_code)
    ):
        # Mailed on another day to another place: said by a person who knows of both.
        return True
    mailed = known.mailing_date or known.shipped_on
    return (known.delivered_on is not None and mailing_date > known.delivered_on) or (
        mailed is not None and abs(mailing_date - mailed) > LONGEST_LIFE
    )


def _learn(known: Shipment, parcel: ParcelForm) -> bool:
    """Take over what is said now; whether that was anything new. The row is still to be written."""
    if known.has_lost(Kept.PERSONAL):
        # Somebody asked for it to be forgotten, or its time had come.
        return False
    learnt = {
        "gateway": str(parcel.gateway or ""),
        "destination_postal_code": parcel.postal_code,
        "mailing_date": parcel.mailing_date,
    }
    changed = [name for name in _LEARNT if learnt[name] and getattr(known, name) != learnt[name]]
    for name in changed:
        setattr(known, name, learnt[name])
    if "mailing_date" in changed:
        # Which scans are of an earlier parcel has changed: the next answer is read anew, though its content may be the same.
        known.answer = None
    return bool(changed)


def read_gateway(text: str | None, carrier: str, routes: Routes) -> Gateway | None:
    """The gateway a parcel of that carrier is asked through, None where nothing was chosen; BadParcel."""
    if not text:
        return None
    if text not in set(Gateway):
        raise BadParcel("gateway", _("A gateway is usps or pitney_bowes."))
    able = routes.gateways(carrier)
    if Gateway(text) not in able:
        if not able:
            raise BadParcel(
                "gateway",
                _("Carrier %(carrier)s cannot be asked through any gateway yet; leave it out.")
                % {"carrier": carrier},
            )
        raise BadParcel(
            "gateway",
            _("Carrier %(carrier)s is not asked about through %(gateway)s; leave it out or say %(known)s.")
            % {"carrier": carrier, "gateway": text, "known": ", ".join(able)},
        )
    return Gateway(text)


def read_postal_code(text: str | None) -> str:
    """The five digits of a ZIP Code, `""` for None; BadParcel."""
    if text is None:
        return ""
    try:
        return five_digits(text)
    except ValueError as exc:
        raise BadParcel("postal code", str(exc)) from None


def read_mailing_date(value: date | str | None) -> date | None:
    """A day written as 2026-01-31; BadParcel."""
    if value is None or isinstance(value, date):
        return value
    try:
        # Python reads more spellings than people do: 20260131, 2026-W05-6.
        if not _DAY.fullmatch(value.strip()):
            raise ValueError
        return date.fromisoformat(value.strip())
    except ValueError:
        raise BadParcel("mailing date", _("A mailing date is a day written as 2026-01-31.")) from None
