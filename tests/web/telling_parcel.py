"""What strangers must not learn."""

from datetime import date

from shipments.enums import Status
from shipments.facts.places import Place
from shipments.models import Merchant, Shipment, Watch
from tests import factories
from tests.factories import ACCEPTED, a_scan, a_shipment, a_snapshot, posted

NUMBER = "9400111899223197428490"


def a_telling_parcel(merchant: Merchant) -> Shipment:
    """A delivered parcel with everything in it that somebody must not see."""
    shipment = a_shipment(
        merchant,
        number=NUMBER,
        destination_postal_code="20832",
        mailing_date=date(2026, 3, 2),
        recipient_name="Jane Recipient",
        order_number="ORDER-1001",
    )
    factories.ingested(
        shipment,
        a_snapshot(
            a_scan(
                "2026-03-05 14:05",
                "CODE77",
                "Delivered, Front Door/Porch",
                Status.DELIVERED,
                place=Place("OLNEY 20832", "MD", "20832", "US"),
                text_for_sellers="told to sellers",
                signed_by="R. EXAMPLE",
            ),
            a_scan(*ACCEPTED),
            a_scan("2025-06-01 09:00", "01", "Earlier parcel of another buyer", Status.DELIVERED),
            number=NUMBER,
            delivered=posted("2026-03-05 14:05"),
            delivery_location="OLNEY",
            delivery_description="Delivered, Front Door/Porch",
            signed_by="R. EXAMPLE",
            delivery_proof_url="https://carrier.example/proof/77",
            service_name="Priority Mail Express",
            second_number="SECOND5550001",
            reference_number="REFERENCE-9",
        ),
    )
    Watch.objects.filter(pk=shipment.pk).update(error_kind="try-later", error_text="consumer key refused")
    shipment.refresh_from_db()
    return shipment


def shown_by(text: str, part: str) -> bool:
    return part.casefold() in text.casefold()
