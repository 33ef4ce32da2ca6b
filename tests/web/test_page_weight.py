"""What a buyer's phone has to load."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from shipments.enums import Status
from shipments.facts.places import Place
from tests import factories
from tests.factories import a_scan, a_shipment, a_snapshot

NUMBER = "9400111899223197428490"
LIGHT = 45_000
WAY = [
    Place(city=city, region=region, country=country)
    for city, region, country in (
        ("HELSINKI", "", "FI"), ("VIENNA", "", "AT"), ("ISTANBUL", "", "TR"), ("DUBAI", "", "AE"), ("FRANKFURT", "", "DE"),
        ("CHICAGO", "IL", "US"), ("MEMPHIS", "TN", "US"), ("EL PASO", "TX", "US"),
    )
]  # fmt: skip


@pytest.mark.django_db
def test_a_public_page_with_all_it_loads_is_light(client: Client) -> None:
    shipment = a_shipment(number=NUMBER)
    scans: list[Any] = [
        a_scan(
            f"2026-03-{day:02d} 08:{minute:02d}", "10", "Arrived at Facility", Status.IN_TRANSIT, place=place
        )
        # From Texas to Finland: a frame as wide as the world with the most land in it.
        for day, place in zip(range(9, 1, -1), WAY, strict=True)
        for minute in (50, 20)
    ]
    factories.ingested(shipment, a_snapshot(*scans, number=NUMBER))

    page = client.get(f"/track/{NUMBER}").content
    assert b'class="route__line"' in page
    loaded = re.findall(r'(?:src|href)="/static/([^"?]+)"', page.decode())

    assert {Path(name).name for name in loaded} == {
        "favicon.ico",
        "favicon.svg",
        "apple-touch-icon.png",
        "site.css",
        "htmx-2.min.js",
        "site.js",
    }
    files = [Path(str(finders.find(name))).read_bytes() for name in set(loaded)]
    assert sum(len(gzip.compress(content)) for content in (page, *files)) < LIGHT
