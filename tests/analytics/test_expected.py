"""Days by our own table: they stand in where a carrier has promised none, for staff alone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from shipments.analytics import attention, cohorts
from shipments.analytics.expected import table_digest
from shipments.enums import Counted, Reason, Status
from shipments.models import (
    AttentionItem,
    Cohort,
    Merchant,
    Reckoning,
    ServicePromise,
    Shipment,
    StaleDay,
    User,
)
from shipments.models.figures import Cut, Span
from tests.factories import a_shipment

pytestmark = pytest.mark.django_db

# A Monday; the holiday of Juneteenth is on the Friday after.
NOW = datetime(2026, 6, 22, 16, 0, tzinfo=UTC)
SCANNED = date(2026, 6, 15)


def expects(days: int, service: str = "", carrier: str = "UPS", counted: str = Counted.BUSINESS) -> None:
    ServicePromise.objects.create(carrier_id=carrier, service=service, days=days, counted=counted)


def a_parcel(merchant: Merchant, **over: Any) -> Shipment:
    """On its way since Monday, heard of an hour ago; nobody has promised a day."""
    return a_shipment(
        merchant,
        **{
            "carrier": "UPS",
            "number": "1Z5R89390357567127",
            "status": Status.IN_TRANSIT,
            "first_scan_on": SCANNED,
            "first_scan_at": datetime(2026, 6, 15, 15, 0, tzinfo=UTC),
            "last_scan_at": NOW - timedelta(hours=1),
            "status_since": NOW - timedelta(hours=1),
            "changed_at": NOW - timedelta(hours=1),
            "service_name": "UPS Ground",
            "service_code": "03",
            **over,
        },
    )


def late_since(shipment: Shipment, now: datetime = NOW) -> datetime | None:
    attention.review(now, [shipment.pk])
    item = AttentionItem.objects.filter(shipment=shipment).first()
    assert item is None or item.reasons == [Reason.LATE]
    return item.since if item else None


@pytest.mark.parametrize(
    ("days", "counted", "due"),
    [
        # Friday is a holiday: the fourth business day after Monday is the next Monday, which is not over yet.
        (3, Counted.BUSINESS, date(2026, 6, 18)),
        (4, Counted.BUSINESS, None),
        (6, Counted.CALENDAR, date(2026, 6, 21)),
        (7, Counted.CALENDAR, None),
    ],
)
def test_a_parcel_without_a_promise_is_late_by_the_table(
    merchant: Merchant, days: int, counted: str, due: date | None
) -> None:
    merchant.late_days = 1
    merchant.time_zone = "UTC"
    merchant.save()
    expects(days, counted=counted)

    since = late_since(a_parcel(merchant))

    # From the end of the day on.
    assert since == (
        None
        if due is None
        else datetime(due.year, due.month, due.day, tzinfo=UTC) + timedelta(days=merchant.late_days)
    )


@pytest.mark.parametrize(
    "over",
    [
        {"first_promised_on": date(2026, 6, 30)},
        {"estimated_on": date(2026, 6, 30)},
        {"first_scan_on": None},
        {"carrier": "FedEx", "number": "986578788855"},
    ],
)
def test_the_table_says_nothing_where_the_carrier_has_spoken_nobody_scanned_or_another_carries(
    merchant: Merchant, over: dict[str, Any]
) -> None:
    expects(1)
    assert late_since(a_parcel(merchant, **over)) is None


@pytest.mark.parametrize(
    ("service", "is_late"),
    [("UPS Ground", True), ("ups ground", True), ("03", True), ("UPS Next Day Air", False), ("", True)],
)
def test_a_service_is_told_by_its_name_or_its_code(merchant: Merchant, service: str, is_late: bool) -> None:
    expects(1, service)
    assert (late_since(a_parcel(merchant)) is not None) is is_late


def test_the_row_of_the_service_goes_before_that_of_all_others(merchant: Merchant) -> None:
    expects(1)
    expects(30, "UPS Ground")
    assert late_since(a_parcel(merchant)) is None


def test_a_carrier_scanned_in_part_raises_no_alarm_by_its_silence(merchant: Merchant) -> None:
    silent = {"last_scan_at": NOW - timedelta(days=30)}
    parcel = a_parcel(merchant, **silent)
    attention.review(NOW, [parcel.pk])
    assert AttentionItem.objects.get().reasons == [Reason.SILENT]

    parcel.carrier.scans_in_part = True
    parcel.carrier.save()
    attention.review(NOW, [parcel.pk])
    assert AttentionItem.objects.count() == 0


def test_staff_are_told_by_whose_word_it_is_late_and_buyers_of_no_day(
    merchant: Merchant, alice: User, signed_in: Callable[[User], Client]
) -> None:
    expects(1)
    parcel = a_parcel(merchant)
    attention.review(NOW, [parcel.pk])

    row = signed_in(alice).get("/app/alpine/attention/").content.decode()
    buyers = Client().get(f"/m/alpine/track/{parcel.number}").content.decode()

    assert "Late by our own table; the carrier has promised no day" in row
    assert "Promised for" not in row
    assert "June 16" not in buyers
    assert "table" not in buyers.split("</head>")[1].replace("<table", "")


# ---- Figures


def day_of(merchant: Merchant) -> tuple[int, int, int]:
    row = Cohort.objects.get(merchant=merchant, cut=Cut.ALL, span=Span.DAY)
    return row.judged, row.on_time, row.not_due


@pytest.mark.parametrize(
    ("days", "attempted_on", "counted"),
    [
        (3, date(2026, 6, 18), (1, 1, 0)),
        (3, date(2026, 6, 20), (1, 0, 0)),
        (3, None, (1, 0, 0)),
        (4, None, (0, 0, 1)),
    ],
)
def test_figures_judge_by_the_table_where_nobody_promised(
    merchant: Merchant, days: int, attempted_on: date | None, counted: tuple[int, int, int]
) -> None:
    expects(days)
    a_parcel(merchant, first_attempt_on=attempted_on)

    cohorts.tally(NOW)

    assert day_of(merchant) == counted


def test_the_carriers_promise_goes_before_the_table_in_figures(merchant: Merchant) -> None:
    expects(1)
    a_parcel(merchant, first_promised_on=date(2026, 6, 18), first_attempt_on=date(2026, 6, 18))
    cohorts.tally(NOW)
    assert day_of(merchant) == (1, 1, 0)


def test_another_table_has_the_figures_counted_again_by_itself_and_once(merchant: Merchant) -> None:
    a_parcel(merchant)
    cohorts.tally(NOW)
    assert (day_of(merchant), Reckoning.objects.get().expected) == ((0, 0, 0), "")

    expects(3)
    cohorts.tally(NOW)
    assert (day_of(merchant), Reckoning.objects.get().expected) == ((1, 0, 0), table_digest())

    ServicePromise.objects.update(days=10)
    cohorts.tally(NOW)
    assert day_of(merchant) == (0, 0, 1)
    assert StaleDay.objects.count() == 0

    ServicePromise.objects.all().delete()
    cohorts.tally(NOW)
    assert (day_of(merchant), Reckoning.objects.get().expected) == ((0, 0, 0), "")


def test_a_day_of_the_table_that_passes_makes_the_parcel_late_without_news(merchant: Merchant) -> None:
    expects(4)
    a_parcel(merchant)
    cohorts.tally(NOW)
    assert day_of(merchant) == (0, 0, 1)

    cohorts.tally(NOW + timedelta(days=2))
    assert day_of(merchant) == (1, 0, 0)
