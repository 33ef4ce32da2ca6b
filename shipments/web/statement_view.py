"""A statement's document as a page shows it: facts into words, in the reader's language, with whole dates.

Nothing is read but the document: what was stated reads the same however much is learned later.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils.translation import gettext as _

from shipments.enums import GROUP_OF, Gateway, Status, ZoneKnownBy
from shipments.facts import spelling, wording
from shipments.facts.statements import in_groups
from shipments.facts.times import DeliveryEstimate
from shipments.models import Answer, ScanEvent, Shipment, Statement
from shipments.tracking.telling_scans import known_by

# Papers are read in other years.
ANY_DAY = date.min


@dataclass(frozen=True, slots=True)
class StatedScan:
    """One scan: when on the clock of its place and how that is known, what, where, and which answer told it first."""

    day: str
    time: str
    instant: str
    zone: str
    known_by: str
    group: str
    label: str
    place: str
    words: str
    taken_back: str
    answer: int | None


@dataclass(frozen=True, slots=True)
class StatedPicture:
    """A picture; `url` is `""` where it is no longer kept."""

    url: str
    width: int
    height: int
    size: int
    fetched: str
    sha256: str
    original_sha256: str
    original_size: int


@dataclass(frozen=True, slots=True)
class StatedAnswer:
    """A carrier's answer by its digests, with its number on the page."""

    position: int
    fetched: str
    gateway: str
    kind: str
    size: int
    sha256: str
    body_sha256: str


@dataclass(frozen=True, slots=True)
class StatementView:
    """All that a statement's page shows."""

    number: str
    digest: str
    made: str
    merchant: str
    carrier: str
    tracking_number: str
    second_number: str
    service: str
    mailed: str
    promised: str
    order: str
    recipient: str
    status: str
    status_label: str
    group: str
    delivered: str
    delivered_zone: str
    delivered_place: str
    delivered_words: str
    signed_by: str
    scans: tuple[StatedScan, ...]
    pictures: tuple[StatedPicture, ...]
    answers: tuple[StatedAnswer, ...]


def view_of(statement: Statement, *, pictures_at: str, kept: frozenset[str]) -> StatementView:
    """What the statement says. `pictures_at` is where its reader finds pictures; `kept` are the digests of those still there."""
    said = statement.content
    parcel, delivery = said["parcel"], said["delivery"] or {}
    positions = {answer["sha256"]: place for place, answer in enumerate(said["answers"], start=1)}
    status = Status(parcel["status"])
    delivery_scan = next((one for one in reversed(said["scans"]) if _proves(one)), None) if delivery else None
    return StatementView(
        number=said["number"],
        digest=in_groups(statement.digest),
        made=_moment(said["made_at"]),
        merchant=said["merchant"],
        carrier=parcel["carrier"],
        tracking_number=parcel["tracking_number"],
        second_number=parcel["second_number"],
        service=parcel["service"],
        mailed=_day(parcel["mailed_on"]),
        promised=_promise(parcel["promised"]),
        order=parcel.get("order", ""),
        recipient=parcel.get("recipient", ""),
        status=status,
        status_label=wording.status_label(status),
        group=GROUP_OF[status],
        delivered=", ".join(filter(None, [_day(delivery.get("date")), _clock(delivery.get("time"))])),
        delivered_zone=_zone(delivery_scan) if delivery_scan else "",
        delivered_place=_place(delivery_scan) if delivery_scan else "",
        delivered_words=delivery.get("words", ""),
        signed_by=delivery.get("signed_by", ""),
        scans=tuple(_scan(one, positions) for one in said["scans"]),
        pictures=tuple(_picture(one, pictures_at, kept) for one in said["pictures"]),
        answers=tuple(_answer(one, place) for place, one in enumerate(said["answers"], start=1)),
    )


