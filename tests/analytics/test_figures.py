"""Figures of a period, from hand-made parcels whose every figure is known."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from shipments.analytics import cohorts, figures
from shipments.analytics.figures import Asked, Figures, GroupBy, Period, is_beyond_chance
from shipments.enums import Status
from shipments.models import Merchant
from tests.factories import a_merchant, a_shipment

NOW = datetime(2026, 7, 10, 15, 0, tzinfo=UTC)
JUNE = Period(date(2026, 6, 1), date(2026, 6, 30))


def shipped(merchant: Merchant, on: date, *, days: int | None = 2, promised: int = 3, **over: Any) -> None:
    """A parcel shipped and scanned on this day, delivered after so many days, or not yet, and promised in three."""
    delivered = None if days is None else on + timedelta(days)
    a_shipment(
        merchant,
        **{
            "mailing_date": on,
            "labelled_at": datetime(on.year, on.month, on.day, 14, tzinfo=UTC),
            "first_scan_on": on,
            "first_promised_on": on + timedelta(promised),
            "first_attempt_on": delivered,
            "delivered_on": delivered,
            "status": Status.IN_TRANSIT if delivered is None else Status.DELIVERED,
            "origin_country": "US",
            "origin_region": "CO",
            "destination_country": "US",
            "destination_region": "MD",
            **over,
        },
    )


def total(merchant: Merchant, asked: Asked) -> Figures:
    cohorts.tally(NOW)
    weeks, _before = figures.weeks(merchant, asked)
    return Figures.total(week.figures for week in weeks)


@pytest.mark.django_db
def test_every_figure_of_a_handful_of_parcels(merchant: Merchant) -> None:
    monday = date(2026, 6, 15)
    shipped(merchant, monday, days=2)
    shipped(merchant, monday, days=3, attempts=1, had_exception=True)
    # Friday 19 June is a federal holiday: from Monday to the Monday after are four business days.
    shipped(merchant, monday, days=7, attempts=2)
    # Promised days that are over without an attempt; one of a parcel the carrier never had.
    shipped(merchant, monday, days=None)
    shipped(merchant, monday, days=None, first_scan_on=None)
    shipped(merchant, monday, days=None, status=Status.RETURN_TO_SENDER, promised=2)
    # Delivered early, but the promised day is still to come.
    shipped(merchant, monday, days=1, promised=40)
    # Scanned two days after its label, and never promised.
    shipped(merchant, monday, days=5, first_scan_on=monday + timedelta(2), first_promised_on=None)

    found = total(merchant, Asked(JUNE))

    assert (found.parcels, found.scanned, found.under_way) == (8, 7, 1)
    assert (found.judged, found.on_time, found.not_due) == (5, 2, 1)
    assert (found.delivered, found.first_try, found.attempted, found.failed_attempts) == (5, 3, 5, 3)
    assert (found.exceptions, found.returns) == (1, 1)
    assert (found.on_time_share, found.first_try_share, found.failed_per_hundred) == (0.4, 0.6, 60.0)
    assert (found.exception_share, found.return_share) == (1 / 7, 1 / 7)
    # 1, 1, 2, 3 and 4 business days: the last one went from Wednesday to Saturday, past the holiday.
    assert found.transit.counts[:6] == (0, 2, 1, 1, 1, 0)
    assert (found.transit.quantile(50), found.transit.quantile(90)) == (2, 4)
    assert found.first_scan.counts[:3] == (6, 0, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(("in_business_days", "median"), [(True, 1), (False, 4)])
def test_days_are_business_days_or_calendar_days(
    merchant: Merchant, in_business_days: bool, median: int
) -> None:
    # From the Thursday before Independence Day, kept on a Friday, to the Monday after.
    shipped(merchant, date(2026, 7, 2), days=4)

    found = total(merchant, Asked(Period(date(2026, 7, 1), date(2026, 7, 7)), in_business_days))

    assert found.transit.quantile(50) == median


@pytest.mark.django_db
def test_a_period_has_its_days_and_no_others(merchant: Merchant) -> None:
    for day in (date(2026, 5, 31), date(2026, 6, 1), date(2026, 6, 16), date(2026, 6, 30), date(2026, 7, 1)):
        shipped(merchant, day)
    shipped(a_merchant(), date(2026, 6, 16))
    cohorts.tally(NOW)

    weeks, before = figures.weeks(merchant, Asked(JUNE))

    assert [(week.monday, week.is_whole, week.figures.parcels) for week in weeks] == [
        (date(2026, 6, 1), True, 1),
        (date(2026, 6, 8), True, 0),
        (date(2026, 6, 15), True, 1),
        (date(2026, 6, 22), True, 0),
        (date(2026, 6, 29), False, 1),
    ]
    assert (before[0].days.start, before[-1].days.end) == (date(2026, 5, 2), date(2026, 5, 31))
    assert [week.figures.parcels for week in before] == [0, 0, 0, 0, 1]


@pytest.fixture
def mixed(merchant: Merchant) -> Merchant:
    """Parcels of two carriers, three services and two lanes, in whole weeks and on single days of the period."""
    to_britain: dict[str, Any] = {"destination_country": "GB", "destination_region": "Kent"}
    for day in (date(2026, 6, 9), date(2026, 6, 30)):
        shipped(merchant, day, service_name="Ground")
        shipped(merchant, day, service_name="Ground", days=4)
        shipped(merchant, day, service_name="Priority")
        shipped(merchant, day, carrier="UPS", number=f"1Z0927XA03405768{day.day:02d}", service_name="Ground")
        shipped(merchant, day, service_name="Ground", **to_britain)
        shipped(merchant, day, destination_country="")
    shipped(merchant, date(2026, 5, 20), service_name="Ground", days=9)
    cohorts.tally(NOW)
    return merchant


def parcels_by(merchant: Merchant, **asked: Any) -> dict[tuple[str, ...], int]:
    found = figures.groups(merchant, Asked(JUNE, **asked))
    return {(each.carrier, each.service, each.lane): each.figures.parcels for each in found}


MARYLAND, BRITAIN = "US-CO_US-MD", "US-CO_GB"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"by": GroupBy.CARRIER}, {("USPS", "", ""): 10, ("UPS", "", ""): 2}),
        (
            {"by": GroupBy.SERVICE},
            {("USPS", "Ground", ""): 6, ("USPS", "Priority", ""): 2, ("USPS", "", ""): 2, ("UPS", "Ground", ""): 2},
        ),
        ({"by": GroupBy.LANE}, {("", "", MARYLAND): 8, ("", "", BRITAIN): 2, ("", "", ""): 2}),
        ({"by": GroupBy.LANE, "carrier": "UPS"}, {("", "", MARYLAND): 2}),
        ({"by": GroupBy.LANE, "carrier": "USPS", "service": "Ground"}, {("", "", MARYLAND): 4, ("", "", BRITAIN): 2}),
        ({"by": GroupBy.CARRIER, "lane": BRITAIN}, {("USPS", "", ""): 2}),
        ({"by": GroupBy.CARRIER, "lane": ""}, {("USPS", "", ""): 2}),
        ({"by": GroupBy.SERVICE, "carrier": "USPS", "service": ""}, {("USPS", "", ""): 2}),
        (
            {"by": GroupBy.SERVICE, "carrier": "USPS", "lane": MARYLAND},
            {("USPS", "Ground", ""): 4, ("USPS", "Priority", ""): 2},
        ),
    ],
)  # fmt: skip
def test_filters_and_cuts_go_together(
    mixed: Merchant, asked: dict[str, Any], expected: dict[tuple[str, ...], int]
) -> None:
    assert parcels_by(mixed, **asked) == expected
    # The charts above the table are of the same parcels.
    weeks, _before = figures.weeks(mixed, Asked(JUNE, **asked))
    assert sum(week.figures.parcels for week in weeks) == sum(expected.values())


@pytest.mark.django_db
def test_groups_are_compared_with_the_period_before(mixed: Merchant) -> None:
    usps, ups = figures.groups(mixed, Asked(JUNE))

    assert (usps.figures.judged, usps.figures.on_time) == (10, 8)
    assert (usps.before.judged, usps.before.on_time) == (1, 0)
    assert (ups.before.judged, ups.before.on_time) == (0, 0)


@pytest.mark.django_db
def test_there_are_at_most_as_many_groups_as_asked_for_and_the_largest_stay(mixed: Merchant) -> None:
    found = figures.groups(mixed, Asked(JUNE, by=GroupBy.LANE), most=1)

    assert [each.lane for each in found] == [MARYLAND]


@pytest.mark.django_db
def test_what_can_be_chosen_is_what_was_shipped(mixed: Merchant) -> None:
    found = figures.choices(mixed, JUNE, most=10)

    assert found.services == [("USPS", "Ground"), ("UPS", "Ground"), ("USPS", ""), ("USPS", "Priority")]
    assert found.lanes == [MARYLAND, "", BRITAIN]
    assert figures.choices(mixed, Period(date(2026, 1, 5), date(2026, 1, 11)), most=10).lanes == []


@pytest.mark.django_db
def test_medians_are_those_of_the_database(merchant: Merchant) -> None:
    for days in (1, 1, 2, 3, 5, 8, 8, 9, 13, 21, 40):
        shipped(merchant, date(2026, 6, 2), days=days)

    found = total(merchant, Asked(JUNE, in_business_days=False)).transit

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY delivered_on - first_scan_on),"
            " percentile_disc(0.9) WITHIN GROUP (ORDER BY delivered_on - first_scan_on) FROM shipments_shipment"
        )
        assert cursor.fetchone() == (found.quantile(50), found.quantile(90)) == (8, 21)


def days_of(spans: tuple[Iterable[date], Iterable[date]]) -> list[date]:
    weeks, days = spans
    return sorted([*days, *(week + timedelta(n) for week in weeks for n in range(7))])


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_weeks_and_days_of_a_period_are_its_days_once_each(start: date, more: int) -> None:
    period = Period(start, start + timedelta(more))

    assert days_of(period.spans()) == [start + timedelta(n) for n in range(more + 1)]
    assert len(period.spans()[1]) <= 12
    assert period.before.days == period.days
    assert period.before.end + timedelta(1) == period.start


@pytest.mark.parametrize(
    ("counts", "beyond"),
    [
        ((900, 1000, 940, 1000), True),
        ((900, 1000, 910, 1000), False),
        # Of few parcels nothing is said, however far apart.
        ((19, 19, 0, 1000), False),
        ((20, 20, 0, 20), True),
        ((1000, 1000, 1000, 1000), False),
    ],
)
def test_what_chance_makes_of_shares_is_not_called_a_change(
    counts: tuple[int, int, int, int], beyond: bool
) -> None:
    assert is_beyond_chance(*counts) is beyond
