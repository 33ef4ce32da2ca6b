"""Pitney Bowes' side of the wire: `POST /oauth/token` and `GET /shippingservices/v1/tracking/{identifier}`.

Faithful to "Track a Package" and the error pages. Where they are silent, the choice made here:
* A number without tracking information is answered 404 with PB-TRKPKG-ERR-7600.
* FDR and NEWGISTICS are two words for PB Standard: either finds a parcel of the other.
* A recycled number answers with the scans of both parcels, newest first: this API cannot tell them apart.
Single parcels differ in the quirks that were seen on the real wire; see `quirks_of`.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shipments.enums import CarrierCode, Gateway, Status
from shipments.facts.times import offset_text
from shipments.simulator import samples, tokens
from shipments.simulator.faults import Strike
from shipments.simulator.journeys import Journey, ScriptedScan, dice, journeys_for, scans_until
from shipments.simulator.messages import Reply, Request, json_reply
from shipments.simulator.mischief import wrong_types
from shipments.simulator.numbers import SCENARIOS
from shipments.simulator.steps import Step

TOKEN_PATH = "/oauth/token"  # noqa: S105 - an address
TRACKING_PATH = "/shippingservices/v1/tracking/"
TOKEN_LIFE = 35999

_IDENTIFIER = re.compile(r"^[A-Za-z0-9]{4,34}$")
_PB_STANDARD = frozenset({CarrierCode.FDR, CarrierCode.NEWGISTICS})
# These carriers post to the second; the others to the minute.
_TO_THE_SECOND = frozenset({CarrierCode.UPS, CarrierCode.PBI, CarrierCode.PBCS})
_NAMES_COUNTRY = frozenset({CarrierCode.UPS, CarrierCode.FEDEX, CarrierCode.PBI})
_NO_ADDRESS = dict.fromkeys(
    ("name", "address1", "address2", "address3", "city", "stateOrProvince", "postalCode", "country")
)
# Pitney Bowes' own code for each status (its standardized event codes), with the words for buyers.
_STANDARDIZED: dict[Status | None, tuple[str, str]] = {
    Status.MANIFEST: ("LC", "Label created"),
    Status.ACCEPTANCE: ("TRD", "In transit"),
    Status.PICKED_UP: ("TRD", "In transit"),
    Status.IN_TRANSIT: ("TRD", "In transit"),
    Status.OUT_FOR_DELIVERY: ("OFD", "Out for delivery"),
    Status.DELIVERY_ATTEMPT: ("DAT", "Delivery attempt"),
    Status.READY_FOR_PICKUP: ("AWP", "Awaiting pickup"),
    Status.PICKUP_MISSED: ("UDL", "Unable to deliver"),
    Status.DELIVERED: ("DLD", "Delivered"),
    Status.RETURN_TO_SENDER: ("RTS", "Return - shipped to retailer"),
    Status.EXCEPTION: ("DYU", "Delay - undeliverable"),
    None: ("MSC", "Miscellaneous"),
}
_LEGS = {
    Step.UNIT: "FML",
    Step.OUT: "FML",
    Step.RETURNING: "RTN",
    Step.BACK_AT_HUB: "RTN",
    Step.BACK_AT_SENDER: "RTN",
}


@dataclass(frozen=True, slots=True)
class Quirks:
    """How this parcel's answers deviate. `newer` is the edition that has the fields once "coming soon"."""

    newer: bool
    offsets: bool
    weight_as_text: bool
    misspelt_unit: bool
    spaced_status: bool
    current_status_as_list: bool
    filled_address: bool
    ship_date_with_time: bool


def quirks_of(journey: Journey, seed: int) -> Quirks:
    """The same for one number always."""
    chance = dice(seed, "Pitney Bowes", journey.number)
    newer = chance.random() < 0.5 or journey.proof is not None or journey.carrier is CarrierCode.PBI
    return Quirks(
        newer=newer,
        offsets=newer and chance.random() < 0.75,
        weight_as_text=newer and chance.random() < 0.5,
        misspelt_unit=not newer and chance.random() < 0.15,
        spaced_status=chance.random() < 0.1,
        current_status_as_list=chance.random() < 0.2,
        filled_address=chance.random() < 0.12,
        ship_date_with_time=not newer and chance.random() < 0.3,
    )


