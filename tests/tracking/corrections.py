"""A parcel corrected as a person would."""

from datetime import UTC, datetime

from shipments.models import Shipment
from shipments.tracking.correcting import (
    Corrected,
    correct,
    read_particulars,
)

NUMBER = "9405509898641500000146"
NOW = datetime(2026, 3, 6, 12, 30, tzinfo=UTC)


def say(shipment: Shipment, **said) -> Corrected:
    """Correct what is named; the rest stays as it is."""
    shipment.refresh_from_db()
    return correct(
        shipment,
        read_particulars(
            shipment,
            **{
                "carrier": shipment.carrier_id,
                "gateway": shipment.gateway,
                "mailing_date": shipment.mailing_date.isoformat() if shipment.mailing_date else "",
                "postal_code": shipment.destination_postal_code,
                "order_number": shipment.order_number,
                "recipient_name": shipment.recipient_name,
                "proof_due": shipment.proof_due,
                **said,
            },
        ),
        now=NOW,
    )


def shown(shipment: Shipment) -> list[str]:
    return [scan.text for scan in shipment.scans.shown().newest_first()]
