"""What stands on one parcel's page beside the public page's facts, as plain objects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from shipments.enums import Kept
from shipments.facts import spelling, wording
from shipments.facts.replies import ReplyWords, reply
from shipments.models import Answer, ScanEvent, Shipment, Watch
from shipments.web.access import MemberRequest
from shipments.web.asking import asker_of, why_nobody
from shipments.web.attention_rows import box_of
from shipments.web.buyers_told import told_to_buyers
from shipments.web.history import history_of
from shipments.web.parcel_rows import MOST_ANSWERS, MOST_NOTES, MOST_SCANS, ParcelRows
from shipments.web.parcel_view import Sight
from shipments.web.presenting import present, words_of
from shipments.web.promises import promises_of
from shipments.web.proof_parts import addresses_for_member
from shipments.web.staff_told import told_to_staff
from shipments.web.storefront import address_for_buyers

# Quiet polls, in seconds; while somebody waits for an answer they come quicker, but not for ever when no queue takes the work.
QUIET_POLL, EAGER_POLL = 20, 3
EAGER_FOR = timedelta(minutes=2)
# What a page shows at first; the rest is one click away.
FIRST_SCANS, FIRST_ANSWERS, FIRST_NOTES, FIRST_DEEDS, MOST_DEEDS = 60, 10, 20, 15, 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks of the page beside the parcel: lists shown whole, and the language of the reply."""

    whole: frozenset[str]
    language: str

    @classmethod
    def of(cls, request: MemberRequest) -> "Asked":
        language = request.GET.get("reply", "")
        return cls(
            frozenset(request.GET.getlist("all")) & {"scans", "answers", "notes", "history"},
            language if language in dict(settings.LANGUAGES) else "",
        )

    def query(self, *, whole: str = "", **more: str) -> str:
        """The query string that asks for the same, with one list more shown whole, or other values."""
        asked = [("all", one) for one in sorted({*self.whole, whole}) if one]
        values = {"reply": self.language, **more}
        return urlencode([*asked, *((name, value) for name, value in values.items() if value)])


def context_of(request: MemberRequest, rows: ParcelRows, asked: Asked, now: datetime) -> dict[str, Any]:
    """All that the templates of the page's parts are drawn from."""
    shipment = rows.shipment
    whole = asked.whole
    proof_at = addresses_for_member(request.merchant.slug, shipment.public_id)
    parcel = present(
        shipment,
        sight=Sight.STAFF,
        now=now,
        scans=rows.scans,
        most=MOST_SCANS if "scans" in whole else FIRST_SCANS,
        answer_of=_answer_address(request, rows),
        proof_at=proof_at,
        proofs=rows.proofs,
    )
    eager = _is_eager(shipment.watch, now)
    history = history_of(
        rows,
        told=[*told_to_staff(rows), *told_to_buyers(rows.buyers)],
        most=MOST_DEEDS if "history" in whole else FIRST_DEEDS,
        now=now,
    )
    zone = ZoneInfo(shipment.merchant.time_zone)
    asker = asker_of(shipment, now)
    return {
        "room": "shipments",
        "parcel": parcel,
        "statements_url": proof_at.statements,
        "shipment": shipment,
        "watch": shipment.watch,
        "asker": asker,
        "unasked": "" if asker else why_nobody(shipment),
        # Set by `analytics.attention` while the parcel needs a person.
        **box_of(getattr(shipment, "attention", None), shipment.merchant, request.user, now),
        "answers": _answers(rows, MOST_ANSWERS if "answers" in whole else FIRST_ANSWERS),
        "answer_count": len(rows.answers),
        "answers_erased": shipment.has_lost(Kept.ANSWERS),
        "promises": promises_of(shipment, rows.promises, now),
        "history": history,
        "notes": _notes(request, rows, MOST_NOTES if "notes" in whole else FIRST_NOTES, zone, now),
        "note_count": len(rows.notes),
        "siblings": _siblings(rows, zone, now),
        "sibling_count": len(rows.siblings) + 1,
        "origin": spelling.readable(shipment.origin_city),
        "destination": spelling.readable(shipment.destination_city),
        "resolved": _resolved(shipment, zone, now),
        **_days(shipment, zone, now),
        **_reply(request, rows, asked, now),
        **{f"all_{name}": "?" + asked.query(whole=name) for name in ("scans", "answers", "notes", "history")},
        "is_eager": eager,
        "poll_seconds": EAGER_POLL if eager else QUIET_POLL,
    }


def _days(shipment: Shipment, zone: ZoneInfo, now: datetime) -> dict[str, str]:
    """When the parcel was added, on the merchant's clock, and when it was mailed."""
    today, mailed = now.astimezone(zone).date(), shipment.mailing_date
    return {
        "added": spelling.short_day(shipment.created_at.astimezone(zone).date(), today),
        "mailed": spelling.short_day(mailed, today) if mailed else "",
    }


def _moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    local = at.astimezone(zone)
    day = spelling.short_day(local.date(), now.astimezone(zone).date())
    return f"{day}, {spelling.clock(local.time())}"


@dataclass(frozen=True, slots=True)
class NoteView:
    """A note as the page shows it; only its author may delete it."""

    pk: int
    author: str
    when: str
    made_at: datetime
    text: str
    is_mine: bool


