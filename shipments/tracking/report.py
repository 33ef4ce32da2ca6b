"""A parcel as JSON: what `manage.py track --json` prints. Keys and their order are a contract; add, never change."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from shipments.enums import AnswerKind, Status
from shipments.facts.times import offset_text
from shipments.models import Answer, CarrierAccount, ScanEvent, Shipment, Watch
from shipments.tracking.catalogue import Routes
from shipments.tracking.gateway import choose_account

Report = dict[str, Any]


def report(shipment: Shipment) -> Report:
    """Everything known of one parcel, ready for JSON: missing is None, times and dates are text."""
    return reports([shipment])[0]


def reports(shipments: Sequence[Shipment]) -> list[Report]:
    """The report of each parcel, in their order, in a constant number of queries."""
    newest_first = Prefetch("scans", queryset=ScanEvent.objects.newest_first())
    bodiless = Prefetch("answer", queryset=Answer.objects.defer("body"))
    prefetch_related_objects(list(shipments), "merchant", "watch", bodiless, newest_first)
    accounts = _accounts(shipments)
    routes = Routes.read() if accounts else Routes(())
    return [_report(shipment, accounts, routes) for shipment in shipments]


def trouble(watch: Watch | None) -> str | None:
    """Why the last question got no answer, or none this account may see; None otherwise.

    That a number is not known yet is an answer and no trouble: `not_known_yet` has its words.
    """
    if watch is None:
        return None
    if watch.error_text:
        return watch.error_text
    return watch.heard_text or None if watch.heard == AnswerKind.NOT_ALLOWED else None


def not_known_yet(watch: Watch | None) -> str | None:
    """The sentence where the carrier's last answer was that it does not know the number."""
    return watch.heard_text or None if watch is not None and watch.heard == AnswerKind.NOT_KNOWN else None


def _report(shipment: Shipment, accounts: Sequence[CarrierAccount], routes: Routes) -> Report:
    watch: Watch | None = getattr(shipment, "watch", None)
    return {
        "merchant": shipment.merchant.slug,
        "gateway": _gateway(shipment, accounts, routes),
        "carrier": shipment.carrier_id,
        "trackingNumber": shipment.number,
        "packageCount": shipment.package_count,
        "status": shipment.status,
        "statusText": shipment.status_text or not_known_yet(watch),
        "service": {"code": shipment.service_code or None, "name": shipment.service_name or None},
        "weight": {"value": shipment.weight_value, "unit": shipment.weight_unit or None},
        "dimension": shipment.dimension or None,
        "referenceNumber": shipment.reference_number or None,
        "smartLabelBarcode": shipment.smart_label_barcode or None,
        "lastLocation": shipment.last_location or None,
        "shipped": _moment(shipment, "shipped"),
        "updated": _moment(shipment, "updated"),
        "estimatedDelivery": {
            "date": None if shipment.estimated_on is None else shipment.estimated_on.isoformat(),
            "from": _clock(shipment.estimated_from),
            "to": _clock(shipment.estimated_to),
            "utcOffset": _offset(shipment.estimated_offset),
        },
        "delivered": {
            **_moment(shipment, "delivered"),
            "location": shipment.delivery_location or None,
            "description": shipment.delivery_description or None,
            "signedBy": shipment.signed_by or None,
            "hasProof": _has_proof(shipment),
        },
        "reattempt": _moment(shipment, "reattempt"),
        "checkedAt": _instant(watch.checked_at if watch else None),
        "answer": _answer(shipment.answer),
        "error": trouble(watch),
        "scans": [_scan(scan) for scan in shipment.scans.all()],
    }


def _accounts(shipments: Sequence[Shipment]) -> list[CarrierAccount]:
    merchants = {shipment.merchant_id for shipment in shipments if not shipment.answered_by}
    # Choosing needs neither key nor secret; left out, they are not even decrypted.
    return list(CarrierAccount.objects.usable_by(merchants).defer("key", "secret")) if merchants else []


def _gateway(shipment: Shipment, accounts: Sequence[CarrierAccount], routes: Routes) -> str | None:
    """The gateway that gave the facts, else the one that would be asked."""
    if shipment.answered_by:
        return shipment.answered_by
    account = choose_account(shipment, accounts, routes)
    return account.gateway if account else shipment.gateway or None


def _has_proof(shipment: Shipment) -> bool | None:
    if shipment.has_proof:
        return True
    nothing_known = not (
        shipment.delivered_on
        or shipment.delivery_location
        or shipment.delivery_description
        or shipment.signed_by
        or shipment.status == Status.DELIVERED
    )
    return None if nothing_known else False


def _answer(answer: Answer | None) -> Report:
    if answer is None:
        return {"sha256": None, "fetchedAt": None}
    return {"sha256": answer.sha256, "fetchedAt": _instant(answer.fetched_at)}


def _moment(shipment: Shipment, name: str) -> Report:
    on, at = getattr(shipment, f"{name}_on"), getattr(shipment, f"{name}_time")
    return {
        "local": None if on is None else _local(on, at),
        "utcOffset": _offset(getattr(shipment, f"{name}_offset")),
        "at": _instant(getattr(shipment, f"{name}_at")),
    }


def _scan(scan: ScanEvent) -> Report:
    return {
        "local": _local(scan.local_date, scan.local_time),
        "utcOffset": _offset(scan.offset),
        "at": _instant(scan.at),
        "zoneKnownBy": scan.known_by,
        "status": scan.status,
        "code": scan.code or None,
        "text": scan.text or None,
        "textForBuyers": scan.text_for_buyers or None,
        "textForSellers": scan.text_for_sellers or None,
        "city": scan.city or None,
        "region": scan.region or None,
        "postalCode": scan.postal_code or None,
        "country": scan.country or None,
        "latitude": scan.latitude,
        "longitude": scan.longitude,
        "url": scan.url or None,
        "leg": scan.leg or None,
        "withdrawn": scan.withdrawn_at is not None,
        "earlierParcel": scan.earlier_parcel,
    }


def _local(on: date, at: time | None) -> str:
    return on.isoformat() if at is None else f"{on.isoformat()}T{at.isoformat(timespec='seconds')}"


def _clock(at: time | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _offset(minutes: int | None) -> str | None:
    return None if minutes is None else offset_text(timedelta(minutes=minutes))


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
