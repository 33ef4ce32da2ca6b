from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import CarrierCode, Status
from shipments.facts.places import Place, zone_of
from shipments.simulator import network
from shipments.simulator.journeys import (
    SCENARIOS,
    UNKNOWN_FOR,
    Journey,
    Scenario,
    journey_for,
    journeys_for,
    make_number,
    scans_until,
)
from shipments.simulator.steps import HABITS, LIVE, Step
from shipments.simulator.wording import VOCABULARY

LONG_AFTER = timedelta(days=365)
START = datetime(2026, 11, 10, 15, 7, tzinfo=UTC)
EVERY = [
    (carrier, scenario) for carrier in CarrierCode for scenario in Scenario if scenario in SCENARIOS[carrier]
]


def the_journey(
    carrier: str, scenario: str, start: datetime = START, *, variant: int = 0, seed: int = 1
) -> Journey:
    journey = journey_for(make_number(carrier, scenario, start, variant=variant, seed=seed), seed)
    assert journey is not None
    return journey


@st.composite
def journeys(draw: st.DrawFn) -> Journey:
    carrier, scenario = draw(st.sampled_from(EVERY))
    # Any hour of several years: clock changes, Sundays and leap days included.
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 4 * 365 * 1440)))
    variant, seed = draw(st.integers(0, 9)), draw(st.integers(1, 40))
    journey = journey_for(make_number(carrier, scenario, start, variant=variant, seed=seed), seed)
    assert journey is not None
    return journey


@given(journeys())
def test_scans_follow_each_other_and_none_precedes_the_label(journey: Journey) -> None:
    assert journey.scans[0].at >= journey.start
    assert all(before.at < after.at for before, after in pairwise(journey.scans))


@given(journeys(), st.floats(0, 60))
def test_no_scan_is_told_before_it_happened_or_after_it_was_taken_back(journey: Journey, days: float) -> None:
    now = journey.start + timedelta(days=days)
    shown = scans_until(journey, now)
    assert all(scan.at <= now for scan in shown)
    hidden = [scan for scan in journey.scans if scan not in shown]
    assert all(
        scan.at > now
        or now < journey.known_from
        or (scan.withdrawn_at is not None and scan.withdrawn_at <= now)
        for scan in hidden
    )


@given(journeys())
def test_nothing_is_known_of_a_parcel_before_its_start(journey: Journey) -> None:
    assert scans_until(journey, journey.start - timedelta(seconds=1)) == ()


@given(journeys())
def test_no_parcel_travels_faster_than_a_plane(journey: Journey) -> None:
    for before, after in pairwise(journey.scans):
        km = network.distance_km(before.stop, after.stop)
        assert (after.at - before.at) >= timedelta(hours=km / 900)


@given(journeys())
def test_local_hours_are_those_of_the_trade(journey: Journey) -> None:
    if journey.scenario in LIVE:
        return
    for scan in journey.scans:
        if scan.step is Step.LABEL:
            continue
        opens, closes = HABITS[scan.step].hours
        hour = scan.local.hour + scan.local.minute / 60
        # A clock change shifts the middle of a night by an hour.
        assert opens - 1 <= hour < closes + 1 or opens - 1 <= hour + 24 < closes + 1, scan


@given(journeys())
def test_parcels_are_delivered_between_nine_and_seven_and_never_on_a_sunday(journey: Journey) -> None:
    if journey.scenario in LIVE:
        return
    delivered = [scan for scan in journey.scans if scan.words.status is Status.DELIVERED]
    assert all(9 <= scan.local.hour < 19 and scan.local.weekday() != 6 for scan in delivered)


@given(journeys())
def test_every_step_has_the_carriers_own_words(journey: Journey) -> None:
    for scan in journey.scans:
        assert scan.words in VOCABULARY[journey.carrier][scan.step]
        assert scan.words.code
        assert scan.words.text


@pytest.mark.parametrize(("carrier", "scenario"), EVERY)
@pytest.mark.parametrize("variant", [0, 3, 4])
def test_every_scenario_of_every_carrier_can_be_told(
    carrier: CarrierCode, scenario: Scenario, variant: int
) -> None:
    journey = the_journey(carrier, scenario.name, variant=variant)
    assert (journey.carrier, journey.scenario) == (carrier, scenario)
    assert scans_until(journey, START + LONG_AFTER)


