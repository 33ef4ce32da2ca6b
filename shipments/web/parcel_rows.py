"""All rows of one parcel's page, in three statements whatever there is of them; the fourth is the audit's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, F, Func, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject, NullIf
from django.shortcuts import get_object_or_404
from django.utils import timezone

from shipments.models import (
    Alert,
    Answer,
    Mail,
    Merchant,
    MerchantHost,
    Note,
    PrivateLink,
    PromisedDay,
    Proof,
    ScanEvent,
    Shipment,
    Subscription,
    User,
)
from shipments.web.proof_parts import COLUMNS, MOST_PROOFS, ProofRow, read_row

# Nobody reads more on one page, and no page may grow without end.
MOST_SCANS, MOST_ANSWERS, MOST_NOTES, MOST_PROMISES, MOST_LINKS, MOST_SIBLINGS = 2000, 1000, 500, 100, 50, 20
MOST_ALERTS, MOST_BUYERS, MOST_MAILS = 200, 50, 20


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A note, and who wrote it; the name is `""` where that person is gone."""

    pk: int
    text: str
    made_at: datetime
    author_id: int | None
    author: str


@dataclass(frozen=True, slots=True)
class PromiseRow:
    """A promised day or window, from when it was told; `on` None: taken back."""

    on: date | None
    starts: time | None
    ends: time | None
    told_at: datetime


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One kept answer without its bytes."""

    pk: int
    sha256: str
    kind: str
    gateway: str
    fetched_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class SiblingRow:
    """Another parcel of the merchant with the same carrier and number."""

    public_id: UUID
    instance: int
    status: str
    mailing_date: date | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A reason that people were written to of: `people` are the names of those who are still here, of `many`."""

    reason: str
    told_at: datetime
    people: tuple[str, ...]
    many: int


@dataclass(frozen=True, slots=True)
class ParcelRows:
    """A parcel with its watch, carrier and open attention, and all that hangs on it; scans and the rest newest first.

    `live_token` is that of its working private link, or `""`, `link_expires_at` its end; `link_ids` are those of all its
    links; `host` is the merchant's own host name, or `""`.
    """

    shipment: Shipment
    scans: list[ScanEvent]
    notes: list[NoteRow]
    promises: list[PromiseRow]
    answers: list[AnswerRow]
    siblings: list[SiblingRow]
    proofs: list[ProofRow]
    alerts: list[AlertRow]
    buyers: list[dict[str, Any]]
    live_token: str
    link_expires_at: datetime | None
    host: str
    link_ids: list[int]


def load(merchant: Merchant, public_id: UUID) -> ParcelRows:
    """The merchant's parcel with this id, or Http404: one statement for it and what is small, one for its scans."""
    shipment = get_object_or_404(_with_everything(merchant, timezone.now()), public_id=public_id)
    shipment.merchant = merchant
    row: Any = shipment
    scans = list(ScanEvent.objects.filter(shipment=shipment).newest_first()[:MOST_SCANS])
    return ParcelRows(
        shipment=shipment,
        scans=scans,
        notes=[NoteRow(**_read(one, "made_at")) for one in row.note_rows],
        promises=[
            PromiseRow(
                on=date.fromisoformat(one["on"]) if one["on"] else None,
                starts=time.fromisoformat(one["starts"]) if one["starts"] else None,
                ends=time.fromisoformat(one["ends"]) if one["ends"] else None,
                told_at=datetime.fromisoformat(one["told_at"]),
            )
            for one in row.promise_rows
        ],
        answers=[AnswerRow(**_read(one, "fetched_at")) for one in row.answer_rows],
        siblings=[
            SiblingRow(
                public_id=UUID(one["public_id"]),
                instance=one["instance"],
                status=one["status"],
                mailing_date=date.fromisoformat(one["mailing_date"]) if one["mailing_date"] else None,
                created_at=datetime.fromisoformat(one["created_at"]),
            )
            for one in row.sibling_rows
        ],
        proofs=[read_row(one) for one in row.proof_rows],
        buyers=row.buyer_rows,
        alerts=[
            AlertRow(
                reason=one["reason"],
                told_at=datetime.fromisoformat(one["told_at"]),
                people=tuple(one["people"]),
                many=one["many"],
            )
            for one in row.alert_rows
        ],
        live_token=row.live_token or "",
        link_expires_at=row.link_expires_at,
        host=row.host or "",
        link_ids=row.link_ids,
    )


