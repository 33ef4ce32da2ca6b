"""One item of attention as its row shows it, and the statement that reads everything rows show."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.urls import reverse
from django.utils.translation import gettext as _

from shipments.enums import Reason
from shipments.facts import spelling, wording
from shipments.facts.reasons import ReasonWords
from shipments.facts.times import Posted
from shipments.models import AttentionItem, Merchant, Note, User
from shipments.models.attention import AttentionItemQuerySet
from shipments.web.forms_attention import Seen
from shipments.web.parcel_view import Sight
from shipments.web.presenting import words_of


@dataclass(frozen=True, slots=True)
class NoteView:
    """The newest note about a parcel."""

    text: str
    by: str
    age: str
    at: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item in words. `state` is open, snoozed or done; `lasting` how long the worst reason has held; `standing` who has
    it, or what has become of it; `seen` what a deed says its person knew; `then` the parcel of the item after it."""

    id: UUID
    number: str
    instance: int
    carrier: str
    order_number: str
    recipient: str
    url: str
    act_url: str
    state: str
    worst: ReasonWords
    others: list[ReasonWords]
    lasting: str
    since: str
    status_text: str
    sentence: str
    promised: str
    is_late: bool
    scanned: str
    standing: str
    is_mine: bool
    note: NoteView | None
    seen: Seen
    then: UUID | None = None


def for_rows(found: AttentionItemQuerySet) -> AttentionItemQuerySet:
    """With everything a row shows: one statement, whatever the rows."""
    newest = (
        Note.objects.filter(shipment=OuterRef("shipment"))
        .order_by("-made_at", "-pk")
        .values(note=JSONObject(text="text", at="made_at", name="author__name", email="author__email"))
    )
    return found.select_related("shipment__carrier", "shipment__watch", "owner", "done_by").annotate(
        newest_note=Subquery(newest[:1])
    )


def item_view(
    item: AttentionItem, merchant: Merchant, reader: User, now: datetime, *, then: UUID | None = None
) -> ItemView:
    """An item of `for_rows` as its row shows it to this reader."""
    shipment = item.shipment
    shipment.merchant = merchant
    words = words_of(shipment, [], sight=Sight.STAFF)
    promised = shipment.estimated_on or shipment.first_promised_on
    worst, *others = item.told
    return ItemView(
        id=shipment.public_id,
        number=shipment.number,
        instance=shipment.instance,
        carrier=shipment.carrier.name,
        order_number=shipment.order_number,
        recipient=shipment.recipient_name,
        url=reverse("shipment-detail", args=[merchant.slug, shipment.public_id]),
        act_url=reverse("attention-act", args=[merchant.slug, shipment.public_id]),
        state="done" if item.done_at else "snoozed" if item.is_snoozed(now) else "open",
        worst=worst,
        others=others,
        lasting=spelling.lasting(now - item.since),
        since=item.since.isoformat(timespec="seconds"),
        status_text=shipment.status_text,
        sentence=wording.sentence(words, now=now),
        promised=_promised(item, promised, spelling.today_at(now, words.zone)),
        is_late=Reason.LATE in item.reasons,
        scanned=_("last scan %(age)s") % {"age": spelling.age(now - shipment.last_scan_at)}
        if shipment.last_scan_at
        else _("no scan yet"),
        standing=_standing(item, merchant, reader, now),
        is_mine=item.owner_id == reader.pk,
        note=_note(item, now),
        seen=Seen.of(item),
        then=then,
    )


def box_of(
    item: AttentionItem | None, merchant: Merchant, reader: User, now: datetime
) -> dict[str, AttentionItem | Seen | str | None]:
    """What the attention box of a parcel's own page shows, in the words of the list; no item where nobody is needed."""
    if item is None:
        return {"item": None}
    return {
        "item": item,
        "item_seen": Seen.of(item),
        "item_lasting": spelling.lasting(now - item.since),
        "item_standing": _standing(item, merchant, reader, now),
    }


def _promised(item: AttentionItem, promised: date | None, today: date) -> str:
    """The day the carrier has promised; where it has promised none and the parcel is late all the same, by whose word it is."""
    if promised is not None:
        return _("Promised for %(day)s") % {"day": spelling.short_day(promised, today)}
    return _("Late by our own table; the carrier has promised no day") if Reason.LATE in item.reasons else ""


def _standing(item: AttentionItem, merchant: Merchant, reader: User, now: datetime) -> str:
    if item.done_at is not None:
        when = spelling.age(now - item.done_at)
        if item.done_by is None:
            return _("Done %(when)s") % {"when": when}
        return _("Done %(when)s by %(who)s") % {"when": when, "who": item.done_by.get_full_name()}
    if item.snoozed_until is not None and item.is_snoozed(now):
        local = item.snoozed_until.astimezone(ZoneInfo(merchant.time_zone))
        today = spelling.today_at(now, merchant.time_zone)
        return _("Put off until %(when)s") % {
            "when": spelling.moment(Posted(local.date(), local.time()), today)
        }
    if item.owner_id == reader.pk:
        return _("Yours")
    return _("%(who)s has it") % {"who": item.owner.get_full_name()} if item.owner else ""


def _note(item: AttentionItem, now: datetime) -> NoteView | None:
    told = getattr(item, "newest_note", None)
    if told is None:
        return None
    age = spelling.age(now - datetime.fromisoformat(told["at"]))
    return NoteView(told["text"], told["name"] or told["email"] or "", age, told["at"])
