"""Figures counted ahead are those of the parcels, whatever happens to the parcels."""

import random
import threading
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django_q.models import OrmQ

from shipments import tasks
from shipments.analytics import cohorts
from shipments.enums import EndReason, Lifecycle, Resolution, Status
from shipments.facts.business_days import is_business_day
from shipments.facts.histograms import Histogram
from shipments.models import Cohort, Merchant, Reckoning, Shipment, StaleDay
from shipments.models.figures import Cut, Span
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 7, 10, 15, 0, tzinfo=UTC)
TODAY = date(2026, 7, 10)
HISTOGRAMS = (
    "transit_days",
    "transit_business_days",
    "first_scan_days",
    "first_scan_business_days",
)


def business_days(since: date, until: date) -> int:
    """Counted one by one: the days after `since`, until and with `until`, on which post offices work."""
    days = (since + timedelta(n) for n in range(1, max((until - since).days, 0) + 1))
    return sum(is_business_day(day) for day in days)


def a_parcel(dice: random.Random, merchant: Merchant) -> Shipment:
    """A parcel in any state, plausible or not."""

    def perhaps(value: Any, chance: float = 0.8) -> Any:
        return value if dice.random() < chance else None

    mailed = date(2026, 5, 20) + timedelta(dice.randrange(50))
    scanned = perhaps(mailed + timedelta(dice.randrange(-1, 6)))
    attempt = perhaps(mailed + timedelta(dice.randrange(1, 75)), 0.6)
    status = dice.choice([Status.DELIVERED, Status.DELIVERED, Status.IN_TRANSIT, Status.RETURN_TO_SENDER])
    lifecycle = dice.choice([Lifecycle.ACTIVE, Lifecycle.ACTIVE, Lifecycle.ENDED, Lifecycle.ARCHIVED])
    ended = dice.choice([EndReason.SETTLED, EndReason.RETURNED, EndReason.TOO_OLD])
    carrier = dice.choice(["USPS", "UPS"])
    return a_shipment(
        merchant,
        carrier=carrier,
        number=f"T{dice.randrange(10**15):015d}",
        service_name=dice.choice(["", " Ground ", "Priority"]),
        service_code=dice.choice(["", "GRD"]),
        origin_country="US",
        origin_region=dice.choice(["CO", "NJ"]),
        destination_country=dice.choice(["US", "GB", ""]),
        destination_region=dice.choice(["MD", "Greater London", ""]),
        mailing_date=perhaps(mailed, 0.5),
        shipped_on=perhaps(mailed + timedelta(1), 0.5),
        first_scan_on=scanned,
        labelled_at=perhaps(
            datetime(mailed.year, mailed.month, mailed.day, dice.randrange(24), 30, tzinfo=UTC)
        ),
        first_promised_on=perhaps(mailed + timedelta(dice.randrange(2, 12))),
        first_attempt_on=attempt,
        delivered_on=attempt if status == Status.DELIVERED else None,
        attempts=dice.choice([0, 0, 0, 1, 2]),
        had_exception=dice.random() < 0.2,
        status=status,
        lifecycle=lifecycle,
        end_reason="" if lifecycle == Lifecycle.ACTIVE else ended,
        resolution=dice.choice(["", "", "", Resolution.LOST, Resolution.RETURNED]),
    )


def place(country: str, region: str) -> str:
    return f"{country}-{region}" if country in {"US", "CA"} and len(region) == 2 else country