def name_of_person(prefix: str = "") -> Coalesce:
    """How a person is called on pages, as an expression: by name, else by address, `""` where they are gone."""
    return Coalesce(NullIf(f"{prefix}name", Value("")), f"{prefix}email", Value(""), output_field=CharField())


def _read(one: Mapping[str, Any], moment: str) -> dict[str, Any]:
    return {**one, moment: datetime.fromisoformat(one[moment])}


def _with_everything(merchant: Merchant, now: datetime) -> QuerySet[Shipment]:
    links = PrivateLink.objects.filter(shipment=OuterRef("pk")).order_by("-pk")
    siblings = Shipment.objects.filter(
        merchant=OuterRef("merchant"), carrier=OuterRef("carrier"), number=OuterRef("number")
    ).exclude(pk=OuterRef("pk"))
    rows: QuerySet[Shipment] = (
        Shipment.objects.for_merchant(merchant)
        .select_related("carrier", "watch", "attention__owner", "attention__done_by", "resolved_by")
        .annotate(
            note_rows=_many(
                Note.objects.filter(shipment=OuterRef("pk")).order_by("-made_at", "-pk"),
                MOST_NOTES,
                pk="pk",
                text="text",
                made_at="made_at",
                author_id="author_id",
                author=name_of_person("author__"),
            ),
            promise_rows=_many(
                PromisedDay.objects.filter(shipment=OuterRef("pk")).order_by("-told_at"),
                MOST_PROMISES,
                on="on",
                starts="starts",
                ends="ends",
                told_at="told_at",
            ),
            answer_rows=_many(
                Answer.objects.filter(shipment=OuterRef("pk")).order_by("-fetched_at", "-pk"),
                MOST_ANSWERS,
                pk="pk",
                sha256="sha256",
                kind="kind",
                gateway="gateway",
                fetched_at="fetched_at",
                size="size",
            ),
            sibling_rows=_many(
                siblings.order_by("-instance"),
                MOST_SIBLINGS,
                public_id="public_id",
                instance="instance",
                status="status",
                mailing_date="mailing_date",
                created_at="created_at",
            ),
            buyer_rows=_many(
                Subscription.objects.filter(shipment=OuterRef("pk")).order_by("-confirmed_at", "-pk"),
                MOST_BUYERS,
                email="email",
                wants="wants",
                consent="consent",
                consent_source="consent_source",
                confirmed_at="confirmed_at",
                unsubscribed_at="unsubscribed_at",
                letters=_many(
                    Mail.objects.filter(subscription=OuterRef("pk")).order_by("-made_at"),
                    MOST_MAILS,
                    kind="kind",
                    key="key",
                    made_at="made_at",
                    due_at="due_at",
                    sent_at="sent_at",
                ),
            ),
            alert_rows=_many(
                Alert.objects.filter(shipment=OuterRef("pk"), told_to__len__gt=0).order_by("-told_at", "pk"),
                MOST_ALERTS,
                reason="reason",
                told_at="told_at",
                people=ArraySubquery(
                    User.objects.filter(
                        pk__in=Alert.objects.filter(pk=OuterRef(OuterRef("pk"))).values(
                            one=Func("told_to", function="unnest")
                        )
                    )
                    .order_by("name", "pk")
                    .values_list(name_of_person())
                ),
                many="told_to__len",
            ),
            proof_rows=_many(
                Proof.objects.filter(shipment=OuterRef("pk")).in_force(), MOST_PROOFS, **COLUMNS
            ),
            link_ids=ArraySubquery(links.values("pk")[:MOST_LINKS]),
            live_token=Subquery(links.working(now).values("token")[:1]),
            link_expires_at=Subquery(links.working(now).values("expires_at")[:1]),
            host=Subquery(
                MerchantHost.objects.filter(merchant=OuterRef("merchant")).order_by("pk").values("host")[:1]
            ),
        )
    )
    return rows


def _many(rows: QuerySet[Any], most: int, **columns: Any) -> ArraySubquery:
    """The rows of a subquery as one array of objects, in their order."""
    named = {name: F(column) if isinstance(column, str) else column for name, column in columns.items()}
    return ArraySubquery(rows.values(row=JSONObject(**named))[:most])