def token(request: Request, *, seed: int, life: int | None) -> Reply:
    """A token for any key and secret sent as Basic authentication with a form."""
    client = _basic_user(request.headers.get("authorization", ""))
    if client is None:
        return refusal(request, 401, "PB-APIM-ERR-0401", "Invalid API key or secret")
    if request.media_type != "application/x-www-form-urlencoded":
        return refusal(request, 400, "1000045", "Invalid or missing value for Content-Type")
    if request.form().get("grant_type") != "client_credentials":
        return refusal(request, 400, "1000045", "Invalid or missing value for grant_type")
    seconds = TOKEN_LIFE if life is None else life
    bearer = tokens.mint(seed, Gateway.PITNEY_BOWES, scope="", life=seconds, clock=request.clock)
    content = {
        "access_token": bearer,
        "tokenType": "BearerToken",
        "issuedAt": str(int(request.clock.timestamp() * 1000)),
        "expiresIn": str(seconds),
        "clientID": client,
        "org": "pitneybowes",
    }
    return json_reply(200, content)


def _basic_user(header: str) -> str | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return user if user and colon and secret else None


def tracking(request: Request, *, seed: int, strike: Strike) -> Reply:
    """The answer about the number in the path, as of the request's `now`."""
    refused = _check_token(request, seed)
    if refused is not None:
        return refused
    identifier = request.path.removeprefix(TRACKING_PATH)
    if not _IDENTIFIER.match(identifier):
        return refusal(request, 400, "1000045", "Invalid or missing value for identifier")
    if request.query.get("packageIdentifierType") != "TrackingNumber":
        return refusal(request, 400, "1000045", "Invalid or missing value for packageIdentifierType")
    asked = request.query.get("carrier", "")
    if asked not in SCENARIOS:
        return refusal(request, 400, "1000011", "Invalid or unsupported carrier")
    if identifier in strike.unknown:
        return _nothing_known(request)
    sample = samples.answer(identifier, asked)
    if sample is not None:
        return Reply(200, sample, {"content-type": "application/json"})
    answer = _answer(request, identifier, asked, seed)
    if answer is None:
        return _nothing_known(request)
    return json_reply(200, wrong_types(answer) if identifier in strike.wrong_types else answer)


def _check_token(request: Request, seed: int) -> Reply | None:
    bearer = tokens.read_bearer(seed, request.bearer) if request.bearer else None
    if bearer is None or bearer.wire != Gateway.PITNEY_BOWES:
        return refusal(request, 401, "PB-APIM-ERR-1002", "Invalid Access Token")
    if bearer.expires_at <= request.clock:
        return refusal(request, 401, "PB-APIM-ERR-1003", "Access Token expired")
    return None


def refusal(request: Request, status: int, code: str, text: str) -> Reply:
    """An error body: the unified object where the caller asked for it, else the older list (format 1)."""
    if _unified(request):
        return json_reply(
            status, {"errors": [{"errorCode": code, "errorDescription": text, "parameters": []}]}
        )
    content = [{"errorCode": code, "message": text, "additionalInfo": "", "parameters": [], "moreInfo": ""}]
    return json_reply(status, content)


def trouble(request: Request, status: int, headers: Mapping[str, str]) -> Reply:
    """The error body this API gives with a status, for a fault."""
    if status == 404:
        return _nothing_known(request)
    code, text = _TROUBLE[status]
    reply = refusal(request, status, code, text)
    return Reply(reply.status, reply.body, {**reply.headers, **headers})


_TROUBLE = {
    400: ("1000045", "Invalid or missing value for identifier"),
    401: ("PB-APIM-ERR-1002", "Invalid Access Token"),
    403: ("1000033", "Unauthorized API access"),
    429: ("PB-APIM-ERR-1006", "Too many requests"),
    500: ("1000005", "Internal server error"),
    503: ("1000500", "The service is down for maintenance"),
}


