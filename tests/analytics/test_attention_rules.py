"""Each reason at its threshold: a minute before it does not hold, at the minute it does."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipments.analytics import attention
from shipments.enums import EndReason, Lifecycle, Reason, Resolution, Status
from shipments.facts.business_days import business_days_after
from shipments.models import AttentionItem, Merchant, Shipment, Watch
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

EASTERN = "America/New_York"
MINUTE = timedelta(minutes=1)


def at(text: str, zone: str = EASTERN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


LONG_AGO = at("2026-05-01 12:00")


def a_parcel(merchant: Merchant, *, heard: str = "", **over: Any) -> Shipment:
    """A parcel whose promised day is far and whose last scan is new, unless said otherwise."""
    shipment = a_shipment(merchant, **{"created_at": LONG_AGO, **over})
    Watch.objects.filter(shipment=shipment).update(heard=heard)
    return shipment


def reasons(shipment: Shipment, now: datetime) -> list[str]:
    """The reasons that hold, by a review of this parcel and by one of everybody's."""
    AttentionItem.objects.all().delete()
    attention.review(now, [shipment.pk])
    alone = list(AttentionItem.objects.values_list("reasons", "since", "rank"))
    AttentionItem.objects.all().delete()
    attention.review(now)
    assert list(AttentionItem.objects.values_list("reasons", "since", "rank")) == alone
    return alone[0][0] if alone else []


MOVING: dict[str, Any] = {"status": Status.IN_TRANSIT, "first_scan_at": LONG_AGO}
LABEL: dict[str, Any] = {"status": Status.MANIFEST}
HELD: dict[str, Any] = {"status": Status.READY_FOR_PICKUP}
DELIVERED: dict[str, Any] = {"status": Status.DELIVERED, "proof_due": True}
UNPROMISED: dict[str, Any] = {"last_scan_at": at("2026-12-01 12:00")}

