"""Who did what to a parcel, out of the audit, and who was told what of it, in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shipments.facts import spelling
from shipments.models import AuditEntry, PrivateLink, Shipment, User
from shipments.models.accounts import gateway_choices
from shipments.models.audit import MASK
from shipments.web.parcel_rows import ParcelRows, name_of_person

# The audit is read from a little before the parcel was stored: older months are not even opened.
_BEFORE = timedelta(days=1)

_SENTENCES = {
    "added": gettext_lazy("%(who)s added this parcel"),
    "imported": gettext_lazy("%(who)s imported this parcel"),
    "asked now": gettext_lazy("%(who)s had the carrier asked"),
    "wrote a note": gettext_lazy("%(who)s wrote a note"),
    "deleted a note": gettext_lazy("%(who)s deleted a note of theirs"),
    # Which one stands in no entry: a tag may name the buyer, and entries cannot be erased.
    "tagged": gettext_lazy("%(who)s added a tag"),
    "untagged": gettext_lazy("%(who)s took off a tag"),
    "resolved": gettext_lazy("%(who)s marked it as %(after)s"),
    "unresolved": gettext_lazy("%(who)s took back that it was %(before)s"),
    "closed": gettext_lazy("%(who)s closed it: nobody asks any more"),
    "reopened": gettext_lazy("%(who)s reopened it"),
    "archived": gettext_lazy("%(who)s archived it"),
    "restored": gettext_lazy("%(who)s took it back out of the archive"),
    "started again": gettext_lazy("%(who)s started a new parcel with this number"),
    "attention done": gettext_lazy("%(who)s was done with what needed somebody"),
    "attention undone": gettext_lazy("%(who)s put it back on the list of what needs somebody"),
    "attention snoozed": gettext_lazy("%(who)s put off what needs somebody"),
    "attention woken": gettext_lazy("%(who)s took back that it was put off"),
    "attention assigned": gettext_lazy("%(who)s changed who looks after it"),
}
_OF_LINKS = {
    "made": gettext_lazy("%(who)s made a private link"),
    "revoked": gettext_lazy("%(who)s revoked the private link"),
}
_FIELDS = {
    "carrier": gettext_lazy("carrier"),
    "number": gettext_lazy("tracking number"),
    "gateway": gettext_lazy("gateway"),
    "mailing_date": gettext_lazy("mailing date"),
    "destination_postal_code": gettext_lazy("destination postal code"),
    "order_number": gettext_lazy("order"),
    "recipient_name": gettext_lazy("recipient"),
    "proof_due": gettext_lazy("proof due"),
    "lifecycle": gettext_lazy("lifecycle"),
    "tags": gettext_lazy("tags"),
}
# What a form calls otherwise.
_COLUMNS = {"postal_code": "destination_postal_code"}
_TOLD_BY_CARRIERS = frozenset({"destination_postal_code"})
# Who changed something while a form was open is among the latest.
_LATEST = 50
_ORDER = {name: place for place, name in enumerate(_FIELDS)}
_RESOLUTIONS = {
    "lost": gettext_lazy("lost"),
    "refunded": gettext_lazy("refunded"),
    "returned": gettext_lazy("returned"),
}


@dataclass(frozen=True, slots=True)
class Deed:
    """One deed: the sentence, and for a change what it was and has become, each a sentence of its own."""

    at: datetime
    when: str
    sentence: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told something of the parcel: when, and the sentence that says who and what."""

    at: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class History:
    """The newest deeds and tellings, and whether there are older ones."""

    deeds: tuple[Deed, ...]
    has_more: bool


def history_of(rows: ParcelRows, *, told: Iterable[Told] = (), most: int, now: datetime) -> History:
    """What people have done to the parcel and its private links, in one statement, and were `told` of it; newest first."""
    shipment = rows.shipment
    about = _about(Shipment, [shipment.pk])
    if rows.link_ids:
        about |= _about(PrivateLink, rows.link_ids)
    entries = list(
        _named(AuditEntry.objects.filter(about, at__gte=shipment.created_at - _BEFORE))[: most + 1]
    )
    zone = ZoneInfo(shipment.merchant.time_zone)
    today = now.astimezone(zone).date()
    deeds = [_deed(entry, zone, today) for entry in entries]
    deeds += [Deed(one.at, _when(one.at, zone, today), one.sentence) for one in told]
    # Stable: of deeds at the same moment the one written last stays first.
    deeds.sort(key=lambda deed: deed.at, reverse=True)
    return History(deeds=tuple(deeds[:most]), has_more=len(deeds) > most)


