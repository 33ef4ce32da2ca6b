"""What may be kept of an answer about a parcel whose data was erased: what its tracking number alone opens.

Answers come late, are asked for again, and are read anew from what is stored; none of that brings back what was erased.
"""

from dataclasses import replace

from shipments.carriers.base import Scan, Snapshot
from shipments.facts.places import Place


def without_people(snapshot: Snapshot, newest: Scan | None) -> Snapshot:
    """The answer as far as it tells of the parcel as a whole; `newest` is its newest scan. Its scans are left as they are:
    they are known again by all that was said of them."""
    town = newest.place if newest is not None else Place()
    return replace(
        snapshot,
        status_text="",
        last_location=", ".join(part for part in (town.city, town.region) if part),
        reference_number="",
        smart_label_barcode="",
        second_number="",
        delivery_location="",
        delivery_description="",
        delivery_proof_url="",
        signed_by="",
        destination=replace(snapshot.destination, postal_code="") if snapshot.destination else None,
        details={},
    )