def _nothing_known(request: Request) -> Reply:
    code, text = "PB-TRKPKG-ERR-7600", "No tracking information is available for this number"
    if _unified(request):
        return json_reply(
            404, {"errors": [{"errorCode": code, "errorDescription": text, "additionalInfo": None}]}
        )
    error = {"errorCode": code, "errorDescription": text, "userMessage": "No record found by the carrier"}
    return json_reply(404, {"status": "ERROR", "errors": [error]})


def _unified(request: Request) -> bool:
    return request.headers.get("x-pb-unifiederrorstructure", "").lower() == "true"


def _answer(request: Request, identifier: str, asked: str, seed: int) -> dict[str, Any] | None:
    parcels = [(journey, scans_until(journey, request.now)) for journey in journeys_for(identifier, seed)]
    parcels = [(journey, scans) for journey, scans in parcels if scans]
    if not parcels:
        return None
    journey, scans = parcels[0]
    if journey.carrier != asked and not {journey.carrier, asked} <= _PB_STANDARD:
        return None
    quirks = quirks_of(journey, seed)
    shown = [_scan(journey, scan, quirks) for scan in reversed(scans)]
    for earlier, earlier_scans in parcels[1:]:
        shown += [_scan(earlier, scan, quirks) for scan in reversed(earlier_scans)]
    return _parcel(request, identifier, journey, scans, quirks, shown, seed)


def _parcel(
    request: Request,
    identifier: str,
    journey: Journey,
    scans: tuple[ScriptedScan, ...],
    quirks: Quirks,
    shown: list[dict[str, Any]],
    seed: int,
) -> dict[str, Any]:
    newest = scans[-1]
    status = next((scan.words.status for scan in reversed(scans) if scan.words.status), None)
    delivered = next((scan for scan in reversed(scans) if scan.words.status is Status.DELIVERED), None)
    retry = _reattempt(journey, scans, request.now)
    newest_on, newest_at = _posted(journey, newest)
    content: dict[str, Any] = {
        "packageCount": 1,
        "carrier": journey.carrier,
        "trackingNumber": journey.routed_number,
        "status": "In Transit" if quirks.spaced_status and status is Status.IN_TRANSIT else status,
        "updatedDate": newest_on,
        "updatedTime": newest_at,
    }
    if journey.carrier is not CarrierCode.UPS:
        place = newest.stop
        content["lastPackageStatusLocation"] = ",".join(
            filter(None, (place.city, place.region, place.postal_code))
        )
    content |= {
        "shipDate": _ship_date(journey, quirks),
        "estimatedDeliveryDate": _estimate(journey, scans),
        "estimatedDeliveryTime": "00:00:00" if _estimate(journey, scans) else None,
        "deliveryDate": _posted(journey, delivered)[0] if delivered else None,
        "deliveryTime": _posted(journey, delivered)[1] if delivered else None,
        "deliveryLocation": delivered.stop.city if delivered else None,
        "deliveryLocationDescription": delivered.words.text if delivered else None,
        "signedBy": (delivered.signed_by or None) if delivered else None,
    }
    if journey.carrier is not CarrierCode.UPS or quirks.newer:
        content |= {"serviceCode": journey.service_code, "serviceName": journey.service_name}
    unit = "weightOUM" if quirks.misspelt_unit else "weightUOM"
    weight = journey.weight_lbs if len(scans) > 1 else 0
    content |= {
        "weight": f"{weight:.2f}" if quirks.weight_as_text else weight,
        unit: "LBS" if weight else "KGS",
        "reattemptDate": retry[0],
        "reattemptTime": retry[1],
        "destinationAddress": _address(journey) if quirks.filled_address else _NO_ADDRESS,
        "senderAddress": _NO_ADDRESS,
    }
    if quirks.newer:
        content |= _newer_fields(request, identifier, journey, delivered, quirks, seed)
        content["currentStatus"] = [shown[0]] if quirks.current_status_as_list else shown[0]
    return content | {"scanDetailsList": shown}


