"""Proof statements: all that is known of a parcel, with what each fact rests on, frozen in one document.

A statement holds facts, not words: dates, codes, names, digests. How it reads on paper is the page's business; what it
says is digested, and never changes. docs/proof.md describes the document for whoever checks one by hand.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from django.db import transaction
from django.db.models import Q

from shipments.enums import Status
from shipments.facts.statements import FORMAT, canonical, digest, new_number
from shipments.models import Answer, Proof, ScanEvent, Shipment, Statement, User

# What one parcel's page shows at the most, too.
MOST_SCANS, MOST_ANSWERS = 2000, 1000


def state(
    shipment: Shipment, *, by: User | None, is_for_buyer: bool, now: datetime
) -> tuple[Statement, bool]:
    """The statement of what is known of the parcel now, and whether it is a new one: the same facts are stated once.

    A buyer's leaves out the order and the recipient, which a private link does not show.
    """
    with transaction.atomic():
        # The lock that ingest takes: scans, answers and the parcel's columns belong together, and two who ask at once
        # get the same statement.
        locked = (
            Shipment.objects.select_for_update(of=("self",))
            .select_related("merchant", "carrier")
            .get(pk=shipment.pk)
        )
        facts = _facts(locked, is_for_buyer=is_for_buyer)
        facts_sha256 = digest(canonical(facts))
        known = Statement.newest_saying(locked, facts_sha256, is_for_buyer=is_for_buyer)
        if known is not None:
            return known, False
        number = new_number()
        content = canonical({**facts, "format": FORMAT, "number": number, "made_at": _instant(now)})
        statement = Statement.objects.create(
            number=number,
            shipment=locked,
            merchant=locked.merchant,
            digest=digest(content),
            facts_sha256=facts_sha256,
            document=content.decode(),
            made_at=now,
            made_by=by,
            is_for_buyer=is_for_buyer,
            carrier=locked.carrier.name,
            number_ending=locked.number[-4:],
            status=locked.status,
            delivered_on=locked.delivered_on,
            answers=[
                {name: one[name] for name in ("fetched_at", "gateway", "sha256", "body_sha256")}
                for one in facts["answers"]
            ],
        )
    return statement, True


def _facts(shipment: Shipment, *, is_for_buyer: bool) -> dict[str, Any]:
    parcel = {
        "carrier": shipment.carrier.name,
        "tracking_number": shipment.number,
        "second_number": shipment.second_number,
        "service": shipment.service_name,
        "status": shipment.status,
        "mailed_on": _day(shipment.mailing_date or shipment.shipped_on),
        "promised": {
            "date": _day(shipment.estimated_on),
            "from": _clock(shipment.estimated_from),
            "to": _clock(shipment.estimated_to),
        },
    }
    if not is_for_buyer:
        parcel |= {"order": shipment.order_number, "recipient": shipment.recipient_name}
    answers = list(_answers(shipment))
    digests = dict(answers)
    return {
        "made_for": "buyer" if is_for_buyer else "merchant",
        "merchant": shipment.merchant.name,
        "parcel": parcel,
        "delivery": _delivery(shipment),
        "scans": [_scan(scan, digests) for scan in _scans(shipment)],
        "pictures": _pictures(shipment),
        "answers": [answer for _pk, answer in answers],
    }


def _delivery(shipment: Shipment) -> dict[str, Any] | None:
    if shipment.status != Status.DELIVERED:
        return None
    return {
        "date": _day(shipment.delivered_on),
        "time": _clock(shipment.delivered_time),
        "offset_minutes": shipment.delivered_offset,
        "instant": _instant(shipment.delivered_at),
        "place": shipment.delivery_location,
        "words": shipment.delivery_description,
        "signed_by": shipment.signed_by,
    }


def _scans(shipment: Shipment) -> Iterator[ScanEvent]:
    """Those of this parcel, the oldest first; those the carrier has taken back among them, but nobody else's."""
    own = ScanEvent.objects.filter(shipment=shipment, earlier_parcel=False)
    if shipment.number_until is not None:
        own = own.filter(local_date__lt=shipment.number_until)
    if shipment.carrier_corrected_at is not None:
        own = own.filter(Q(withdrawn_at=None) | Q(withdrawn_at__gt=shipment.carrier_corrected_at))
    return reversed(own.newest_first()[:MOST_SCANS])


def _scan(scan: ScanEvent, answers: dict[int, dict[str, Any]]) -> dict[str, Any]:
    answer = answers.get(scan.answer_id) if scan.answer_id is not None else None
    return {
        "date": _day(scan.local_date),
        "time": _clock(scan.local_time),
        "offset_minutes": scan.offset,
        "zone": scan.zone,
        "instant": _instant(scan.at),
        # Without a time there is nothing to know it by.
        "known_by": scan.known_by if scan.local_time is not None else "date",
        "status": scan.status,
        "text": scan.text_for_buyers or scan.text,
        "place": {
            "city": scan.city,
            "region": scan.region,
            "postal_code": scan.postal_code,
            "country": scan.country,
        },
        "first_told_by": answer["sha256"] if answer else None,
        "withdrawn_at": _instant(scan.withdrawn_at),
    }


def _pictures(shipment: Shipment) -> list[dict[str, Any]]:
    if shipment.status != Status.DELIVERED or not shipment.proof_url:
        return []
    proofs = Proof.objects.of(shipment).exclude(picture=None).select_related("picture").defer("picture__data")
    pictures = {proof.picture_id: proof.picture for proof in proofs}
    return [
        {
            "sha256": picture.sha256,
            "media_type": picture.media_type,
            "width": picture.width,
            "height": picture.height,
            "size": picture.size,
            "original_sha256": picture.original_sha256,
            "original_size": picture.original_size,
            "fetched_at": _instant(picture.fetched_at),
        }
        for picture in pictures.values()
        if picture is not None
    ]


def _answers(shipment: Shipment) -> Iterator[tuple[int, dict[str, Any]]]:
    """The carrier's answers by their keys, the oldest first; none of a carrier that never had the parcel."""
    answers = Answer.objects.filter(shipment=shipment).defer("body", "unreadable")
    if shipment.carrier_corrected_at is not None:
        answers = answers.filter(fetched_at__gt=shipment.carrier_corrected_at)
    for answer in reversed(answers.order_by("-fetched_at", "-pk")[:MOST_ANSWERS]):
        yield (
            answer.pk,
            {
                "fetched_at": _instant(answer.fetched_at),
                "gateway": answer.gateway,
                "kind": answer.kind,
                "size": answer.size,
                "sha256": answer.sha256,
                "body_sha256": answer.body_sha256,
            },
        )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _clock(at: time | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
