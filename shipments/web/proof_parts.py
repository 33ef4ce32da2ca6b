"""What pages show of the carrier's pictures of a delivery: those kept, or why there is none yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import JSONObject
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.enums import FetchTrouble
from shipments.facts import spelling
from shipments.facts.fetch_words import why
from shipments.models import Proof, Shipment
from shipments.web.parcel_view import PicturesView, PictureView

# A parcel has a picture or two; each address of one is a row.
MOST_PROOFS, MOST_SHOWN = 30, 4
# While this may still be the first try or the second, a page that is open waits for the picture.
_TRIES_WORTH_WAITING = 1


@dataclass(frozen=True, slots=True)
class ProofRow:
    """An address of a picture and what came of it; `sha256` is the kept picture's, or `""`."""

    sha256: str
    width: int
    height: int
    fetched_at: datetime | None
    due_at: datetime | None
    tries: int
    trouble: str
    trouble_detail: str


# The columns of a row, without the picture's bytes.
COLUMNS: dict[str, Any] = {
    "sha256": F("picture__sha256"),
    "width": F("picture__width"),
    "height": F("picture__height"),
    "fetched_at": F("picture__fetched_at"),
    "due_at": F("due_at"),
    "tries": F("tries"),
    "trouble": F("trouble"),
    "trouble_detail": F("trouble_detail"),
}


@dataclass(frozen=True, slots=True)
class ProofAddresses:
    """Where this reader finds the pictures of the parcel, each by its digest behind `pictures`, and its statements."""

    pictures: str
    statements: str


def addresses_by_link(token: str) -> ProofAddresses:
    """For who has the private link."""
    return ProofAddresses(
        reverse("private-proof", args=[token]) + "/", reverse("private-statements", args=[token])
    )


def addresses_for_member(merchant: str, public_id: UUID) -> ProofAddresses:
    """For the merchant's people; `merchant` is the slug."""
    return ProofAddresses(
        reverse("shipment-proof", args=[merchant, public_id]),
        reverse("shipment-statements", args=[merchant, public_id]),
    )


def read_row(one: dict[str, Any]) -> ProofRow:
    """A row from what the database makes of `COLUMNS` as a JSON object."""

    def moment(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    return ProofRow(
        sha256=one["sha256"] or "",
        width=one["width"] or 0,
        height=one["height"] or 0,
        fetched_at=moment(one["fetched_at"]),
        due_at=moment(one["due_at"]),
        tries=one["tries"],
        trouble=one["trouble"],
        trouble_detail=one["trouble_detail"],
    )


def load(shipment: Shipment) -> list[ProofRow]:
    """The parcel's proofs, the newest first; one statement, and none for a parcel without."""
    if not shipment.proof_url:
        return []
    rows = Proof.objects.of(shipment).values_list(JSONObject(**COLUMNS), flat=True)
    return [read_row(one) for one in rows[:MOST_PROOFS]]


def pictures_of(
    rows: Sequence[ProofRow],
    addresses: ProofAddresses,
    *,
    for_staff: bool,
    today: date,
    day_of: Callable[[datetime], date],
) -> PicturesView:
    """What is kept, each picture once; else what keeps it away, which staff are told in full."""
    kept: dict[str, PictureView] = {}
    for row in rows:
        if row.sha256 and row.fetched_at is not None and row.sha256 not in kept:
            fetched = spelling.short_day(day_of(row.fetched_at), today)
            kept[row.sha256] = PictureView(
                f"{addresses.pictures}{row.sha256}", row.width, row.height, fetched
            )
    if kept:
        return PicturesView(tuple(kept.values())[:MOST_SHOWN])
    open_rows = [row for row in rows if row.due_at is not None]
    if open_rows:
        is_coming = min(row.tries for row in open_rows) <= _TRIES_WORTH_WAITING
        return PicturesView(missing=_being_fetched(open_rows[0], for_staff=for_staff), is_coming=is_coming)
    failed = next((row for row in rows if row.trouble not in {"", FetchTrouble.OVERTAKEN}), None)
    if failed is None:
        return PicturesView()
    sorry = _("The carrier's picture could not be fetched.")
    return PicturesView(
        missing=f"{sorry} {why(failed.trouble, failed.trouble_detail)}" if for_staff else sorry
    )


def pictures_gone(rows: Sequence[ProofRow], *, on: str) -> PicturesView:
    """What is said in place of pictures that were erased: that there were some, until when, and by which digests a copy
    that somebody has can be known."""
    digests = dict.fromkeys(row.sha256 for row in rows if row.sha256)
    if not digests:
        return PicturesView()
    said = ngettext(
        "%(count)d picture was kept here until %(day)s. SHA-256: %(digests)s",
        "%(count)d pictures were kept here until %(day)s. SHA-256: %(digests)s",
        len(digests),
    )
    return PicturesView(missing=said % {"count": len(digests), "day": on, "digests": ", ".join(digests)})


def _being_fetched(row: ProofRow, *, for_staff: bool) -> str:
    words = _("The carrier's picture is being fetched.")
    if not (for_staff and row.trouble):
        return words
    tried = _("The last try brought none, and there will be others.")
    return f"{words} {tried} {why(row.trouble, row.trouble_detail)}"