def _notes(
    request: MemberRequest, rows: ParcelRows, most: int, zone: ZoneInfo, now: datetime
) -> list[NoteView]:
    return [
        NoteView(
            pk=note.pk,
            author=note.author or _("Somebody who is no longer here"),
            when=_moment(note.made_at, zone, now),
            made_at=note.made_at,
            text=note.text,
            is_mine=note.author_id == request.user.pk,
        )
        for note in rows.notes[:most]
    ]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """A kept answer in the list of them, and how many scans it was the first to show."""

    sha256: str
    kind: str
    gateway: str
    fetched_at: datetime
    size: int
    brought: int


def _answers(rows: ParcelRows, most: int) -> list[AnswerView]:
    brought: dict[int | None, int] = {}
    for scan in rows.scans:
        brought[scan.answer_id] = brought.get(scan.answer_id, 0) + 1
    gateways = dict(Answer._meta.get_field("gateway").flatchoices)
    return [
        AnswerView(
            answer.sha256,
            answer.kind,
            gateways.get(answer.gateway, answer.gateway),
            answer.fetched_at,
            answer.size,
            brought.get(answer.pk, 0),
        )
        for answer in rows.answers[:most]
    ]


def _answer_address(request: MemberRequest, rows: ParcelRows) -> Callable[[ScanEvent], str]:
    """The address of the answer that first showed a scan, at the place where it tells of it; `""` where it is not kept."""
    digests = {answer.pk: answer.sha256 for answer in rows.answers}
    blank = "0" * 64
    # Reversed once: there may be hundreds of scans.
    address = reverse("shipment-answer", args=[request.merchant.slug, rows.shipment.public_id, blank])

    def address_of(scan: ScanEvent) -> str:
        digest = digests.get(scan.answer_id) if scan.answer_id is not None else None
        return f"{address.replace(blank, digest)}?scan={scan.fingerprint}#scan" if digest else ""

    return address_of


@dataclass(frozen=True, slots=True)
class SiblingView:
    """Another parcel with the number, and when it was mailed or else added."""

    public_id: UUID
    instance: int
    label: str
    day: str


def _siblings(rows: ParcelRows, zone: ZoneInfo, now: datetime) -> list[SiblingView]:
    today = now.astimezone(zone).date()

    def day_of(mailed: date | None, created_at: datetime) -> str:
        if mailed is not None:
            return _("mailed %(day)s") % {"day": spelling.short_day(mailed, today)}
        return _("added %(day)s") % {"day": spelling.short_day(created_at.astimezone(zone).date(), today)}

    return [
        SiblingView(
            one.public_id,
            one.instance,
            wording.status_label(one.status),
            day_of(one.mailing_date, one.created_at),
        )
        for one in rows.siblings
    ]


def _resolved(shipment: Shipment, zone: ZoneInfo, now: datetime) -> str:
    """Who has resolved the parcel, and when; `""` while nobody has."""
    if not shipment.resolution or shipment.resolved_at is None:
        return ""
    when = _moment(shipment.resolved_at, zone, now)
    by = shipment.resolved_by
    return f"{by.get_full_name()}, {when}" if by is not None else when


def _reply(request: MemberRequest, rows: ParcelRows, asked: Asked, now: datetime) -> dict[str, Any]:
    """The ready reply, its languages, and the private link where there is one."""
    shipment = rows.shipment
    address = partial(address_for_buyers, request, shipment.merchant.slug, rows.host)
    private = address("private-link", rows.live_token) if rows.live_token else ""
    public = address("public-parcel", shipment.number)
    language = asked.language or shipment.merchant.language
    shown = [scan for scan in rows.scans if scan.withdrawn_at is None and not scan.earlier_parcel]
    # Where it was left is put into words here already, so here it is the buyer's language, too.
    with translation.override(language):
        words = words_of(shipment, shown, sight=Sight.STAFF)
    text = reply(
        ReplyWords(
            parcel=words,
            number=shipment.number,
            link=private or public,
            sender=shipment.merchant.name,
            recipient=shipment.recipient_name,
            order=shipment.order_number,
        ),
        language=language,
        now=now,
    )
    return {
        "private_url": private,
        "private_until": _until(rows, now),
        "public_url": public,
        "reply_text": text,
        "reply_language": language,
        "reply_languages": _languages(asked),
    }


def _until(rows: ParcelRows, now: datetime) -> str:
    """The last day on which the private link works, on the merchant's clock; `""` where it does not end."""
    if rows.link_expires_at is None:
        return ""
    zone = rows.shipment.merchant.time_zone
    return spelling.short_day(spelling.today_at(rows.link_expires_at, zone), spelling.today_at(now, zone))


def _languages(asked: Asked) -> Sequence[tuple[str, str, str]]:
    """Code, own name and address of each language a reply can be had in."""
    return [
        (code, get_language_info(code)["name_local"].capitalize(), f"?{asked.query(reply=code)}#reply")
        for code, _name in settings.LANGUAGES
    ]


def _is_eager(watch: Watch, now: datetime) -> bool:
    """Whether an answer a person has asked for may come any moment."""
    if watch.due_at is None:
        return False
    return watch.is_being_asked or (watch.by_hand and now - watch.due_at < EAGER_FOR)
