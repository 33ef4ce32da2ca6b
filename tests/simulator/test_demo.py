from datetime import UTC, datetime, timedelta

from shipments.enums import CarrierCode, Gateway, Status
from shipments.simulator.demo import demo_history, demo_parcels
from shipments.simulator.journeys import journey_for, scans_until
from shipments.simulator.numbers import Scenario
from shipments.simulator.steps import LIVE

EVENING = datetime(2026, 11, 21, 19, 31, tzinfo=UTC)


def test_the_demo_has_about_sixty_parcels_and_no_number_twice() -> None:
    parcels = demo_parcels(EVENING)
    assert len(parcels) == 56
    assert len({parcel.number for parcel in parcels}) == 56
    assert len({parcel.order_number for parcel in parcels}) == 56


def test_every_carrier_and_both_gateways_are_in_the_demo() -> None:
    parcels = demo_parcels(EVENING)
    assert {parcel.carrier for parcel in parcels} == set(CarrierCode)
    assert {parcel.gateway for parcel in parcels if parcel.carrier is CarrierCode.USPS} == set(Gateway)
    others = {parcel.gateway for parcel in parcels if parcel.carrier is not CarrierCode.USPS}
    assert others == {Gateway.PITNEY_BOWES}


def test_six_live_parcels_are_on_their_way_at_any_minute() -> None:
    for minute in range(0, 1440, 37):
        now = datetime(2026, 11, 21, tzinfo=UTC) + timedelta(minutes=minute)
        live = [parcel for parcel in demo_parcels(now) if parcel.scenario in LIVE]
        journeys = [journey_for(parcel.number) for parcel in live]
        moving = [journey for journey in journeys if journey and scans_until(journey, now)]
        assert len(moving) == 6
        assert len(live) == 8


def test_asked_again_on_the_same_day_the_demo_names_the_same_parcels_and_the_next_live_ones() -> None:
    first = {parcel.number: parcel for parcel in demo_parcels(EVENING)}
    later = {parcel.number: parcel for parcel in demo_parcels(EVENING + timedelta(minutes=12))}
    gone = [first[number] for number in first.keys() - later.keys()]
    new = [later[number] for number in later.keys() - first.keys()]
    assert all(first[number] == later[number] for number in first.keys() & later.keys())
    assert {parcel.scenario for parcel in gone + new} <= LIVE
    assert len(gone) == 3


def test_the_demo_shows_every_kind_of_news() -> None:
    statuses = set()
    for parcel in demo_parcels(EVENING):
        journey = journey_for(parcel.number)
        assert journey is not None
        statuses |= {scan.words.status for scan in scans_until(journey, EVENING)[-1:]}
    assert statuses >= {
        Status.MANIFEST,
        Status.IN_TRANSIT,
        Status.OUT_FOR_DELIVERY,
        Status.READY_FOR_PICKUP,
        Status.DELIVERED,
        Status.EXCEPTION,
        Status.RETURN_TO_SENDER,
    }


def test_the_postal_code_is_that_of_the_destination() -> None:
    for parcel in demo_parcels(EVENING):
        journey = journey_for(parcel.number)
        assert journey is not None
        assert parcel.postal_code == journey.destination.postal_code
        assert parcel.mailing_date == journey.mailed_on
        assert parcel.recipient_email.endswith("@example.com")


def test_the_months_before_have_a_few_parcels_every_working_day_and_their_story_is_over() -> None:
    history = demo_history(EVENING)
    journeys = [journey_for(parcel.number) for parcel in history]

    assert len(history) == 250
    assert not {parcel.number for parcel in history} & {parcel.number for parcel in demo_parcels(EVENING)}
    days = {journey.start.date() for journey in journeys if journey}
    assert len(days) == 50
    assert all(day.weekday() < 5 for day in days)
    ends = {scans_until(journey, EVENING)[-1].words.status for journey in journeys if journey}
    assert ends <= {Status.DELIVERED, Status.RETURN_TO_SENDER}


def test_no_kind_of_parcel_is_missing_from_the_history_on_any_day() -> None:
    for days in range(60):
        history = demo_history(EVENING + timedelta(days=days))

        assert Scenario.REFUSED in {parcel.scenario for parcel in history}
        assert Scenario.DAMAGED in {parcel.scenario for parcel in history}