# What the parcel is like, when its reason begins, and which it is. Without a scan means: none since the one named.
AT_THE_MINUTE: dict[str, tuple[dict[str, Any], datetime, Reason]] = {
    "a label, four business days": (
        LABEL | {"labelled_at": at("2026-06-08 10:00")},
        at("2026-06-12 10:00"),
        Reason.NO_FIRST_SCAN,
    ),
    "a label over a weekend and Juneteenth": (
        LABEL | {"labelled_at": at("2026-06-17 10:00")},
        at("2026-06-24 10:00"),
        Reason.NO_FIRST_SCAN,
    ),
    "a label made on a Saturday counts from Monday": (
        LABEL | {"labelled_at": at("2026-06-06 15:00")},
        at("2026-06-12 00:00"),
        Reason.NO_FIRST_SCAN,
    ),
    "a label nobody knows the hour of counts from when it was added": (
        LABEL | {"created_at": at("2026-06-08 10:00")},
        at("2026-06-12 10:00"),
        Reason.NO_FIRST_SCAN,
    ),
    "a number the carrier knows, without a scan": (
        {"status": Status.UNKNOWN, "created_at": at("2026-06-08 10:00"), "heard": "snapshot"},
        at("2026-06-12 10:00"),
        Reason.NO_FIRST_SCAN,
    ),
    "domestic, three business days": (
        MOVING | {"last_scan_at": at("2026-06-08 10:00")},
        at("2026-06-11 10:00"),
        Reason.SILENT,
    ),
    "domestic over a weekend": (
        MOVING | {"last_scan_at": at("2026-06-11 10:00")},
        at("2026-06-16 10:00"),
        Reason.SILENT,
    ),
    "domestic, both ends known": (
        MOVING
        | {"last_scan_at": at("2026-06-08 10:00"), "origin_country": "US", "destination_country": "US"},
        at("2026-06-11 10:00"),
        Reason.SILENT,
    ),
    "over Thanksgiving": (
        MOVING | {"last_scan_at": at("2026-11-25 10:00")},
        at("2026-12-01 10:00"),
        Reason.SILENT,
    ),
    "over the Sunday on which the clock goes forward": (
        MOVING | {"last_scan_at": at("2026-03-06 09:00"), "created_at": at("2026-03-01 09:00")},
        at("2026-03-11 09:00"),
        Reason.SILENT,
    ),
    "over the Sunday on which the clock goes back": (
        MOVING | {"last_scan_at": at("2026-10-29 09:00")},
        at("2026-11-03 09:00"),
        Reason.SILENT,
    ),
    "cross-border by its ends, five business days": (
        MOVING
        | {"last_scan_at": at("2026-06-08 10:00"), "origin_country": "US", "destination_country": "CA"},
        at("2026-06-15 10:00"),
        Reason.SILENT,
    ),
    "cross-border without a known origin": (
        MOVING | {"last_scan_at": at("2026-06-08 10:00"), "destination_country": "GB"},
        at("2026-06-15 10:00"),
        Reason.SILENT,
    ),
    "cross-border by its carrier": (
        MOVING | {"last_scan_at": at("2026-06-08 10:00"), "carrier": "PBI", "number": "UPAAB000000251234567"},
        at("2026-06-15 10:00"),
        Reason.SILENT,
    ),
    "out for delivery and never heard of again": (
        {"status": Status.OUT_FOR_DELIVERY, "last_scan_at": at("2026-06-08 10:00")},
        at("2026-06-11 10:00"),
        Reason.SILENT,
    ),
    "scanned before a second label": (
        LABEL | {"first_scan_at": LONG_AGO, "last_scan_at": at("2026-06-08 10:00")},
        at("2026-06-11 10:00"),
        Reason.SILENT,
    ),
    "held for three days": (
        HELD | {"status_since": at("2026-06-12 10:00")},
        at("2026-06-15 10:00"),
        Reason.AGEING_PICKUP,
    ),
    "promised, and the day is over": (
        MOVING | UNPROMISED | {"first_promised_on": date(2026, 6, 12)},
        at("2026-06-13 00:00"),
        Reason.LATE,
    ),
    "promised for a day on which the clock goes back": (
        MOVING | UNPROMISED | {"first_promised_on": date(2026, 11, 1)},
        at("2026-11-02 00:00"),
        Reason.LATE,
    ),
    "a promise that was moved to later": (
        MOVING | UNPROMISED | {"first_promised_on": date(2026, 6, 12), "estimated_on": date(2026, 6, 20)},
        at("2026-06-13 00:00"),
        Reason.LATE,
    ),
    "a promise that was moved to sooner": (
        MOVING | UNPROMISED | {"first_promised_on": date(2026, 6, 20), "estimated_on": date(2026, 6, 12)},
        at("2026-06-13 00:00"),
        Reason.LATE,
    ),
    "promised on a clock of its own": (
        MOVING | UNPROMISED | {"estimated_on": date(2026, 6, 12), "estimated_offset": -480},
        datetime(2026, 6, 13, 8, 0, tzinfo=UTC),
        Reason.LATE,
    ),
    "a day after its delivery without proof": (
        DELIVERED | {"delivered_at": at("2026-06-12 14:05")},
        at("2026-06-13 14:05"),
        Reason.NO_PROOF,
    ),
    "delivered at an hour nobody told": (
        DELIVERED | {"status_since": at("2026-06-12 23:59")},
        at("2026-06-13 23:59"),
        Reason.NO_PROOF,
    ),
    "delivered and ended": (
        DELIVERED
        | {
            "delivered_at": at("2026-06-12 14:05"),
            "lifecycle": Lifecycle.ENDED,
            "end_reason": EndReason.SETTLED,
        },
        at("2026-06-13 14:05"),
        Reason.NO_PROOF,
    ),
    "a number nobody knows": (
        {"status": Status.UNKNOWN, "created_at": at("2026-06-08 10:00"), "heard": "not-known"},
        at("2026-06-12 10:00"),
        Reason.NOT_KNOWN,
    ),
}