def scans_of(statement: Statement, shipment: Shipment) -> list[ScanEvent]:
    """The scans that were stated, the newest first, as far as a drawing of the route needs them; not to be saved."""
    scans = []
    for said in reversed(statement.content["scans"]):
        if said["withdrawn_at"] is not None:
            continue
        day = date.fromisoformat(said["date"])
        at = datetime.fromisoformat(said["instant"]) if said["instant"] else None
        scans.append(
            ScanEvent(
                shipment=shipment,
                local_date=day,
                offset=said["offset_minutes"],
                zone=said["zone"],
                at=at,
                ordered_at=at or datetime.combine(day, time.max, UTC),
                status=said["status"],
                text=said["text"],
                **said["place"],
                **_time_of(said),
            )
        )
    return scans


def _proves(scan: dict[str, Any]) -> bool:
    return scan["status"] == Status.DELIVERED and scan["withdrawn_at"] is None


def _scan(said: dict[str, Any], positions: dict[str, int]) -> StatedScan:
    status = Status(said["status"])
    return StatedScan(
        day=_day(said["date"]),
        time=_clock(said["time"]),
        instant=said["instant"] or said["date"],
        zone=_zone(said),
        known_by=known_by(ScanEvent(**_time_of(said))),
        group=GROUP_OF[status],
        label=wording.scan_label(status),
        place=_place(said),
        words=said["text"],
        taken_back=_moment(said["withdrawn_at"]) if said["withdrawn_at"] else "",
        answer=positions.get(said["first_told_by"]),
    )


def _time_of(said: dict[str, Any]) -> dict[str, Any]:
    """The columns of a scan's time: where there is none, nothing is known of it."""
    at = said["time"]
    return {
        "local_time": time.fromisoformat(at) if at else None,
        "known_by": said["known_by"] if at else ZoneKnownBy.ASSUMED,
    }


def _zone(said: dict[str, Any]) -> str:
    """The clock its time was read on, with the distance from UTC: names of zones are not known everywhere."""
    if not said["time"]:
        return ""
    name = spelling.zone_label(said["zone"], said["offset_minutes"], said["known_by"])
    offset = spelling.zone_label("", said["offset_minutes"], ZoneKnownBy.CARRIER)
    return name if said["offset_minutes"] is None or name == offset else f"{name} ({offset})"


def _place(said: dict[str, Any]) -> str:
    where = said["place"]
    return spelling.place(where["city"], where["region"], where["country"], where["postal_code"])


def _picture(said: dict[str, Any], pictures_at: str, kept: frozenset[str]) -> StatedPicture:
    return StatedPicture(
        url=f"{pictures_at}{said['sha256']}" if said["sha256"] in kept else "",
        width=said["width"],
        height=said["height"],
        size=said["size"],
        fetched=_moment(said["fetched_at"]),
        sha256=said["sha256"],
        original_sha256=said["original_sha256"],
        original_size=said["original_size"],
    )


def _answer(said: dict[str, Any], position: int) -> StatedAnswer:
    gateways = dict(Answer._meta.get_field("gateway").flatchoices)
    return StatedAnswer(
        position=position,
        fetched=_moment(said["fetched_at"]),
        gateway=gateways.get(Gateway(said["gateway"]), said["gateway"]),
        kind=said["kind"],
        size=said["size"],
        sha256=said["sha256"],
        body_sha256=said["body_sha256"],
    )


def _day(said: str | None) -> str:
    return spelling.long_day(date.fromisoformat(said), ANY_DAY) if said else ""


def _clock(said: str | None) -> str:
    return spelling.clock(time.fromisoformat(said)) if said else ""


def moment_words(at: datetime) -> str:
    """An instant on the clock of the world, to the second: "6 March 2026, 12:00:05 UTC"."""
    there = at.astimezone(UTC)
    return _("%(day)s, %(time)s UTC") % {
        "day": spelling.short_day(there.date(), ANY_DAY),
        "time": f"{there:%H:%M:%S}",
    }


def _moment(said: str) -> str:
    return moment_words(datetime.fromisoformat(said))


def _promise(said: dict[str, Any]) -> str:
    if not said["date"]:
        return ""
    start, end = (time.fromisoformat(said[name]) if said[name] else None for name in ("from", "to"))
    return spelling.window(DeliveryEstimate(date.fromisoformat(said["date"]), start, end), ANY_DAY)