def changes_in_words(shipment: Shipment, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Who made what of the parcel's particulars, a sentence for each that changed; columns may go by their form's names."""
    entries = list(
        _named(
            AuditEntry.objects.filter(
                _about(Shipment, [shipment.pk]), at__gte=shipment.created_at - _BEFORE, verb="changed"
            )
        )[:_LATEST]
    )
    told = []
    for field, value in after.items():
        name = _COLUMNS.get(field, field)
        by = next((_who(entry) for entry in entries if name in entry.after), None)
        who = by or (_("An answer of the carrier") if name in _TOLD_BY_CARRIERS else _("Somebody"))
        told.append(f"{who} {_change(name, before[field], value)}.")
    return told


def _named(entries: QuerySet[AuditEntry]) -> QuerySet[Any]:
    """With the name of who did it, newest first."""
    people = User.objects.filter(pk=OuterRef("person"))
    return entries.annotate(name=Subquery(people.values(called=name_of_person()))).order_by("-at", "-id")


def _about(model: type[Model], keys: Sequence[int]) -> Q:
    return Q(model=model._meta.label, row__in=[str(key) for key in keys])


def _deed(entry: Any, zone: ZoneInfo, today: date) -> Deed:
    who = _who(entry)
    when = _when(entry.at, zone, today)
    if entry.verb == "changed" and entry.model == Shipment._meta.label:
        changes = tuple(
            _change(name, entry.before.get(name), entry.after.get(name))
            # The database keeps no order of names.
            for name in sorted(entry.after, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))
            # Of what is masked nobody can tell whether it changed: it stands there because it did.
            if entry.before.get(name) != entry.after.get(name) or entry.after.get(name) == MASK
        )
        if len(changes) == 1:
            return Deed(entry.at, when, f"{who} {changes[0]}")
        return Deed(entry.at, when, _("%(who)s changed it:") % {"who": who}, changes)
    known = _OF_LINKS if entry.model == PrivateLink._meta.label else _SENTENCES
    sentence = known.get(entry.verb)
    if sentence is None:
        # A deed of a later version, or of the back-office: told as it was written.
        return Deed(entry.at, when, f"{who}: {entry.verb}")
    told = {"who": who, "before": _first(entry.before), "after": _first(entry.after)}
    return Deed(entry.at, when, str(sentence) % told)


def _when(at: datetime, zone: ZoneInfo, today: date) -> str:
    local = at.astimezone(zone)
    return f"{spelling.short_day(local.date(), today)}, {spelling.clock(local.time())}"


def _who(entry: Any) -> str:
    if entry.name:
        in_office = entry.source == "admin"
        return _("%(who)s (in the back-office)") % {"who": entry.name} if in_office else str(entry.name)
    if entry.person is not None:
        return _("Somebody who is no longer here")
    return _("A command of the operator") if entry.source == "command" else _("The system")


def _first(values: dict[str, Any]) -> str:
    value = str(next(iter(values.values()), ""))
    return str(_RESOLUTIONS.get(value, value))


def _change(name: str, before: Any, after: Any) -> str:
    """What became of one field, to be read after a name: "changed the carrier from USPS to UPS"."""
    told = {
        "field": str(_FIELDS.get(name, name)),
        "before": _value(name, before),
        "after": _value(name, after),
    }
    if MASK in (told["before"], told["after"]):
        return _change_of_masked(told)
    if not told["before"]:
        return _("set the %(field)s to %(after)s") % told
    if not told["after"]:
        return _("removed the %(field)s, which was %(before)s") % told
    return _("changed the %(field)s from %(before)s to %(after)s") % told


def _change_of_masked(told: dict[str, str]) -> str:
    """The same of a field whose values stand in no entry."""
    if not told["before"]:
        return _("set the %(field)s") % told
    if not told["after"]:
        return _("removed the %(field)s") % told
    return _("changed the %(field)s") % told


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name == "gateway":
        return str(dict(gateway_choices()).get(value, value))
    return "" if value is None else str(value)
