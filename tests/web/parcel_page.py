"""A parcel's own page, and what the audit says was done there."""

from typing import Any

from django.test import Client

from shipments.models import (
    AuditEntry,
    Merchant,
    Shipment,
)
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
)

NUMBER = "9405509898641500000146"


def a_named_parcel(merchant: Merchant) -> Shipment:
    """Delivered, with a name and an order."""
    shipment = a_shipment(merchant, number=NUMBER, order_number="A-77", recipient_name="Rosa Invented")
    ingested(shipment, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED), a_scan(*LABEL)))
    shipment.refresh_from_db()
    return shipment


def url(shipment: Shipment, more: str = "") -> str:
    return f"/app/alpine/shipments/{shipment.public_id}/{more}"


def page_of(client: Client, shipment: Shipment, query: str = "") -> str:
    return client.get(url(shipment, query)).content.decode().replace("&#x27;", "'")


def deeds() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return list(AuditEntry.objects.order_by("id").values_list("verb", "before", "after"))
