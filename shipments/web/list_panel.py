"""The filters of the list as people set and see them: the fields of the panel, and what is on, each to be taken off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from shipments.bulk.choices import Choices
from shipments.bulk.filters import BadFilter, Days, ListFilter, Owned, Proof
from shipments.enums import Lifecycle, Resolution, Status
from shipments.facts import spelling, wording
from shipments.web.list_columns import resolution_label


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the panel. `options` are the values of a select and the suggestions of a text; `others` are further
    values of a field that may be there more than once."""

    name: str
    label: str
    kind: str
    value: str = ""
    options: Sequence[tuple[str, str]] = ()
    others: Sequence[str] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, in words, and the list without it."""

    label: str
    without: ListFilter


def fields(asked: Mapping[str, Sequence[str]], choices: Choices, bad: BadFilter | None) -> list[Field]:
    """The panel with what was asked, as it was typed, and the refusal at its field."""

    def of(name: str, label: str, kind: str, **more: Any) -> Field:
        error = str(bad) if bad is not None and bad.field == name else ""
        # More signs than any rule allows would only swell the page that refuses them.
        value = (asked.get(name) or [""])[-1].replace("\0", "")[:200]
        if error and kind == "date":
            # A field of days shows nothing but days, and what was typed is to be seen.
            kind = "text"
        if kind == "select" and value and value not in dict(more["options"]):
            more["options"] = [*more["options"], (value, value)]
        return Field(name, label, kind, value, error=error, **more)

    anything = ("", _("Any"))
    tags = [tag for tag in asked.get("tag", ()) if tag.strip()]
    return [
        of("status", _("Status"), "select", options=[anything, *((str(s), wording.status_label(s)) for s in Status)]),
        of("carrier", _("Carrier"), "select", options=[anything, *choices.carriers]),
        of("service", _("Service"), "select", options=[anything, *((name, name) for name in choices.services)]),
        replace(
            of("tag", _("Tag"), "tags", options=[(tag, tag) for tag in choices.tags]),
            value="", others=[tag.replace("\0", "")[:200] for tag in tags[:20]],
        ),
        of("place", _("Last place begins with"), "text"),
        of("lifecycle", _("Followed"), "select", options=[("", _("All but archived")), *lifecycle_labels().items()]),
        of("proof", _("Proof of delivery"), "select", options=[anything, *proof_labels().items()]),
        of("resolution", _("Resolution"), "select", options=[anything, *((str(r), resolution_label(r)) for r in Resolution)]),
        of("attention", _("Needs somebody"), "select", options=[("", _("All")), *owned_labels().items()]),
        of("added_from", _("Added from"), "date"),
        of("added_to", _("Added until"), "date"),
        of("promised_from", _("Promised from"), "date"),
        of("promised_to", _("Promised until"), "date"),
        of("delivered_from", _("Delivered from"), "date"),
        of("delivered_to", _("Delivered until"), "date"),
        of("late", _("Only late ones"), "check"),
        of("news", _("Only news to me"), "check"),
    ]  # fmt: skip


def chips(wanted: ListFilter, choices: Choices, *, now: datetime, zone: str) -> Iterator[Chip]:
    """What is on, but for the tab."""
    carriers = dict(choices.carriers)
    today = now.astimezone(ZoneInfo(zone)).date()
    if wanted.q:
        yield Chip(_("Search: “%(text)s”") % {"text": wanted.q}, replace(wanted, q=""))
    if wanted.status:
        label = wording.status_label(wanted.status)
        yield Chip(_("Status: %(value)s") % {"value": label}, replace(wanted, status=None))
    if wanted.carrier:
        label = carriers.get(wanted.carrier, wanted.carrier)
        yield Chip(_("Carrier: %(value)s") % {"value": label}, replace(wanted, carrier=""))
    if wanted.service:
        yield Chip(_("Service: %(value)s") % {"value": wanted.service}, replace(wanted, service=""))
    for tag in wanted.tags:
        others = tuple(other for other in wanted.tags if other != tag)
        yield Chip(_("Tag: %(value)s") % {"value": tag}, replace(wanted, tags=others))
    if wanted.place:
        yield Chip(_("Last place: %(value)s…") % {"value": wanted.place}, replace(wanted, place=""))
    if wanted.lifecycle:
        yield Chip(lifecycle_labels()[wanted.lifecycle], replace(wanted, lifecycle=None))
    if wanted.proof:
        yield Chip(proof_labels()[wanted.proof], replace(wanted, proof=None))
    if wanted.resolution:
        label = resolution_label(wanted.resolution)
        yield Chip(_("Resolution: %(value)s") % {"value": label}, replace(wanted, resolution=None))
    if wanted.attention:
        yield Chip(owned_labels()[wanted.attention], replace(wanted, attention=None))
    if wanted.added:
        yield Chip(_("Added: %(days)s") % {"days": _span(wanted.added, today)}, replace(wanted, added=Days()))
    if wanted.promised:
        days = _span(wanted.promised, today)
        yield Chip(_("Promised: %(days)s") % {"days": days}, replace(wanted, promised=Days()))
    if wanted.delivered:
        days = _span(wanted.delivered, today)
        yield Chip(_("Delivered: %(days)s") % {"days": days}, replace(wanted, delivered=Days()))
    if wanted.late:
        yield Chip(_("Late"), replace(wanted, late=False))
    if wanted.news:
        yield Chip(_("News to me"), replace(wanted, news=False))


def lifecycle_labels() -> dict[Lifecycle, str]:
    return {
        Lifecycle.ACTIVE: pgettext("lifecycle", "Still followed"),
        Lifecycle.ENDED: pgettext("lifecycle", "No longer followed"),
        Lifecycle.ARCHIVED: pgettext("lifecycle", "Archived"),
    }


def proof_labels() -> dict[Proof, str]:
    return {Proof.HAS: _("Delivered with proof"), Proof.HAS_NOT: _("Delivered without proof")}


def owned_labels() -> dict[Owned, str]:
    return {
        Owned.ANYBODYS: _("Needs somebody"),
        Owned.MINE: _("Needs me"),
        Owned.NOBODYS: _("Needs somebody, and nobody looks after it"),
    }


def _span(days: Days, today: date) -> str:
    first = spelling.short_day(days.first, today) if days.first else ""
    last = spelling.short_day(days.last, today) if days.last else ""
    if first == last:
        return first
    if first and last:
        return _("%(first)s to %(last)s") % {"first": first, "last": last}
    return _("from %(first)s") % {"first": first} if first else _("until %(last)s") % {"last": last}
