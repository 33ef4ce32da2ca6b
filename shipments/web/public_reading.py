"""What a public page reads of a parcel: two statements, written once a process, of the columns that may be shown."""

from collections.abc import Sequence

from shipments.models import ScanEvent, Shipment
from shipments.models.prepared import Prepared

_OF_A_PARCEL = (
    "public_id", "merchant_id", "carrier_id", "lookup_key", "number", "status", "lifecycle", "end_reason",
    "destination_postal_code", "mailing_date", "shipped_on", "number_until", "carrier_corrected_at",
    "estimated_on", "estimated_from", "estimated_to", "estimated_offset", "delivered_on", "delivered_time",
    "delivery_description", "signed_by", "proof_url", "reattempt_on", "reattempt_time", "service_name",
    "second_number", "facts_fetched_at", "order_number", "destination_city", "destination_region", "destination_country",
    # Of the few of which something was erased `erasures` says when, for a statement more.
    "erased_parts",
)  # fmt: skip
_BESIDE_IT = (
    "carrier__name", "carrier__tracking_url", "merchant__name", "merchant__slug", "merchant__time_zone",
    "merchant__language", "merchant__order_on_links", "merchant__suspended_at", "watch__due_at", "watch__wanted_by", "watch__by_hand", "watch__checked_at", "watch__lease", "watch__heard", "watch__heard_text",
    "watch__error_kind", "watch__error_text",
)  # fmt: skip
_OF_A_SCAN = (
    "shipment_id", "local_date", "local_time", "offset", "zone", "at", "known_by", "ordered_at", "status", "text",
    "text_for_buyers", "city", "region", "postal_code", "country", "latitude", "longitude", "withdrawn_at",
    "earlier_parcel",
)  # fmt: skip

_parcels: Prepared[Shipment] = Prepared(
    lambda key: (
        Shipment.objects.filter(lookup_key=key)
        .select_related("carrier", "merchant", "watch")
        .only(*_OF_A_PARCEL, *_BESIDE_IT)
        .order_by("pk")
    ),
    sample="\0",
)
_scans: Prepared[ScanEvent] = Prepared(
    lambda pk: ScanEvent.objects.filter(shipment=pk).newest_first().only(*_OF_A_SCAN), sample=-1
)


def parcels_with(lookup_key: str) -> list[Shipment]:
    """All parcels with this key, whoever's they are; which of them may be shown is for the page to say."""
    return _parcels(lookup_key)


def scans_of(shipment: Shipment) -> Sequence[ScanEvent]:
    """All scans of the parcel, newest first."""
    return _scans(shipment.pk)
