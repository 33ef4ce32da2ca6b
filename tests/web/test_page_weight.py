"""What a buyer's phone has to load."""

import gzip
import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image

from shipments.enums import Status
from shipments.facts.places import Place
from shipments.models import Merchant
from tests import factories
from tests.factories import a_look, a_scan, a_shipment, a_snapshot

NUMBER = "9400111899223197428490"
LIGHT = 45_000
WAY = [
    Place(city=city, region=region, country=country)
    for city, region, country in (
        ("HELSINKI", "", "FI"), ("VIENNA", "", "AT"), ("ISTANBUL", "", "TR"), ("DUBAI", "", "AE"), ("FRANKFURT", "", "DE"),
        ("CHICAGO", "IL", "US"), ("MEMPHIS", "TN", "US"), ("EL PASO", "TX", "US"),
    )
]  # fmt: skip


# Of a page's icons a browser takes one: these are for those that cannot draw the other.
OTHER_ICONS = {"img/favicon.ico", "img/apple-touch-icon.png"}


def loaded_by(page: bytes) -> set[str]:
    """The files that a browser loads with the page."""
    return set(re.findall(r'(?:src|href)="/static/([^"?]+)"', page.decode())) - OTHER_ICONS


def weight(*contents: bytes) -> int:
    return sum(len(gzip.compress(content)) for content in contents)


def content_of(name: str) -> bytes:
    return Path(str(finders.find(name))).read_bytes()


@pytest.mark.django_db
@pytest.mark.parametrize("framed", [False, True], ids=["the platform's", "a merchant's"])
def test_a_public_page_with_all_it_loads_is_light(client: Client, merchant: Merchant, framed: bool) -> None:
    shipment = a_shipment(merchant, number=NUMBER)
    scans: list[Any] = [
        a_scan(
            f"2026-03-{day:02d} 08:{minute:02d}", "10", "Arrived at Facility", Status.IN_TRANSIT, place=place
        )
        # From Texas to Finland: a frame as wide as the world with the most land in it.
        for day, place in zip(range(9, 1, -1), WAY, strict=True)
        for minute in (50, 20)
    ]
    factories.ingested(shipment, a_snapshot(*scans, number=NUMBER))
    # Nothing makes a heavier logo.
    noise = io.BytesIO()
    Image.effect_noise((900, 300), 90).save(noise, "PNG")
    a_look(merchant, colour="#ffd400", support_url="https://alpine.example/help", logo=noise.getvalue())

    page = client.get(f"/m/alpine/track/{NUMBER}" if framed else f"/track/{NUMBER}").content
    assert b'class="route__line"' in page
    files = loaded_by(page)
    looks = set(re.findall(r'(?:src|href)="(/m/alpine/lo[^"]+)"', page.decode()))

    assert {Path(name).name for name in files} == {"favicon.svg", "site.css", "htmx-2.min.js", "site.js"}
    assert len(looks) == (2 if framed else 0)
    loaded = [client.get(path).content for path in looks]
    assert weight(page, *map(content_of, files), *loaded) < LIGHT
