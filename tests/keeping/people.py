"""A parcel about whose buyer everything is known, in every place where that can stand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from shipments.carriers.base import Snapshot
from shipments.enums import Sight, Status, Wants
from shipments.facts.places import Place
from shipments.models import (
    BadRow,
    Mail,
    Merchant,
    Note,
    PrivateLink,
    Shipment,
    Subscription,
    SubscriptionRequest,
    UnrecognisedCode,
)
from shipments.tracking.statements import state
from tests.factories import (
    a_draft,
    a_kept_picture,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
    posted,
)

# In every word that names the buyer, and in no other.
MARK = "Quillfeather"
EMAIL = "Quillfeather@example.com"
ZIP = "20832-9517"
HOME = Place(city="OLNEY", region="MD", postal_code=ZIP, latitude=39.1532, longitude=-77.0669)
LONG_AGO = datetime(2025, 1, 10, 12, tzinfo=UTC)


def what_the_carrier_says() -> Snapshot:
    """An answer that names the buyer wherever one can."""
    arrived = a_scan(
        "2026-03-05 14:05",
        "01",
        f"Delivered, left with {MARK}",
        Status.DELIVERED,
        place=HOME,
        text_for_buyers=f"Handed to {MARK}",
        text_for_sellers=f"Signed for by {MARK}",
        url=f"https://carrier.example/{MARK}",
        signed_by=f"A {MARK}",
        details={"recipient": MARK},
    )
    odd = a_scan("2026-03-05 09:00", "ZZ", f"Call {MARK} first", None, place=HOME)
    return a_snapshot(
        arrived,
        odd,
        a_scan(),
        status_text=f"Left with {MARK}",
        last_location=f"OLNEY, MD {ZIP}",
        reference_number=f"{MARK}-1",
        smart_label_barcode=f"{MARK}-2",
        second_number=f"{MARK}-3",
        delivered=posted("2026-03-05 14:05"),
        delivery_location=f"At {MARK}'s",
        delivery_description=f"With {MARK}",
        delivery_proof_url=f"https://carrier.example/proof/{MARK}",
        signed_by=f"A {MARK}",
        destination=HOME,
        details={"shipTo": {"name": MARK}},
    )


def a_known_parcel(merchant: Merchant | None = None, **over: Any) -> Shipment:
    """The parcel, with answer, scans, picture, statement, note, subscription, request, mails and a refused row."""
    typed = over.pop("number", None)
    shipment = a_shipment(
        merchant,
        **({"number": typed} if typed else {}),
        order_number=f"{MARK}-7",
        recipient_name=f"Ada {MARK}",
        tags=[f"for {MARK}"],
        created_at=over.pop("created_at", LONG_AGO),
        **over,
    )
    Shipment.objects.filter(pk=shipment.pk).update(number_as_typed=f"42020832{shipment.number}")
    ingested(shipment, what_the_carrier_says())
    shipment.refresh_from_db()
    a_kept_picture(shipment)
    now = timezone.now()
    state(shipment, by=None, is_for_buyer=False, now=now)
    Note.objects.create(shipment=shipment, merchant=shipment.merchant, text=f"{MARK} called")
    link = PrivateLink.objects.make(shipment)
    request = SubscriptionRequest.objects.ask(
        shipment, EMAIL, Wants.BOTH, sight=Sight.PRIVATE_LINK, link=link, language="en", now=now
    )
    subscription = Subscription.objects.create(
        merchant=shipment.merchant,
        shipment=shipment,
        email=EMAIL,
        wants="both",
        language="en",
        sight=2,
        consent=f"{MARK} said yes",
        consent_source=f"{MARK}.csv, row 2",
        confirmed_at=LONG_AGO,
        news_after=LONG_AGO,
    )
    subscription.stop_link_token()
    letter = {"merchant": shipment.merchant, "kind": "buyer_news", "to": EMAIL, "text": "x"}
    Mail.objects.create(
        **letter, subscription=subscription, subject=f"Dear {MARK}", due_at=None, error=f"550 <{EMAIL}>"
    )
    Mail.objects.create(**letter, subscription=subscription, subject=f"Dear {MARK}")
    Mail.objects.create(**letter, request=request, subject=f"Dear {MARK}")
    job = a_draft("number\n1\n", shipment.merchant)
    job.chunks.all().delete()
    BadRow.objects.create(job=job, merchant=shipment.merchant, row=2, cells=[MARK, f" {EMAIL} "], reason="?")
    BadRow.objects.create(
        job=job, merchant=shipment.merchant, row=3, cells=[f"420{ZIP[:5]}{shipment.number}"], reason="?"
    )
    BadRow.objects.create(job=job, merchant=shipment.merchant, row=4, cells=["somebody else"], reason="?")
    assert UnrecognisedCode.objects.filter(text__contains=MARK).exists()
    return Shipment.objects.get(pk=shipment.pk)


def over_since(shipment: Shipment, days: int, now: datetime, lifecycle: str = "ended") -> None:
    """Make the parcel one whose last news is so many days old."""
    Shipment.objects.filter(pk=shipment.pk).update(
        changed_at=now - timedelta(days=days),
        lifecycle=lifecycle,
        end_reason="" if lifecycle == "active" else "settled",
    )