def _newer_fields(
    request: Request,
    identifier: str,
    journey: Journey,
    delivered: ScriptedScan | None,
    quirks: Quirks,
    seed: int,
) -> dict[str, Any]:
    label = journey.scans[0]
    proof = None
    if delivered is not None and journey.proof is not None:
        proof = f"{request.origin}/proof/{tokens.seal(seed, f'{journey.proof}|{journey.number}')}.png"
    shipped_here = quirks.offsets and label.step is Step.LABEL
    return {
        "requestedIdentifier": identifier,
        "clientId": None,
        "referenceNumber": f"ORDER-{journey.number[-6:]}",
        "smartLabelBarcode": journey.routed_number if journey.carrier in _PB_STANDARD else None,
        "shipTime": label.local.strftime("%H:%M:%S") if shipped_here else None,
        "shipTimeOffset": _offset(label.local) if shipped_here else None,
        "estimatedDeliveryTimeOffset": None,
        "deliveryTimeOffset": _offset(delivered.local) if delivered and quirks.offsets else None,
        "deliveryProofUrl": proof,
        "dimension": {"length": "10.00", "width": "8.00", "height": "4.00", "unitOfMeasurement": "IN"},
    }


def _scan(journey: Journey, scan: ScriptedScan, quirks: Quirks) -> dict[str, Any]:
    on, at = _posted(journey, scan)
    stop = scan.stop
    content: dict[str, Any] = {
        "eventDate": on,
        "eventTime": at,
        "eventCity": stop.city,
        "eventStateOrProvince": stop.region or None,
        "postalCode": stop.postal_code or None,
        "country": (stop.country or None) if journey.carrier in _NAMES_COUNTRY else None,
        "scanType": scan.words.code,
        "scanDescription": scan.words.text,
        "packageStatus": scan.words.status,
    }
    if not quirks.newer:
        return content
    code, text = _STANDARDIZED[scan.words.status]
    handed_over = journey.carrier is CarrierCode.PBI and scan.step is Step.HANDED_OVER
    return content | {
        "eventTimeOffset": _offset(scan.local) if quirks.offsets and not scan.date_only else None,
        "standardizedEventCode": code,
        "standardizedEventDescription": text,
        "l1Code": code,
        "l1Description": text,
        "l2Description": None,
        "authorizedAgent": None,
        "trackingUrl": f"https://final-mile.example/track/{journey.number}" if handed_over else None,
        "latitude": None,
        "longitude": None,
        "locationUnit": None,
        "eventLeg": _LEGS.get(scan.step),
        "eventType": None,
    }


def _posted(journey: Journey, scan: ScriptedScan) -> tuple[str, str | None]:
    local = scan.local
    if journey.carrier not in _TO_THE_SECOND:
        local = local.replace(second=0)
    return local.strftime("%Y-%m-%d"), None if scan.date_only else local.strftime("%H:%M:%S")


def _offset(local: datetime) -> str:
    span = local.utcoffset()
    assert span is not None
    return offset_text(span)


def _ship_date(journey: Journey, quirks: Quirks) -> str | None:
    label = journey.scans[0]
    if journey.carrier in _PB_STANDARD or label.step is not Step.LABEL:
        return None
    # The published sample has a time in this date.
    return label.local.strftime("%Y-%m-%d %H:%M:%S" if quirks.ship_date_with_time else "%Y-%m-%d")


def _estimate(journey: Journey, scans: tuple[ScriptedScan, ...]) -> str | None:
    if journey.carrier in _PB_STANDARD or len(scans) < 2:
        return None
    return journey.promised_on.isoformat()


def _reattempt(
    journey: Journey, scans: tuple[ScriptedScan, ...], now: datetime
) -> tuple[str | None, str | None]:
    attempt = next((scan for scan in scans if scan.step is Step.ATTEMPT), None)
    if attempt is None:
        return None, None
    again = next((s for s in journey.scans if s.at > attempt.at and s.step is Step.DELIVERED), None)
    if again is None:
        return None, None
    on, at = _posted(journey, again)
    # The day of the next round is known at once, the time when it has happened.
    return on, at if again.at <= now else None


def _address(journey: Journey) -> dict[str, Any]:
    # Documented as unused, yet seen filled, with the ZIP Code as a number.
    place = journey.destination
    code: str | int = int(place.postal_code) if place.postal_code.isdigit() else place.postal_code
    filled = {
        "city": place.city,
        "stateOrProvince": place.region or None,
        "postalCode": code,
        "country": place.country,
    }
    return {**_NO_ADDRESS, **filled}