def tallied_one_by_one(merchant: Merchant, today: date = TODAY) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What the definitions say, in Python and parcel by parcel: (cut, span, start, lane, carrier, service) → counts."""
    counts: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    lists: dict[tuple[Any, ...], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for parcel in Shipment.objects.for_merchant(merchant):
        day = parcel.mailing_date or parcel.shipped_on or parcel.first_scan_on
        if day is None:
            continue
        ends = [
            place(parcel.origin_country, parcel.origin_region),
            place(parcel.destination_country, parcel.destination_region),
        ]
        lane = "_".join(ends) if all(ends) else ""
        service = parcel.service_name.strip() or parcel.service_code.strip()
        carrier = parcel.carrier_id
        keys = [
            (cut, span, start, *cell)
            for span, start in ((Span.DAY, day), (Span.WEEK, day - timedelta(day.weekday())))
            for cut, cell in (
                (Cut.ALL, ("", "", "")),
                (Cut.CARRIER, ("", carrier, "")),
                (Cut.SERVICE, ("", carrier, service)),
                (Cut.LANE, (lane, "", "")),
                (Cut.CARRIER_LANE, (lane, carrier, "")),
                (Cut.SERVICE_LANE, (lane, carrier, service)),
            )
            if (cut, span) != (Cut.CARRIER_LANE, Span.DAY)
        ]
        for key in keys:
            counts[key].update(counts_of(parcel, today))
            for name, days in days_of(parcel).items():
                lists[key][name].append(days)
    return {
        key: {**found, **{name: Histogram.of(lists[key][name]) for name in HISTOGRAMS}}
        for key, found in counts.items()
    }


def counts_of(parcel: Shipment, today: date) -> dict[str, int]:
    """One parcel in words of the definitions."""
    promised, attempt = parcel.first_promised_on, parcel.first_attempt_on
    scanned = parcel.first_scan_on is not None or attempt is not None
    returned = (
        parcel.status == Status.RETURN_TO_SENDER
        or parcel.end_reason == EndReason.RETURNED
        or parcel.resolution == Resolution.RETURNED
    )
    delivered = parcel.status == Status.DELIVERED and parcel.delivered_on is not None and not returned
    judged = scanned and promised is not None and promised < today
    return {
        "parcels": 1,
        "scanned": scanned,
        "under_way": scanned
        and not delivered
        and not returned
        and parcel.lifecycle == Lifecycle.ACTIVE
        and not parcel.resolution,
        "judged": judged,
        "on_time": judged and attempt is not None and attempt <= (promised or today),
        "not_due": scanned and promised is not None and not judged,
        "delivered": delivered,
        "first_try": delivered and parcel.attempts == 0,
        "attempted": attempt is not None,
        "failed_attempts": parcel.attempts if attempt else 0,
        "exceptions": scanned and parcel.had_exception,
        "returns": scanned and returned,
    }


def days_of(parcel: Shipment) -> dict[str, int]:
    found = {}
    scan, delivered = parcel.first_scan_on, parcel.delivered_on
    if counts_of(parcel, TODAY)["delivered"] and scan and delivered:
        found["transit_days"] = (delivered - scan).days
        found["transit_business_days"] = business_days(scan, delivered)
    if parcel.labelled_at and scan:
        label = parcel.labelled_at.astimezone(ZoneInfo(parcel.merchant.time_zone)).date()
        found["first_scan_days"] = (scan - label).days
        found["first_scan_business_days"] = business_days(label, scan)
    return found


def as_counted(merchant: Merchant) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What the table says, in the same form."""
    return {
        (Cut(row.cut), Span(row.span), row.starts_on, row.lane, row.carrier, row.service): {
            **{name: getattr(row, name) for name in counts_of(Shipment(), TODAY)},
            **{name: Histogram(int(getattr(row, name))) for name in HISTOGRAMS},
        }
        for row in Cohort.objects.filter(merchant=merchant)
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counted_ahead_is_what_counting_one_by_one_gives(merchant: Merchant, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(150):
        a_parcel(dice, merchant)
    a_parcel(dice, a_merchant())

    assert cohorts.tally(NOW) is True

    assert as_counted(merchant) == tallied_one_by_one(merchant)
    assert not StaleDay.objects.exists()


def test_only_what_changed_is_counted_again_and_the_whole_is_still_exact(merchant: Merchant) -> None:
    dice = random.Random(4)
    parcels = [a_parcel(dice, merchant) for _ in range(80)]
    cohorts.tally(NOW)
    untouched = {row.pk for row in Cohort.objects.filter(merchant=merchant, span=Span.DAY)}

    first, second, third = parcels[:3]
    Shipment.objects.filter(pk=first.pk).update(mailing_date=date(2026, 2, 2))
    Shipment.objects.filter(pk=second.pk).update(attempts=9)
    third.delete()
    stale = set(StaleDay.objects.values_list("day", flat=True))
    cohorts.tally(NOW + timedelta(minutes=10))

    days = {parcel.mailing_date or parcel.shipped_on or parcel.first_scan_on for parcel in parcels[:3]}
    assert stale == (days | {date(2026, 2, 2)}) - {None}
    assert as_counted(merchant) == tallied_one_by_one(merchant)
    kept = Cohort.objects.filter(merchant=merchant, span=Span.DAY).exclude(starts_on__in=stale)
    assert {row.pk for row in kept} == untouched & {row.pk for row in kept} != set()


def test_a_parcel_nobody_knows_the_day_of_is_in_no_figure_until_its_first_scan(merchant: Merchant) -> None:
    parcel = a_shipment(merchant)
    cohorts.tally(NOW)
    assert not Cohort.objects.exists()

    Shipment.objects.filter(pk=parcel.pk).update(first_scan_on=date(2026, 7, 8), status=Status.ACCEPTANCE)
    cohorts.tally(NOW)

    row = Cohort.objects.get(cut=Cut.ALL, span=Span.DAY)
    assert (row.starts_on, row.parcels, row.scanned, row.under_way) == (date(2026, 7, 8), 1, 1, 1)


def test_what_is_not_counted_makes_no_day_stale(merchant: Merchant) -> None:
    parcel = a_shipment(merchant, mailing_date=TODAY)
    cohorts.tally(NOW)

    Shipment.objects.filter(pk=parcel.pk).update(order_number="A-77", changed_at=NOW, last_location="DENVER")

    assert not StaleDay.objects.exists()


def test_a_promise_that_passes_without_news_makes_the_parcel_late_on_the_merchants_clock(
    merchant: Merchant,
) -> None:
    a_shipment(
        merchant,
        mailing_date=date(2026, 7, 6),
        first_scan_on=date(2026, 7, 6),
        first_promised_on=TODAY,
        status=Status.IN_TRANSIT,
    )

    def row() -> Cohort:
        return Cohort.objects.get(cut=Cut.ALL, span=Span.WEEK)

    cohorts.tally(NOW)
    assert (row().judged, row().not_due) == (0, 1)

    # Still the promised day in New York, though not in London.
    cohorts.tally(datetime(2026, 7, 11, 3, 59, tzinfo=UTC))
    assert (row().judged, row().not_due) == (0, 1)

    cohorts.tally(datetime(2026, 7, 11, 4, 1, tzinfo=UTC))
    assert (row().judged, row().on_time, row().not_due) == (1, 0, 0)


def test_another_time_zone_moves_the_days_of_labels(merchant: Merchant) -> None:
    a_shipment(
        merchant,
        mailing_date=date(2026, 7, 6),
        labelled_at=datetime(2026, 7, 7, 3, 0, tzinfo=UTC),
        first_scan_on=date(2026, 7, 8),
    )
    cohorts.tally(NOW)
    before = Histogram(int(Cohort.objects.get(cut=Cut.ALL, span=Span.DAY).first_scan_days))

    Merchant.objects.filter(pk=merchant.pk).update(time_zone="Europe/London")
    cohorts.tally(NOW)

    after = Histogram(int(Cohort.objects.get(cut=Cut.ALL, span=Span.DAY).first_scan_days))
    assert (before.quantile(50), after.quantile(50)) == (2, 1)


def test_the_figures_say_how_old_they_are(merchant: Merchant) -> None:
    a_shipment(merchant, mailing_date=TODAY)
    cohorts.tally(NOW)
    assert Reckoning.objects.get(merchant=merchant).as_of == NOW

    # Nothing has changed: what was counted is true of the later moment, too.
    cohorts.tally(NOW + timedelta(minutes=10))
    assert Reckoning.objects.get(merchant=merchant).as_of == NOW + timedelta(minutes=10)


def test_a_long_count_goes_on_where_it_stopped(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohorts, "STRETCH", 2)
    monkeypatch.setattr(cohorts, "PATIENCE", 0.0)
    for n in range(5):
        a_shipment(merchant, mailing_date=TODAY - timedelta(n))

    runs = [(cohorts.tally(NOW), Reckoning.objects.get(merchant=merchant).as_of) for _ in range(3)]

    assert runs == [(False, None), (False, None), (True, NOW)]
    assert as_counted(merchant) == tallied_one_by_one(merchant)


def test_the_task_asks_for_another_while_there_is_more_to_count(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(cohorts, "STRETCH", 1)
    monkeypatch.setattr(cohorts, "PATIENCE", 0.0)
    for n in range(2):
        a_shipment(merchant, mailing_date=TODAY - timedelta(n))

    with django_capture_on_commit_callbacks(execute=True):
        tasks.tally_figures()
    assert [task.task["func"] for task in OrmQ.objects.all()] == ["shipments.tasks.tally_figures"]

    with django_capture_on_commit_callbacks(execute=True):
        tasks.tally_figures()
    assert OrmQ.objects.count() == 1
    assert Cohort.objects.filter(cut=Cut.ALL, span=Span.DAY).count() == 2


def test_one_merchants_trouble_is_not_anothers(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = a_merchant(name="A comes first")
    # A clock that an operator's update brought in past the form, and PostgreSQL does not know.
    Merchant.objects.filter(pk=broken.pk).update(time_zone="Mars/Olympus")
    monkeypatch.setattr(cohorts, "today_at", lambda now, zone: TODAY)
    a_shipment(broken, mailing_date=TODAY, labelled_at=NOW, first_scan_on=TODAY)
    a_shipment(merchant, mailing_date=TODAY)

    assert cohorts.tally(NOW) is True

    assert Cohort.objects.values_list("merchant", flat=True).distinct().get() == merchant.pk
    assert "could not be counted" in caplog.text
    assert StaleDay.objects.get().merchant_id == broken.pk


def test_marks_of_a_merchant_who_is_gone_go_too(merchant: Merchant) -> None:
    StaleDay.objects.bulk_create([StaleDay(merchant_id=merchant.pk + 999, day=TODAY)])

    cohorts.tally(NOW)

    assert not StaleDay.objects.exists()


def test_who_has_much_to_count_keeps_nobody_waiting(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohorts, "STRETCH", 1)
    counted: list[int] = []
    recount = cohorts.recount

    def noting(*given: Any) -> None:
        counted.append(given[0].pk)
        recount(*given)

    monkeypatch.setattr(cohorts, "recount", noting)
    small = a_merchant(name="Small")
    for n in range(3):
        a_shipment(merchant, mailing_date=TODAY - timedelta(n))
    a_shipment(small, mailing_date=TODAY)

    cohorts.tally(NOW)

    assert counted == [merchant.pk, small.pk, merchant.pk, merchant.pk]


@pytest.mark.parametrize("seed", range(4))
def test_business_days_in_the_database_are_those_counted_one_by_one(merchant: Merchant, seed: int) -> None:
    dice = random.Random(seed)
    spans = []
    for _ in range(40):
        scanned = date(2025, 1, 1) + timedelta(dice.randrange(700))
        delivered = scanned + timedelta(dice.randrange(0, 40))
        spans.append(business_days(scanned, delivered))
        a_shipment(
            merchant,
            first_scan_on=scanned,
            first_attempt_on=delivered,
            delivered_on=delivered,
            status=Status.DELIVERED,
        )

    cohorts.tally(NOW)

    total = Histogram.of([])
    for row in Cohort.objects.filter(cut=Cut.ALL, span=Span.WEEK):
        total += Histogram(int(row.transit_business_days))
    assert total == Histogram.of(spans)


@pytest.mark.django_db(transaction=True)
def test_two_counts_at_once_count_once_and_news_in_between_is_counted_next(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, go_on = threading.Event(), threading.Event()
    recount = cohorts.recount

    def slowly(*given: Any) -> None:
        recount(*given)
        if threading.current_thread() is thread:
            counted.set()
            assert go_on.wait(20)

    def count() -> None:
        try:
            cohorts.tally(NOW)
        finally:
            connection.close()

    monkeypatch.setattr(cohorts, "recount", slowly)
    thread = threading.Thread(target=count)
    a_shipment(merchant, mailing_date=TODAY)
    thread.start()
    try:
        assert counted.wait(20)
        # The other has the lock and has not committed: this one neither waits for it nor counts.
        a_shipment(merchant, mailing_date=TODAY)
        assert cohorts.tally(NOW) is True
        assert not Cohort.objects.exists()
    finally:
        go_on.set()
        thread.join()
    assert Cohort.objects.get(cut=Cut.ALL, span=Span.DAY).parcels == 1
    assert StaleDay.objects.count() == 1

    cohorts.tally(NOW)
    assert Cohort.objects.get(cut=Cut.ALL, span=Span.DAY).parcels == 2
    assert Cohort.objects.get(cut=Cut.ALL, span=Span.WEEK).parcels == 2