@pytest.mark.parametrize(
    ("scenario", "ends"),
    [
        ("ON_TIME", "Delivered"),
        ("FAST", "Delivered"),
        ("LATE", "Delivered"),
        ("ATTEMPT", "Delivered"),
        ("PICKUP", "Delivered"),
        ("PICKUP_MISSED", "ReturnToSender"),
        ("REFUSED", "ReturnToSender"),
        ("NO_SUCH_NUMBER", "ReturnToSender"),
        ("MISSENT", "Delivered"),
        ("WEATHER", "Delivered"),
        ("DAMAGED", "Delivered"),
        ("LOST", "InTransit"),
        ("LABEL_ONLY", "Manifest"),
        ("SIGNATURE", "Delivered"),
        ("PHOTO", "Delivered"),
        ("TO_ORIGINAL_SENDER", "ReturnToSender"),
        ("WITHDRAWN", "Delivered"),
        ("UNKNOWN_CODE", "Delivered"),
        ("DATE_ONLY", "Delivered"),
        ("LIVE", "Delivered"),
        ("LIVE_PICKUP", "Delivered"),
        ("KNOWN_LATE", "Delivered"),
    ],
)
def test_a_scenario_ends_the_same_with_every_carrier(scenario: str, ends: str) -> None:
    carriers = set(CarrierCode) - {CarrierCode.IMB}
    assert {the_journey(carrier, scenario).scans[-1].words.status for carrier in carriers} == {ends}


@pytest.mark.parametrize(
    ("carrier", "scenario", "step", "code", "text"),
    [
        ("USPS", "ATTEMPT", Step.OUT, "OF", "Out for Delivery"),
        ("USPS", "NO_SUCH_NUMBER", Step.NO_SUCH_NUMBER, "21", "No Such Number"),
        ("USPS", "REFUSED", Step.BACK_AT_SENDER, "01", "Delivered, To Original Sender"),
        ("USPS", "PICKUP", Step.READY, "14", "Available for Pickup"),
        ("USPS", "UNKNOWN_CODE", Step.ODD, "ZQ", "Item event recorded"),
        ("FDR", "ON_TIME", Step.OUT, "PTSOF", "Out for Delivery"),
        ("PBCS", "ATTEMPT", Step.ATTEMPT, "DAT", "Delivery attempt - NOBODY HOME"),
        ("PBI", "CUSTOMS_HELD", Step.CUSTOMS_CLEARED, "CUC", "Customs cleared"),
        ("FedEx", "WEATHER", Step.WEATHER, "DY", "Delay - Local weather"),
        ("UPS", "ON_TIME", Step.DELIVERED, "D", "Delivered"),
    ],
)
def test_scans_carry_the_carriers_codes(
    carrier: str, scenario: str, step: Step, code: str, text: str
) -> None:
    (scan,) = [scan for scan in the_journey(carrier, scenario).scans if scan.step is step][:1]
    assert (scan.words.code, scan.words.text) == (code, text)


def test_a_live_parcel_moves_every_minute_or_two_and_arrives_within_the_half_hour() -> None:
    for minute in range(0, 1440, 97):
        journey = the_journey("USPS", "LIVE_PICKUP", START + timedelta(minutes=minute))
        gaps = [after.at - before.at for before, after in pairwise(journey.scans)]
        assert len(journey.scans) == 13
        assert timedelta(seconds=60) < min(gaps)
        assert max(gaps) <= timedelta(minutes=2)
        assert journey.scans[-1].at - journey.start <= timedelta(minutes=25)


def test_a_wrong_delivery_scan_is_shown_and_then_taken_back() -> None:
    journey = the_journey("USPS", "WITHDRAWN")
    (mistake,) = [scan for scan in journey.scans if scan.withdrawn_at is not None]
    assert mistake.withdrawn_at is not None
    assert mistake.words.status is Status.DELIVERED
    assert scans_until(journey, mistake.at)[-1] is mistake
    assert mistake not in scans_until(journey, mistake.withdrawn_at)
    assert mistake not in scans_until(journey, START + LONG_AFTER)


def test_a_label_may_stay_unknown_to_its_carrier_for_a_while() -> None:
    journey = the_journey("UPS", "KNOWN_LATE")
    assert scans_until(journey, START + UNKNOWN_FOR - timedelta(seconds=1)) == ()
    assert [scan.step for scan in scans_until(journey, START + UNKNOWN_FOR)] == [Step.LABEL]


