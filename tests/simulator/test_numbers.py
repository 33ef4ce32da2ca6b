import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import CarrierCode
from shipments.facts import numbers as facts
from shipments.simulator.journeys import SCENARIOS, Scenario, journey_for, make_number
from shipments.simulator.numbers import EPOCH, read_label, without_routing, write_label

START = datetime(2026, 11, 10, 15, 7, tzinfo=UTC)
SHAPES = {
    CarrierCode.USPS: r"94(055|001)[56]08814\d{11}|\d0021508814\d{9}",
    CarrierCode.IMB: r"\d0040508814\d{9}",
    CarrierCode.FDR: r"420\d{5}92612903508814\d{12}",
    CarrierCode.NEWGISTICS: r"420\d{5}92748903508814\d{12}",
    CarrierCode.PBCS: r"92023903508814\d{12}",
    CarrierCode.PBI: r"PBXCB70421\d{10}",
    CarrierCode.FEDEX: r"7\d{11}",
    CarrierCode.UPS: r"1Z5TW81M03[0-9A-Z]{7}\d",
}


@st.composite
def labels(draw: st.DrawFn) -> tuple[CarrierCode, Scenario, datetime, int]:
    carrier = draw(st.sampled_from(list(CarrierCode)))
    scenario = draw(st.sampled_from(sorted(SCENARIOS[carrier], key=lambda s: s.value)))
    start = EPOCH + timedelta(minutes=draw(st.integers(0, 9_999_999)))
    return carrier, scenario, start, draw(st.integers(0, 9))


@given(labels())
def test_a_number_says_which_journey_it_stands_for(told: tuple[CarrierCode, Scenario, datetime, int]) -> None:
    carrier, scenario, start, variant = told
    label = read_label(write_label(carrier, scenario, start, variant).number)
    assert label is not None
    assert (label.carrier, label.scenario, label.start, label.variant) == told


@given(labels())
def test_a_number_is_well_formed_for_its_carrier(told: tuple[CarrierCode, Scenario, datetime, int]) -> None:
    carrier, scenario, start, variant = told
    number = make_number(carrier, scenario, start, variant=variant)
    assert re.fullmatch(SHAPES[carrier], number)
    assert facts.check_number(number) == number
    assert facts.check_digit_warning(number, carrier) is None


def test_a_number_is_recognised_as_its_carriers() -> None:
    for carrier in CarrierCode:
        scenario = Scenario.LETTER if carrier is CarrierCode.IMB else Scenario.ON_TIME
        number = make_number(carrier, scenario, START)
        recognised = {candidate.carrier for candidate in facts.recognise(number)}
        # Nothing in a number tells one word for PB Standard from the other.
        assert recognised & (
            {carrier} if carrier is not CarrierCode.NEWGISTICS else {carrier, CarrierCode.FDR}
        )


def test_seconds_are_dropped_from_the_start() -> None:
    later = START + timedelta(seconds=59)
    assert make_number("UPS", "LATE", later) == make_number("UPS", "LATE", START)


@pytest.mark.parametrize(
    ("carrier", "scenario"),
    [("IMB", "ON_TIME"), ("UPS", "TO_CANADA"), ("PBI", "PRESORT"), ("FedEx", "RECYCLED"), ("USPS", "LETTER")],
)
def test_a_journey_the_carrier_does_not_have_makes_no_number(carrier: str, scenario: str) -> None:
    with pytest.raises(ValueError, match="has no journey"):
        make_number(carrier, scenario, START)


@pytest.mark.parametrize("start", [EPOCH - timedelta(minutes=1), datetime(2044, 2, 1, tzinfo=UTC)])
def test_a_start_that_does_not_fit_a_number_is_refused(start: datetime) -> None:
    with pytest.raises(ValueError, match="2025 to 2043"):
        make_number("UPS", "ON_TIME", start)


def test_a_variant_is_one_digit() -> None:
    with pytest.raises(ValueError, match="0 to 9"):
        make_number("UPS", "ON_TIME", START, variant=10)


def test_a_wrong_check_digit_makes_a_stranger_of_the_number() -> None:
    number = make_number("USPS", "ON_TIME", START)
    strangers = [number[:-1] + digit for digit in "0123456789" if digit != number[-1]]
    assert [journey_for(stranger) for stranger in strangers] == [None] * 9


@pytest.mark.parametrize(
    "number",
    [
        "",
        "9405509898641500000146",
        "9400111899223197428490",
        "1Z0927XA0340576884",
        "1ZXX3150YW44070023",
        "986578788855",
        "PBXCB000000003456789",
        "00042902529942000716",
        "RB123456785GB",
    ],
)
def test_other_peoples_numbers_are_not_the_simulators(number: str) -> None:
    assert journey_for(number) is None


@given(st.text(max_size=40))
def test_no_text_upsets_the_reading_of_numbers(text: str) -> None:
    assert journey_for(text) is None


@pytest.mark.parametrize("prefix", ["42085281", "420852811234", "420852819405"])
def test_a_routing_prefix_changes_nothing(prefix: str) -> None:
    number = make_number("USPS", "ON_TIME", START)
    assert without_routing(prefix + number) == number
    assert journey_for(prefix + number) == journey_for(number)


def test_an_imb_is_known_by_its_first_twenty_digits_only() -> None:
    number = make_number("IMB", "LETTER", START)
    assert journey_for(number) is not None
    assert journey_for(number + "85281123456") is None