@pytest.mark.parametrize(("parcel", "begins", "reason"), AT_THE_MINUTE.values(), ids=AT_THE_MINUTE)
def test_a_reason_holds_from_the_minute_its_time_is_up(
    merchant: Merchant, parcel: dict[str, Any], begins: datetime, reason: Reason
) -> None:
    shipment = a_parcel(merchant, **parcel)

    assert reasons(shipment, begins - MINUTE) == []
    assert reasons(shipment, begins) == [reason]
    item = AttentionItem.objects.get()
    assert (item.reason, item.rank, item.since) == (reason, list(Reason).index(reason), begins)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.EXCEPTION, Reason.EXCEPTION),
        (Status.RETURN_TO_SENDER, Reason.RETURNING),
        (Status.DELIVERY_ATTEMPT, Reason.ATTEMPTED),
        (Status.PICKUP_MISSED, Reason.AGEING_PICKUP),
    ],
)
def test_trouble_needs_a_person_at_once(merchant: Merchant, status: Status, reason: Reason) -> None:
    since = at("2026-06-12 10:00")
    shipment = a_parcel(merchant, status=status, status_since=since)

    assert reasons(shipment, since) == [reason]
    assert AttentionItem.objects.get().since == since


@pytest.mark.parametrize(
    ("threshold", "parcel", "begins"),
    [
        ("first_scan_days", LABEL | {"labelled_at": at("2026-06-08 10:00")}, at("2026-06-10 10:00")),
        ("silent_days", MOVING | {"last_scan_at": at("2026-06-08 10:00")}, at("2026-06-10 10:00")),
        (
            "silent_days_abroad",
            MOVING | {"last_scan_at": at("2026-06-08 10:00"), "destination_country": "CA"},
            at("2026-06-10 10:00"),
        ),
        ("pickup_days", HELD | {"status_since": at("2026-06-08 10:00")}, at("2026-06-10 10:00")),
        (
            "late_days",
            MOVING | UNPROMISED | {"first_promised_on": date(2026, 6, 8)},
            at("2026-06-10 00:00"),
        ),
    ],
)
def test_the_merchant_sets_the_threshold(threshold: str, parcel: dict[str, Any], begins: datetime) -> None:
    shipment = a_parcel(a_merchant(**{threshold: 2}), **parcel)

    assert reasons(shipment, begins - MINUTE) == []
    assert len(reasons(shipment, begins)) == 1


def test_days_are_those_of_the_merchants_clock() -> None:
    shipment = a_parcel(
        a_merchant(time_zone="Pacific/Honolulu"),
        **MOVING | UNPROMISED,
        first_promised_on=date(2026, 6, 12),
    )

    assert reasons(shipment, at("2026-06-12 23:59", "Pacific/Honolulu")) == []
    assert reasons(shipment, at("2026-06-13 00:00", "Pacific/Honolulu")) == ["late"]


YEARS_LATER = at("2026-07-25 12:00")
# Parcels that would need somebody at `YEARS_LATER` but for one thing.
NOBODYS: dict[str, dict[str, Any]] = {
    "archived": {
        "status": Status.EXCEPTION,
        "lifecycle": Lifecycle.ARCHIVED,
        "end_reason": EndReason.BY_HAND,
    },
    "refunded": {"status": Status.EXCEPTION, "resolution": Resolution.REFUNDED},
    "closed by a person": {
        "status": Status.EXCEPTION,
        "lifecycle": Lifecycle.ENDED,
        "end_reason": EndReason.BY_HAND,
    },
    "silent, given up as too old": MOVING
    | {"last_scan_at": LONG_AGO, "lifecycle": Lifecycle.ENDED, "end_reason": EndReason.TOO_OLD},
    "a letter without a scan": LABEL | {"carrier": "IMB", "number": "00040123456200444217"},
    "a letter with its one scan": MOVING
    | {"carrier": "IMB", "number": "00040123456200444217", "last_scan_at": LONG_AGO},
    "a Presort letter under USPS": MOVING | {"number": "00040123456200444217", "last_scan_at": LONG_AGO},
    "a label of a Presort letter": LABEL | {"number": "00040123456200444217"},
    "held for two days": HELD | {"status_since": YEARS_LATER - timedelta(days=2)},
    "held past its promised day": HELD
    | {"status_since": YEARS_LATER - timedelta(days=1), "first_promised_on": date(2026, 6, 1)},
    "delivered after its promised day": {
        "status": Status.DELIVERED,
        "first_promised_on": date(2026, 6, 1),
        "delivered_at": LONG_AGO,
    },
    "delivered where no proof is due": DELIVERED
    | {"proof_due": False, "delivered_at": at("2026-07-20 12:00")},
    "delivered and signed for": DELIVERED
    | {"signed_by": "R INVENTED", "delivered_at": at("2026-07-20 12:00")},
    "delivered with a picture": DELIVERED
    | {"proof_url": "https://carrier.example/proof", "delivered_at": at("2026-07-20 12:00")},
    "delivered too long ago for proof": DELIVERED
    | {"delivered_at": YEARS_LATER - timedelta(days=30, minutes=1)},
    "delivered without proof, and closed by a person": DELIVERED
    | {
        "delivered_at": at("2026-07-20 12:00"),
        "lifecycle": Lifecycle.ENDED,
        "end_reason": EndReason.BY_HAND,
    },
    "not known, but scanned before": {
        "status": Status.UNKNOWN,
        "heard": "not-known",
        "last_scan_at": LONG_AGO,
    },
    "nobody has answered": {"status": Status.UNKNOWN},
    "not allowed to be told": {"status": Status.UNKNOWN, "heard": "not-allowed"},
}


