"""From rows to what a page shows: places, time zones, days, how old it all is."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from shipments.enums import AnswerKind, EndReason, Lifecycle, Status, ZoneKnownBy
from shipments.models import Carrier, Merchant, ScanEvent, Shipment, Watch
from shipments.web.parcel_view import Sight
from shipments.web.presenting import present

NOW = datetime(2026, 3, 6, 17, 30, tzinfo=UTC)
CHICAGO = "America/Chicago"
NEW_YORK = "America/New_York"


def a_shipment(**over: Any) -> Shipment:
    """A parcel that is nowhere but in memory."""
    shipment = Shipment(
        **{
            "number": "94001",
            "merchant": Merchant(name="Alpine", slug="alpine"),
            "carrier": Carrier(code="USPS", name="USPS", tracking_url="https://carrier.example/?n={number}"),
            "status": Status.IN_TRANSIT,
            **over,
        }
    )
    shipment.watch = Watch(
        due_at=NOW + timedelta(minutes=20),
        wanted_by=NOW - timedelta(days=1),
        checked_at=NOW - timedelta(minutes=4),
        heard="snapshot",
    )
    return shipment


def a_scan(on: str, at: str = "", *, zone: str = NEW_YORK, **over: Any) -> ScanEvent:
    clock = time.fromisoformat(at) if at else None
    moment = datetime.combine(date.fromisoformat(on), clock or time(23, 59, 59), UTC) + timedelta(hours=5)
    return ScanEvent(
        **{
            "local_date": date.fromisoformat(on),
            "local_time": clock,
            "offset": -300 if clock else None,
            "zone": zone,
            "at": moment if clock else None,
            "ordered_at": moment,
            "known_by": ZoneKnownBy.PLACE,
            "status": Status.IN_TRANSIT,
            "text": "Arrived at Facility",
            "city": "OLNEY",
            "region": "MD",
            "postal_code": "20832",
            "country": "US",
            **over,
        }
    )


def view(
    *scans: ScanEvent, sight: Sight = Sight.NUMBER, shipment: Shipment | None = None, now: datetime = NOW
) -> Any:
    return present(shipment or a_shipment(), sight=sight, now=now, scans=scans)


def zones(*scans: ScanEvent) -> list[str]:
    shown = view(*scans)
    return [scan.zone for day in (*shown.days, *shown.older_days) for scan in day.scans]


def test_a_zone_is_named_where_it_changes_and_at_the_beginning() -> None:
    assert zones(
        a_scan("2026-03-05", "08:00"),
        a_scan("2026-03-04", "20:00"),
        a_scan("2026-03-04", "08:00", zone=CHICAGO, offset=-360),
        a_scan("2026-03-03", "08:00", zone=CHICAGO, offset=-360),
    ) == ["Eastern Time", "", "Central Time", ""]


def test_an_assumed_zone_is_said_to_be_assumed_each_time() -> None:
    assumed = {"known_by": ZoneKnownBy.ASSUMED}

    assert zones(a_scan("2026-03-05", "08:00", **assumed), a_scan("2026-03-04", "20:00", **assumed)) == [
        "Eastern Time, assumed",
        "Eastern Time, assumed",
    ]


def test_a_zone_nobody_can_name_shows_as_its_offset() -> None:
    carrier = {"zone": "", "known_by": ZoneKnownBy.CARRIER}

    assert zones(
        a_scan("2026-03-05", "08:00", offset=330, **carrier),
        a_scan("2026-03-04", "08:00", offset=-300, **carrier),
    ) == [
        "UTC+5:30",
        "UTC−5",
    ]


def test_a_day_without_a_time_has_no_zone_and_no_clock() -> None:
    (day,) = view(a_scan("2026-03-05")).days

    (scan,) = day.scans
    assert (day.heading, scan.time, scan.zone, scan.machine_time) == (
        "Thursday, 5 March",
        "",
        "",
        "2026-03-05",
    )


def test_scans_stand_under_their_local_day_newest_first() -> None:
    shown = view(
        a_scan("2026-03-05", "08:00"),
        a_scan("2026-03-05", "00:10"),
        a_scan("2026-03-04", "23:50"),
        a_scan("2026-03-03", "12:00"),
    )

    assert [(day.heading, [scan.time for scan in day.scans]) for day in shown.days] == [
        ("Thursday, 5 March", ["8 am", "12:10 am"]),
        ("Wednesday, 4 March", ["11:50 pm"]),
    ]
    assert [day.heading for day in shown.older_days] == ["Tuesday, 3 March"]
    assert shown.older_count == 1
    assert shown.days[0].scans[0].machine_time == "2026-03-05T13:00:00Z"


@pytest.mark.parametrize(
    ("place", "by_number", "by_postal_code"),
    [
        ({}, "Olney, MD", "Olney, MD 20832"),
        ({"city": "Olney 20832-1234"}, "Olney, MD", "Olney 20832-1234, MD 20832"),
        ({"country": ""}, "Olney, MD", "Olney, MD 20832"),
        (
            {"city": "SURREY", "region": "BC", "postal_code": "V3S 1A1", "country": "CA"},
            "Surrey, BC, Canada",
            "Surrey, BC V3S 1A1, Canada",
        ),
        (
            {"city": "LONDON", "region": "", "postal_code": "", "country": "GBR"},
            "London, United Kingdom",
            "London, United Kingdom",
        ),
        (
            {"city": "DALLAS TX DISTRIBUTION CENTER", "region": "", "postal_code": "", "country": ""},
            "Dallas TX Distribution Center",
            "Dallas TX Distribution Center",
        ),
        ({"city": "", "region": "", "postal_code": "20832"}, "", "20832"),
    ],
)
def test_a_number_alone_shows_towns_and_no_postal_codes(
    place: dict[str, str], by_number: str, by_postal_code: str
) -> None:
    scan = a_scan("2026-03-05", "08:00", **place)

    assert view(scan).days[0].scans[0].place == by_number
    assert view(scan, sight=Sight.POSTAL_CODE).days[0].scans[0].place == by_postal_code


def test_the_carriers_words_for_buyers_come_before_its_own() -> None:
    scan = a_scan("2026-03-05", "08:00", text_for_buyers="On its way", text_for_sellers="In line haul")

    assert view(scan, sight=Sight.PRIVATE_LINK).days[0].scans[0].words == "On its way"
    staff = view(scan, sight=Sight.STAFF).days[0].scans[0]
    assert (staff.words, staff.words_for_sellers) == ("Arrived at Facility", "In line haul")


def test_scans_set_aside_are_shown_to_staff_with_the_reason_and_to_nobody_else() -> None:
    scans = (
        a_scan("2026-03-05", "08:00"),
        a_scan("2026-03-04", "08:00", withdrawn_at=NOW),
        a_scan("2025-03-04", "08:00", earlier_parcel=True),
    )

    staff = view(*scans, sight=Sight.STAFF)
    assert [scan.set_aside for scan in staff.set_aside] == [
        "Taken back by the carrier",
        "Of an earlier parcel with this number",
    ]
    assert [len(day.scans) for day in staff.days] == [1]
    assert view(*scans, sight=Sight.PRIVATE_LINK).set_aside == ()


@pytest.mark.parametrize(
    ("scan", "known_by"),
    [
        (a_scan("2026-03-05", "08:00", known_by=ZoneKnownBy.CARRIER), "time zone told by the carrier"),
        (a_scan("2026-03-05", "08:00"), "time zone of the place"),
        (a_scan("2026-03-05", "08:00", known_by=ZoneKnownBy.ASSUMED), "time zone assumed"),
        (a_scan("2026-03-05"), "no time given"),
    ],
)
def test_staff_are_told_how_a_time_is_known(scan: ScanEvent, known_by: str) -> None:
    assert view(scan, sight=Sight.STAFF).days[0].scans[0].known_by == known_by


def test_trouble_takes_the_place_of_a_step_and_adds_none() -> None:
    shown = view(shipment=a_shipment(status=Status.EXCEPTION))

    assert [(step.label, step.is_past, step.is_current, step.group) for step in shown.steps] == [
        ("Label created", True, False, ""),
        ("With the carrier", True, False, ""),
        ("Problem reported", False, True, "trouble"),
        ("Out for delivery", False, False, ""),
        ("Delivered", False, False, ""),
    ]
    assert shown.step_text == "Step 3 of 5"


def test_a_parcel_nobody_knows_has_taken_no_step() -> None:
    shown = view(shipment=a_shipment(status=Status.UNKNOWN))

    assert (shown.steps, shown.step_text) == ((), "")


def test_a_promised_day_ends_on_the_clock_of_the_newest_place() -> None:
    shipment = a_shipment(estimated_on=date(2026, 3, 5), estimated_offset=None)
    scan = a_scan("2026-03-05", "08:00", zone="Pacific/Honolulu")
    # Five in the morning of 6 March in London is still the evening of 5 March in Hawaii.
    now = datetime(2026, 3, 6, 5, 0, tzinfo=UTC)

    assert view(scan, shipment=shipment, now=now).is_late is False
    assert (
        view(a_scan("2026-03-05", "08:00", zone="Europe/London"), shipment=shipment, now=now).is_late is True
    )


def test_the_digest_changes_with_the_facts_and_not_with_their_age() -> None:
    scan = a_scan("2026-03-05", "08:00")
    before = view(scan)

    assert view(scan, now=NOW + timedelta(minutes=5)).digest == before.digest
    assert view(a_scan("2026-03-05", "09:00"), scan).digest != before.digest
    assert view(scan, sight=Sight.POSTAL_CODE).digest != before.digest


def test_a_warning_that_appears_is_news_and_its_age_is_not() -> None:
    shipment = a_shipment(facts_fetched_at=NOW - timedelta(hours=1))
    scan = a_scan("2026-03-05", "08:00")
    quiet = view(scan, shipment=shipment)
    shipment.watch.error_kind = "try-later"
    warned = view(scan, shipment=shipment)

    assert warned.digest != quiet.digest
    assert view(scan, shipment=shipment, now=NOW + timedelta(minutes=5)).digest == warned.digest


# ---- How old it is -------------------------------------------------------------------------------------------------


def fresh(shipment: Shipment, *scans: ScanEvent, sight: Sight = Sight.NUMBER) -> Any:
    return present(shipment, sight=sight, now=NOW, scans=scans).freshness


def test_the_age_of_scan_and_check_and_the_next_check_are_told() -> None:
    shown = fresh(a_shipment(), a_scan("2026-03-06", "09:30"))

    assert (shown.last_scan, shown.checked, shown.next_check, shown.warning) == (
        "Carrier's last scan 3 h ago",
        "checked 4 min ago",
        "next check in 20 min",
        "",
    )


def test_a_label_is_no_scan_of_the_carriers() -> None:
    label = a_scan("2026-03-06", "08:00", status=Status.MANIFEST)

    assert fresh(a_shipment(), label).last_scan == ""
    assert (
        fresh(a_shipment(), a_scan("2026-03-06", "09:30"), label).last_scan == "Carrier's last scan 3 h ago"
    )


def test_a_scan_without_a_time_is_told_by_its_day() -> None:
    assert fresh(a_shipment(), a_scan("2026-03-06")).last_scan == "Carrier's last scan on 6 March"


@pytest.mark.parametrize(
    ("watch", "next_check"),
    [
        ({"due_at": NOW}, "next check now"),
        ({"due_at": NOW - timedelta(minutes=2)}, "next check now"),
        # It may be looked at already; with quota to spare it is by then.
        ({"due_at": NOW, "wanted_by": NOW + timedelta(minutes=30)}, "next check in 30 min"),
        ({"due_at": NOW, "wanted_by": NOW + timedelta(minutes=30), "by_hand": True}, "next check now"),
        (
            {"due_at": NOW + timedelta(minutes=3), "lease": "5a0e6f52-0d8b-4f3e-9b80-4c3f6d9a0b11"},
            "checking now",
        ),
        ({"due_at": None}, "no more checks"),
    ],
)
def test_the_next_check_is_told_as_it_stands(watch: dict[str, Any], next_check: str) -> None:
    shipment = a_shipment()
    for name, value in watch.items():
        setattr(shipment.watch, name, value)

    assert fresh(shipment).next_check == next_check


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (EndReason.SETTLED, "no more checks: it has arrived"),
        (EndReason.RETURNED, "no more checks: it went back"),
        (EndReason.LOST, "no more checks: it is lost"),
        (EndReason.TOO_OLD, "no more checks: it is too old"),
        (EndReason.BY_HAND, "no more checks"),
    ],
)
def test_the_end_of_checks_has_a_reason(reason: EndReason, words: str) -> None:
    shown = view(shipment=a_shipment(lifecycle=Lifecycle.ENDED, end_reason=reason))

    assert shown.freshness.next_check == words
    assert shown.is_final is True


def test_what_never_arrived_and_is_asked_about_no_more_is_for_the_sender_to_tell() -> None:
    over = {"lifecycle": Lifecycle.ENDED, "end_reason": EndReason.TOO_OLD}

    assert view(shipment=a_shipment(**over)).action == (
        "It has not arrived for so long that we no longer ask USPS about it. Ask the sender what became of it."
    )
    assert view(shipment=a_shipment(status=Status.DELIVERED, **over)).action == ""
    assert view(shipment=a_shipment(status=Status.PICKUP_MISSED, **over)).action == (
        "Ask USPS soon how you can still get it."
    )


@pytest.mark.parametrize(
    ("watch", "scans", "warning"),
    [
        (
            {"error_kind": "try-later"},
            (a_scan("2026-03-06", "09:30"),),
            "USPS is not answering at the moment. What you see is kept from 1 h ago; we will ask again.",
        ),
        ({"error_kind": "no-account"}, (), "USPS is not answering at the moment; we will ask again."),
        (
            {"error_kind": "unreadable"},
            (a_scan("2026-03-06", "09:30"),),
            "The newest answer of USPS could not be read. What you see is kept from 1 h ago; we will ask again.",
        ),
        ({"error_kind": "unreadable"}, (), "The answer of USPS could not be read; we will ask again."),
        (
            {"heard": AnswerKind.NOT_KNOWN},
            (a_scan("2026-03-06", "09:30"),),
            "USPS no longer tells us about this number. What you see is kept from 1 h ago.",
        ),
        ({"due_at": NOW - timedelta(hours=2)}, (), "Our checks are late: this one was due 2 h ago."),
        ({"due_at": NOW - timedelta(hours=2), "wanted_by": NOW}, (), ""),
        ({}, (a_scan("2026-02-28", "09:30"),), "USPS has posted nothing new for 6 days."),
        ({}, (a_scan("2026-03-03", "09:30"),), ""),
    ],
)
def test_what_may_be_old_says_why(watch: dict[str, Any], scans: tuple[ScanEvent, ...], warning: str) -> None:
    shipment = a_shipment(facts_fetched_at=NOW - timedelta(hours=1))
    for name, value in watch.items():
        setattr(shipment.watch, name, value)

    assert fresh(shipment, *scans).warning == warning


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.RETURN_TO_SENDER])
def test_a_parcel_that_has_ended_its_way_may_be_silent(status: Status) -> None:
    assert fresh(a_shipment(status=status), a_scan("2026-02-01", "09:30", status=status)).warning == ""


def test_only_staff_are_told_the_carriers_trouble() -> None:
    shipment = a_shipment()
    shipment.watch.error_kind, shipment.watch.error_text = "bad-credentials", "The key was refused."

    assert fresh(shipment, sight=Sight.PRIVATE_LINK).detail == ""
    assert fresh(shipment, sight=Sight.STAFF).detail == "The key was refused."


def test_the_number_stands_in_the_carriers_address() -> None:
    assert view().carrier_url == "https://carrier.example/?n=94001"
