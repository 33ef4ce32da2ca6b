"""Queries that are written once a process."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shipments.models import ScanEvent, Shipment, Watch
from shipments.models.prepared import Prepared
from shipments.web.parcel_view import Sight
from shipments.web.presenting import present
from shipments.web.public_reading import parcels_with, scans_of
from tests.factories import ACCEPTED, DELIVERED, OLNEY, a_scan, a_shipment, a_snapshot, ingested, posted
from tests.web.test_visitors import NOW

pytestmark = pytest.mark.django_db


def by_key() -> Prepared[Shipment]:
    return Prepared(
        lambda key: (
            Shipment.objects.filter(lookup_key=key).select_related("merchant", "watch").order_by("pk")
        ),
        sample="\0",
    )


def test_the_rows_are_those_of_the_queryset() -> None:
    parcels = [a_shipment(number="9400111899223197428490") for _ in range(2)]
    bare = a_shipment()
    Watch.objects.filter(shipment=bare).delete()
    query = by_key()

    with CaptureQueriesContext(connection) as queries:
        found = query("9400111899223197428490")
        names = [(one.merchant.name, one.watch.due_at) for one in found]

    assert found == parcels
    assert names == [(one.merchant.name, one.watch.due_at) for one in parcels]
    assert [one.number for one in query(bare.lookup_key)] == [bare.number]
    assert not hasattr(query(bare.lookup_key)[0], "watch")
    assert query("nothing' OR '1'='1") == []
    assert len(queries) == 1


def test_a_row_is_made_as_django_makes_it_and_reads_the_columns_left_out_when_asked() -> None:
    parcel = ingested(
        a_shipment(order_number="A-1"), a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED))
    ).shipment
    wanted = ScanEvent.objects.filter(shipment=parcel).order_by("pk")
    columns = (
        "shipment_id",
        "local_date",
        "local_time",
        "ordered_at",
        "at",
        "latitude",
        "earlier_parcel",
        "city",
    )
    query: Prepared[ScanEvent] = Prepared(lambda pk: wanted.filter(answer=pk).only(*columns), sample=-1)

    found, expected = query(parcel.answer_id), list(wanted.only(*columns))

    def known(scan: ScanEvent) -> dict[str, object]:
        return {name: (type(value), value) for name, value in vars(scan).items() if name != "_state"}

    assert [known(scan) for scan in found] == [known(scan) for scan in expected]
    assert [scan.get_deferred_fields() for scan in found] == [scan.get_deferred_fields() for scan in expected]
    assert [(scan._state.adding, scan._state.db) for scan in found] == [(False, "default")] * 2
    assert [scan.text for scan in found] == [scan.text for scan in expected]


def test_a_model_that_is_made_in_a_way_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shipment, "__init__", lambda self, *args: None)

    with pytest.raises(ValueError, match="Shipment is made in a way of its own"):
        by_key()("x")


@pytest.mark.parametrize(
    "query",
    [
        lambda _key: Shipment.objects.order_by("pk"),
        lambda key: Shipment.objects.filter(lookup_key=key, number=key),
    ],
)
def test_a_query_without_one_place_for_the_value_is_none(query: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match="only once"):
        Prepared(query, sample="\0")("x")


@pytest.mark.django_db(transaction=True)
def test_many_threads_get_their_own_rows_also_after_the_first_one_has_ended() -> None:
    parcels = [a_shipment() for _ in range(8)]
    query, start = by_key(), Barrier(8)

    def ask(parcel: Shipment) -> list[list[int]]:
        start.wait()
        try:
            return [[one.pk for one in query(parcel.lookup_key)] for _ in range(20)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, parcels))

    assert answers == [[[parcel.pk]] * 20 for parcel in parcels]
    assert query(parcels[0].lookup_key) == [parcels[0]]


@pytest.mark.parametrize("sight", [Sight.NUMBER, Sight.POSTAL_CODE, Sight.PRIVATE_LINK])
def test_a_public_page_needs_no_column_that_was_not_read(sight: Sight) -> None:
    made = a_shipment(destination_postal_code="20832", destination_city="OLNEY", destination_region="MD")
    for answer in (
        a_snapshot(a_scan(*ACCEPTED)),
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(*ACCEPTED),
            delivered=posted("2026-03-05 14:05"),
            signed_by="R",
        ),
    ):
        ingested(made, answer)
        (parcel,) = parcels_with(made.lookup_key)
        scans = scans_of(parcel)

        with CaptureQueriesContext(connection) as queries:
            view = present(parcel, sight=sight, now=NOW, scans=scans)

        assert queries.captured_queries == []
        assert len(view.days) == len({scan.local_date for scan in scans})
