"""Rows of a file become parcels once, whatever happens on the way."""

from datetime import UTC, date, datetime

import pytest

from shipments.bulk import importing
from shipments.enums import WorkState
from shipments.models import Import, Shipment, Watch
from tests.factories import a_draft, an_impb

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


def imported(text: str | bytes, merchant=None, **over) -> Import:
    job = a_draft(text, merchant, now=NOW, **over)
    assert job.start(NOW)
    importing.work_on(job.pk)
    job.refresh_from_db()
    return job


def counts(job: Import) -> tuple[int, int, int, int]:
    return job.good, job.double, job.bad, job.learnt


def test_rows_become_parcels_with_all_they_say():
    number = an_impb()
    job = imported(
        "Tracking Number;Order;Ship To - Name;Shipping Zip;Ship Date;Tags;Signature required\n"
        f'{number};A-1;"Müller, Ann";20832-1234;3/14/2026;"vip, fragile";yes\n'
    )
    assert (job.state, counts(job)) == (WorkState.DONE, (1, 0, 0, 0))
    shipment = Shipment.objects.get()
    assert (
        shipment.carrier_id, shipment.number, shipment.order_number, shipment.recipient_name,
        shipment.destination_postal_code, shipment.mailing_date, shipment.tags, shipment.proof_due, shipment.instance,
        shipment.created_at, shipment.lifecycle, shipment.status, shipment.status_group,
    ) == (
        "USPS", number, "A-1", "Müller, Ann", "20832", date(2026, 3, 14), ["vip", "fragile"], True, 1,
        NOW, "active", "Unknown", "unknown",
    )  # fmt: skip
    watch = Watch.objects.get(shipment=shipment)
    assert (watch.merchant_id, watch.misses, watch.lease) == (job.merchant_id, 0, None)
    assert watch.due_at is not None
