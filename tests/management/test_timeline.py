"""A parcel's report as lines for a terminal. Pure."""

from datetime import UTC, datetime
from typing import Any

from shipments.management.timeline import timeline

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
NOTHING = {"local": None, "utcOffset": None, "at": None}


def a_scan(**over: Any) -> dict[str, Any]:
    return {
        "local": "2026-03-05T14:05:00",
        "utcOffset": "-05:00",
        "at": "2026-03-05T19:05:00Z",
        "zoneKnownBy": "place",
        "status": "Delivered",
        "code": "01",
        "text": "Delivered",
        "city": "OLNEY",
        "region": "MD",
        "postalCode": "20832",
        "country": None,
        "withdrawn": False,
        "earlierParcel": False,
        **over,
    }


def a_report(*scans: dict[str, Any], **over: Any) -> dict[str, Any]:
    return {
        "trackingNumber": "9400100000000000000000",
        "carrier": "USPS",
        "gateway": "usps",
        "status": "Delivered",
        "statusText": None,
        "error": None,
        "lastLocation": None,
        "service": {"code": None, "name": None},
        "weight": {"value": None, "unit": None},
        "shipped": NOTHING,
        "estimatedDelivery": {"date": None, "from": None, "to": None, "utcOffset": None},
        "delivered": {**NOTHING, "location": None, "description": None, "signedBy": None, "hasProof": None},
        "reattempt": NOTHING,
        "checkedAt": None,
        "scans": list(scans),
        **over,
    }


def lines(*scans: dict[str, Any], **over: Any) -> list[str]:
    return list(timeline(a_report(*scans, **over), NOW))


def test_a_parcel_nobody_has_heard_of_has_three_lines() -> None:
    assert lines(status="Unknown", gateway=None) == [
        "9400100000000000000000 (USPS): Unknown",
        "  No scans yet.",
        "  No carrier has answered about it yet.",
    ]


def test_how_a_scan_stands_to_the_truth_is_said_beside_it() -> None:
    _, *scans, _ = lines(
        a_scan(zoneKnownBy="assumed"),
        a_scan(withdrawn=True, city=None, region=None, postalCode=None),
        a_scan(earlierParcel=True, local="2025-11-01", utcOffset=None, at=None, zoneKnownBy="assumed"),
    )

    assert scans == [
        "  2026-03-05 14:05:00 UTC-05:00 Delivered       Delivered  OLNEY, MD 20832  (time zone assumed)",
        "  2026-03-05 14:05:00 UTC-05:00 Delivered       Delivered  (taken back by the carrier)",
        "  2025-11-01                    Delivered       Delivered  OLNEY, MD 20832  (of an earlier parcel with this number)",
    ]


def test_every_fact_has_its_line() -> None:
    head, *facts, _scans, checked = lines(
        error="USPS did not answer.",
        statusText="Delivered, Front Door",
        lastLocation="OLNEY,MD,20832",
        service={"code": "055", "name": "Priority Mail"},
        weight={"value": 2.5, "unit": "LBS"},
        shipped={"local": "2026-03-02", "utcOffset": None, "at": None},
        estimatedDelivery={"date": "2026-03-06", "from": "09:00:00", "to": "12:00:00", "utcOffset": "-05:00"},
        delivered={
            "local": "2026-03-05T14:05:00",
            "utcOffset": "-05:00",
            "at": "2026-03-05T19:05:00Z",
            "location": "OLNEY",
            "description": "Front Door",
            "signedBy": "P SAMPLE",
            "hasProof": True,
        },
        reattempt={"local": "2026-03-04", "utcOffset": None, "at": None},
        checkedAt="2026-03-06T09:00:00Z",
    )

    assert head == "9400100000000000000000 (USPS through usps): Delivered"
    assert facts == [
        "  Error:           USPS did not answer.",
        "  In words:        Delivered, Front Door",
        "  Last location:   OLNEY,MD,20832",
        "  Service:         Priority Mail, code 055",
        "  Weight:          2.5 LBS",
        "  Shipped:         2026-03-02",
        "  Expected:        2026-03-06 09:00:00-12:00:00 UTC-05:00",
        "  Delivered:       2026-03-05 14:05:00 UTC-05:00, OLNEY, Front Door",
        "  Signed by:       P SAMPLE",
        "  Proof:           the carrier has one",
        "  Tried again:     2026-03-04",
    ]
    assert checked == "  A carrier last answered 3 h ago, at 2026-03-06 09:00 UTC."


def test_a_carriers_text_cannot_repaint_the_terminal() -> None:
    _, scan, _ = lines(a_scan(text="Delivered\x1b[2J\x9b1mnow\r"))

    assert "Delivered [2J 1mnow" in scan
    assert scan.isprintable()
