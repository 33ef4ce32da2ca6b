"""A parcel's scans as a map and as text, each as far as the reader may know."""

import gzip
import re
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from shipments.enums import EndReason, Lifecycle, Status, ZoneKnownBy
from shipments.facts.places import Place
from shipments.models import Carrier, Merchant, ScanEvent, Shipment, Watch
from shipments.web.parcel_view import Sight
from shipments.web.presenting import present
from tests import factories
from tests.factories import OLNEY

NOW = datetime.fromisoformat("2026-03-09T17:30+00:00")
NUMBER = "9400111899223197428490"


def a_shipment(**over: Any) -> Shipment:
    """A parcel that is nowhere but in memory."""
    shipment = Shipment(
        **{
            "number": "94001",
            "merchant": Merchant(name="Alpine", slug="alpine"),
            "carrier": Carrier(code="USPS", name="USPS"),
            "status": Status.IN_TRANSIT,
            **over,
        }
    )
    shipment.watch = Watch(
        due_at=NOW + timedelta(minutes=20), wanted_by=NOW, checked_at=NOW, heard="snapshot"
    )
    return shipment


def a_scan(day: int, city: str, region: str = "", **over: Any) -> ScanEvent:
    on = date(2026, 3, day)
    return ScanEvent(
        **{
            "local_date": on,
            "local_time": time(8),
            "ordered_at": datetime.combine(on, time(13), NOW.tzinfo),
            "known_by": ZoneKnownBy.PLACE,
            "zone": "America/New_York",
            "offset": -300,
            "status": Status.IN_TRANSIT,
            "city": city,
            "region": region,
            **over,
        }
    )


def route(*scans: ScanEvent, sight: Sight = Sight.NUMBER, **shipment: Any) -> Any:
    """The route of these scans, newest first."""
    return present(a_shipment(**shipment), sight=sight, now=NOW, scans=scans).route


def test_places_are_told_in_order_with_their_days() -> None:
    shown = route(
        a_scan(9, "OLNEY", "MD", status=Status.OUT_FOR_DELIVERY),
        a_scan(8, "Olney", "MD"),
        a_scan(7, "JERSEY CITY NJ NETWORK DISTRIBUTION CENTER"),
        a_scan(5, "DENVER", "CO", status=Status.ACCEPTANCE),
    )

    assert shown.listed() == [
        ("Denver, CO", "5 March"),
        ("Jersey City NJ Network Distribution Center", "7 March"),
        ("Olney, MD", "8 March – 9 March"),
    ]
    assert [stop.group for stop in shown.stops] == ["moving", "moving", "today"]
    assert [stop.name for stop in shown.stops] == ["Denver", "Jersey City", "Olney"]
    assert shown.summary() == "From Denver, CO to Olney, MD"


def test_a_town_left_and_come_back_to_is_told_twice() -> None:
    shown = route(a_scan(9, "DENVER", "CO"), a_scan(8, "OLNEY", "MD"), a_scan(7, "DENVER", "CO"))

    assert [place.label for place in shown.places] == ["Denver, CO", "Olney, MD", "Denver, CO"]


def test_a_single_place_is_told_as_such() -> None:
    assert route(a_scan(9, "OLNEY", "MD")).summary() == "Scanned in Olney, MD so far"


def test_scans_without_a_place_interrupt_no_stay() -> None:
    shown = route(a_scan(9, "OLNEY", "MD"), a_scan(8, ""), a_scan(7, "OLNEY", "MD"))

    assert shown.listed() == [("Olney, MD", "7 March – 9 March")]


def test_a_label_alone_is_no_way() -> None:
    label = a_scan(5, "DENVER", "CO", status=Status.MANIFEST)

    assert route(label) is None
    assert route(a_scan(9, "OLNEY", "MD"), label).summary() == "From Denver, CO to Olney, MD"


def test_without_a_known_place_there_is_no_route() -> None:
    assert route() is None
    assert route(a_scan(9, ""), a_scan(8, "", "MD", postal_code="20832")) is None


def test_scans_taken_back_are_no_part_of_the_way() -> None:
    shown = route(a_scan(9, "DENVER", "CO", withdrawn_at=NOW), a_scan(8, "OLNEY", "MD"))

    assert [place.label for place in shown.places] == ["Olney, MD"]


@pytest.mark.parametrize("sight", list(Sight))
def test_no_sight_shows_more_than_towns(sight: Sight) -> None:
    codes = [
        route(a_scan(9, "SEATTLE 98118", "WA", postal_code=code, country="US"), sight=sight)
        for code in ("98101", "98199")
    ]

    assert codes[0].drawing() == codes[1].drawing()
    assert [place.label for place in codes[0].places] == ["Seattle, WA"]
    assert codes[0].summary() == "Scanned in Seattle, WA so far"
    assert ">Seattle</text>" in codes[0].drawing().names


