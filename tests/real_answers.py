"""Answers as carriers send them, taken in: unlike those of `factories` they can be read again."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shipments.carriers.base import Outcome, Question
from shipments.carriers.errors import CarrierError
from shipments.carriers.registry import read_part
from shipments.enums import CarrierCode, Gateway
from shipments.models import CarrierAccount, Shipment
from shipments.tracking.ingest import Ingested, Observation, ingest
from tests.factories import an_account

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
# (day and time, code, text): a label, a scan nobody can read, and one behind it that says something.
LABEL = ("2026-03-02T09:15:00", "GX", "Shipping Label Created")
WEIGHED = ("2026-03-05T06:00:00", "ZZ", "Weighed by hand")
ARRIVED = ("2026-03-03T02:00:00", "10", "Arrived at Facility")

Event = tuple[str, str, str]


def usps(shipment: Shipment, *events: Event, **over: Any) -> dict[str, Any]:
    """What USPS says of the parcel, the newest event first."""
    return {
        "trackingNumber": shipment.number,
        "trackingEvents": [
            {
                "eventTimestamp": at,
                "eventCode": code,
                "eventType": text,
                "eventCity": "DENVER",
                "eventState": "CO",
                "eventZIPCode": "80202",
            }
            for at, code, text in sorted(events, reverse=True)
        ],
        **over,
    }


def pitney_bowes(shipment: Shipment, *scans: Mapping[str, str], **over: Any) -> dict[str, Any]:
    """What Pitney Bowes says of the parcel; of a scan say `at`, and whatever else it has under its wire names."""
    listed = []
    for scan in scans:
        told = dict(scan)
        day, _, clock = told.pop("at").partition("T")
        listed.append(
            {
                "eventDate": day,
                "eventTime": clock,
                "eventCity": "DENVER",
                "eventStateOrProvince": "CO",
                **told,
            }
        )
    return {
        "packageCount": "1",
        "carrier": shipment.carrier_id,
        "trackingNumber": shipment.number,
        "scanDetailsList": listed,
        **over,
    }  # fmt: skip


def told(shipment: Shipment, said: Mapping[str, Any], *, minute: int = 0) -> Ingested:
    """Take in that the carrier said this so many minutes after noon of 6 March 2026."""
    gateway = Gateway.USPS if "trackingEvents" in said else Gateway.PITNEY_BOWES
    mine = CarrierAccount.objects.filter(merchant=shipment.merchant, gateway=gateway)
    account = mine.first() or an_account(shipment.merchant, gateway)
    part = json.dumps(said).encode()
    question = Question(shipment.pk, shipment.number, CarrierCode(shipment.carrier_id))
    result = read_part(gateway, part, question)
    assert not isinstance(result, CarrierError), result
    at = NOON + timedelta(minutes=minute)
    (entry,) = ingest([Observation(Outcome(question, result, at, part), account)], now=at)
    shipment.refresh_from_db()
    return entry