def test_most_letters_are_scanned_once_and_a_few_twice() -> None:
    counts = [len(the_journey("IMB", "LETTER", variant=variant).scans) for variant in range(10)]
    assert counts == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2]


def test_a_lost_parcel_falls_silent() -> None:
    journey = the_journey("FedEx", "LOST")
    assert scans_until(journey, START + LONG_AFTER) == scans_until(journey, START + timedelta(days=4))


def test_a_recycled_number_stands_for_two_parcels_months_apart() -> None:
    newest, earlier = journeys_for(make_number("USPS", "RECYCLED", START))
    assert newest.number == earlier.number
    assert newest.start - earlier.start == timedelta(days=150)
    assert newest.destination.postal_code != earlier.destination.postal_code
    assert earlier.scans[-1].at < newest.start


def test_usps_centers_are_named_in_the_city_and_have_no_state() -> None:
    journey = the_journey("USPS", "ON_TIME")
    (center,) = {scan.stop for scan in journey.scans if scan.step is Step.ARRIVED_ORIGIN}
    assert center.city.endswith(" DISTRIBUTION CENTER")
    assert (center.region, center.postal_code, center.country) == ("", "", "")


def test_a_late_parcel_comes_out_three_days_after_its_promise() -> None:
    journey = the_journey("UPS", "LATE")
    (out,) = [scan for scan in journey.scans if scan.step is Step.OUT]
    assert (out.local.date() - journey.promised_on).days == 3


@pytest.mark.parametrize(("scenario", "country"), [("TO_CANADA", "CA"), ("TO_BRITAIN", "GB")])
def test_a_parcel_across_the_border_clears_customs_before_it_is_handed_over(
    scenario: str, country: str
) -> None:
    journey = the_journey("PBI", scenario)
    steps = [scan.step for scan in journey.scans]
    border = [Step.EXPORTED, Step.ABROAD, Step.CUSTOMS_IN, Step.CUSTOMS_CLEARED, Step.HANDED_OVER]
    assert [step for step in steps if step in border] == border
    assert journey.destination.country == country


def test_another_seed_tells_another_journey_and_the_same_seed_the_same() -> None:
    number = make_number("UPS", "ON_TIME", START)
    first, second = journey_for(number, 1), journey_for(number, 2)
    journeys_for.cache_clear()
    assert first == journey_for(number, 1)
    assert first != second


@pytest.mark.parametrize(
    "stop",
    [
        stop
        for metro in (*network.US_METROS, *network.CANADIAN_METROS, *network.BRITISH_METROS)
        for stop in (metro.hub(), *(metro.town(pick) for pick in range(len(metro.towns))))
    ]
    + [
        network.FEDEX_HUB,
        network.UPS_HUB,
        network.PITNEY_BOWES_HUB,
        network.EXPORT_HUB,
        network.EXPORT_AIRPORT,
        network.CANADIAN_CUSTOMS,
        network.BRITISH_CUSTOMS,
    ],
    ids=lambda stop: f"{stop.city} {stop.postal_code}",
)
def test_the_clock_of_every_place_is_the_one_that_hangs_there(stop: network.Stop) -> None:
    known = zone_of(Place(stop.city, stop.region, stop.postal_code, stop.country))
    assert known is not None
    for moment in (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)):
        here = moment.astimezone(ZoneInfo(stop.zone)).utcoffset()
        assert moment.astimezone(ZoneInfo(known)).utcoffset() == here


@pytest.mark.parametrize(
    ("city", "winter", "summer"),
    [
        ("PHOENIX", -7, -7),
        ("DENVER", -7, -6),
        ("HONOLULU", -10, -10),
        ("ANCHORAGE", -9, -8),
        ("SAN JUAN", -4, -4),
    ],
)
def test_places_that_keep_another_time_keep_it(city: str, winter: int, summer: int) -> None:
    (metro,) = [metro for metro in network.US_METROS if metro.name == city]
    moments = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)
    offsets = [moment.astimezone(ZoneInfo(metro.zone)).utcoffset() for moment in moments]
    assert offsets == [timedelta(hours=winter), timedelta(hours=summer)]