GOING: dict[str, Any] = {"destination_city": "OLNEY", "destination_region": "MD", "destination_country": "US"}


def test_the_destination_is_for_who_knows_it() -> None:
    scan = a_scan(9, "DENVER", "CO")

    by_number = route(scan, **GOING)
    by_postal_code = route(scan, sight=Sight.POSTAL_CODE, **GOING)

    assert (by_number.goal, by_number.destination, by_number.drawing().ahead) == (None, "", "")
    assert by_postal_code.destination == "Olney, MD"
    assert by_postal_code.goal.name == "Olney"
    assert by_postal_code.drawing().ahead != ""


@pytest.mark.parametrize(
    "over",
    [
        {"destination_city": ""},
        {"status": Status.DELIVERED},
        {"status": Status.RETURN_TO_SENDER},
        {"lifecycle": Lifecycle.ENDED, "end_reason": EndReason.LOST},
        {"destination_city": "DENVER", "destination_region": "CO"},
        {"destination_city": "NO SUCH TOWN"},
    ],
)
def test_no_destination_is_drawn_where_the_parcel_does_not_go_on_to_one(over: dict[str, Any]) -> None:
    shown = route(a_scan(9, "DENVER", "CO"), sight=Sight.STAFF, **{**GOING, **over})

    assert (shown.goal, shown.destination) == (None, "")


def test_the_drawing_is_made_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> None:
        raise AssertionError("drawn")

    monkeypatch.setattr("shipments.web.route_view._drawn", refuse)

    shown = route(a_scan(9, "OLNEY", "MD"))

    with pytest.raises(AssertionError, match="drawn"):
        shown.drawing()


def test_days_and_countries_are_in_the_readers_language() -> None:
    with translation.override("es"):
        shown = route(a_scan(9, "BERLIN", country="DE"))

        assert shown.listed() == [("Berlin, Alemania", "9 de marzo")]


# ---- On the page ---------------------------------------------------------------------------------------------------


def a_parcel(*places: Any) -> Shipment:
    shipment = factories.a_shipment(number=NUMBER)
    scans = [
        factories.a_scan(
            f"2026-03-{day:02d} 08:50", "10", "Arrived at Facility", Status.IN_TRANSIT, place=place
        )
        for day, place in enumerate(places, 2)
    ]
    factories.ingested(shipment, factories.a_snapshot(*scans[::-1], number=NUMBER))
    return shipment


@pytest.mark.django_db
def test_the_page_has_the_map_and_the_same_as_text(client: Client) -> None:
    a_parcel(factories.DENVER, OLNEY)

    page = client.get(f"/track/{NUMBER}").content.decode()

    section = page.split('<section class="route"', 1)[1].split("</section>", 1)[0]
    assert 'role="img" aria-labelledby="route-title route-summary"' in section
    assert re.search(r'<path class="route__line" d="M\d+ \d+L\d+ \d+"/>', section)
    assert re.findall(r"<li>(.*?)</li>", section) == [
        'Denver, CO<span class="quiet">, 2 March</span>',
        'Olney, MD<span class="quiet">, 3 March</span>',
    ]
    assert "style=" not in section
    assert "80202" not in section
    assert "20832" not in section


@pytest.mark.django_db
def test_a_carriers_markup_in_a_town_stays_text(client: Client) -> None:
    a_parcel(Place(city="<b>BERLIN</b>", country="DE"))

    section = client.get(f"/track/{NUMBER}").content.decode().split('<section class="route"', 1)[1]

    assert "<b>" not in section.split("</section>", 1)[0]
    assert "&lt;b&gt;" in section.split("</section>", 1)[0].lower()


@pytest.mark.django_db
def test_a_parcel_nobody_has_scanned_anywhere_has_no_route_section(client: Client) -> None:
    factories.a_shipment(number=NUMBER)

    assert 'class="route"' not in client.get(f"/track/{NUMBER}").content.decode()


@pytest.mark.django_db
def test_the_section_of_a_long_way_is_light(client: Client) -> None:
    towns = [
        ("CHICAGO", "IL", "US"),
        ("FRANKFURT", "", "DE"),
        ("ISTANBUL", "", "TR"),
        ("DUBAI", "", "AE"),
        ("MUMBAI", "", "IN"),
        ("OSLO", "", "NO"),
    ]
    a_parcel(*(Place(city=city, region=region, country=country) for city, region, country in towns))

    page = client.get(f"/track/{NUMBER}").content

    section = page.split(b'<section class="route"', 1)[1].split(b"</section>", 1)[0]
    assert len(gzip.compress(section)) < 15_000