@pytest.mark.parametrize("parcel", NOBODYS.values(), ids=NOBODYS)
def test_these_need_nobody(merchant: Merchant, parcel: dict[str, Any]) -> None:
    shipment = a_parcel(merchant, **parcel)

    assert reasons(shipment, YEARS_LATER) == []


@pytest.mark.parametrize("status", [Status.EXCEPTION, Status.RETURN_TO_SENDER])
def test_trouble_that_was_given_up_as_too_old_still_needs_somebody(
    merchant: Merchant, status: Status
) -> None:
    shipment = a_parcel(merchant, status=status, lifecycle=Lifecycle.ENDED, end_reason=EndReason.TOO_OLD)

    assert len(reasons(shipment, YEARS_LATER)) == 1


def test_an_old_parcel_number_of_twenty_digits_is_no_letter(merchant: Merchant) -> None:
    shipment = a_parcel(merchant, **MOVING, number="03071790000523483741", last_scan_at=LONG_AGO)

    assert reasons(shipment, YEARS_LATER) == ["silent"]


def test_proof_may_be_due_for_every_delivery_of_a_merchant() -> None:
    delivered: dict[str, Any] = {"status": Status.DELIVERED, "delivered_at": at("2026-06-12 14:05")}
    shipment = a_parcel(a_merchant(proof_always_due=True), **delivered)
    a_parcel(a_merchant(), **delivered)

    assert reasons(shipment, at("2026-06-13 14:05")) == ["no-proof"]


def test_all_reasons_are_told_the_worst_first(merchant: Merchant) -> None:
    shipment = a_parcel(
        merchant,
        status=Status.EXCEPTION,
        status_since=at("2026-06-11 10:00"),
        first_promised_on=date(2026, 6, 8),
    )

    assert reasons(shipment, at("2026-06-15 12:00")) == ["exception", "late"]
    item = AttentionItem.objects.get()
    assert (item.reason, item.rank, item.since) == ("exception", 0, at("2026-06-11 10:00"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    scanned=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 20), timezones=st.just(UTC)).map(
        lambda moment: moment.replace(second=0, microsecond=0)
    ),
    days=st.integers(1, 12),
    zone=st.sampled_from([EASTERN, "America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"]),
)
def test_the_database_counts_business_days_as_python_does(scanned: datetime, days: int, zone: str) -> None:
    merchant = a_merchant(silent_days=days, time_zone=zone)
    shipment = a_parcel(merchant, **MOVING, last_scan_at=scanned, created_at=scanned)
    due = business_days_after(scanned, days, zone)

    attention.review(due - MINUTE, [shipment.pk])
    assert not AttentionItem.objects.filter(shipment=shipment).exists()
    attention.review(due, [shipment.pk])
    assert AttentionItem.objects.get(shipment=shipment).since == due


def test_what_began_before_the_calendar_reaches_is_found_as_well(merchant: Merchant) -> None:
    shipment = a_parcel(merchant, **MOVING, last_scan_at=at("2023-06-12 10:00"))

    assert reasons(shipment, at("2026-06-15 12:00")) == ["silent"]
    assert AttentionItem.objects.get().since == at("2023-06-15 10:00")
