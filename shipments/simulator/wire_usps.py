"""USPS' side of the wire: `POST /oauth2/v3/token` and `POST /tracking/v3r2/tracking` (Tracking v3r2 3.2.2).

Where the specification is silent, the choice made here:
* A piece of another mailer: alone, the call is refused with 403; in a batch its item carries 403. (For a
  whole call refused because of one piece, see the fault `403:NUMBER`.)
* A number used twice: `destinationZIPCode` and `mailingDate` pick the piece; without them it is the newest.
  Where only one piece has the number, they pick nothing and refuse nothing.
* A scope that lacks `tracking` gives a token that tracking refuses.
Single pieces differ in the quirks that were seen on the real wire; see `usps_pieces.quirks_of`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from shipments.enums import CarrierCode, Gateway
from shipments.simulator import tokens
from shipments.simulator.faults import Strike
from shipments.simulator.journeys import Journey, Scenario, ScriptedScan, dice, journeys_for, scans_until
from shipments.simulator.messages import Reply, Request, json_reply
from shipments.simulator.mischief import wrong_types
from shipments.simulator.usps_pieces import piece

TOKEN_PATH = "/oauth2/v3/token"  # noqa: S105 - an address
TRACKING_PATH = "/tracking/v3r2/tracking"
TOKEN_LIFE = 28799
MAX_ITEMS = 35

_API_VERSION = "/tracking/v3r2"
_NUMBER = re.compile(r"^[A-Za-z0-9]{4,34}$")
_ZIP_CODE = re.compile(r"^[0-9]{5}$")
_DAY = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_MEMBERS = frozenset({"trackingNumber", "mailingDate", "destinationZIPCode"})
_NOT_AVAILABLE = (
    "Tracking is not available for this item. This may be because the tracking number is invalid; USPS has not "
    "yet received payment; USPS has not yet received the item; the item does not include tracking; or other reasons."
)
_NOT_YET = "12: A status update is not yet available for this package. It will appear when the shipper hands it over."
_NOT_YOURS = "The Mailer ID of this piece has not authorized your application to track it."


@dataclass(frozen=True, slots=True)
class Wanted:
    """One item of a request, well-formed."""

    number: str
    postal_code: str | None
    mailing_date: date | None


def key_of(request: Request) -> str:
    """The client id of a request for a token."""
    client = (_token_fields(request) or {}).get("client_id")
    return client if isinstance(client, str) else ""


def token(request: Request, *, seed: int, life: int | None, has_scope: bool = True) -> Reply:
    """A token for any client id and secret, sent as JSON or as a form; of no use where it has no scope."""
    fields = _token_fields(request)
    if fields is None or not fields.get("grant_type"):
        return token_refusal(400, "invalid_request", "The request is missing a required parameter.")
    if fields["grant_type"] != "client_credentials":
        return token_refusal(400, "unsupported_grant_type", "The authorization grant type is not supported.")
    client, secret = fields.get("client_id"), fields.get("client_secret")
    if not (isinstance(client, str) and client and isinstance(secret, str) and secret):
        return token_refusal(401, "invalid_client", "Client authentication failed.")
    scope = fields.get("scope", "tracking")
    if not isinstance(scope, str):
        return token_refusal(400, "invalid_scope", "The requested scope is malformed.")
    scope = scope if has_scope else ""
    seconds = TOKEN_LIFE if life is None else life
    bearer = tokens.mint(seed, Gateway.USPS, scope=scope.replace("|", ""), life=seconds, clock=request.clock)
    content = {
        "access_token": bearer,
        "token_type": "Bearer",
        "issued_at": int(request.clock.timestamp() * 1000),
        "expires_in": seconds,
        "status": "approved",
        "scope": scope,
        "issuer": "https://keyc.usps.com/realms/USPS",
        "client_id": client,
        "application_name": "Simulated application",
        "api_products": "[Shipping-Silver]",
    }
    return json_reply(200, content)


def _token_fields(request: Request) -> Mapping[str, Any] | None:
    if request.media_type == "application/x-www-form-urlencoded":
        return request.form()
    if request.media_type != "application/json":
        return None
    try:
        fields = json.loads(request.body)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def token_refusal(
    status: int, error: str, description: str, headers: Mapping[str, str] | None = None
) -> Reply:
    """An error of the token address: RFC 6749's shape, not that of the other addresses."""
    uri = "https://datatracker.ietf.org/doc/html/rfc6749#section-5.2"
    content = {"error": error, "error_description": description, "error_uri": uri}
    return json_reply(status, content, headers)


def tracking(request: Request, *, seed: int, strike: Strike) -> Reply:
    """The answer about 1 to 35 numbers, as of the request's `now`; its items stand in no particular order."""
    refused = _check_token(request, seed)
    if refused is not None:
        return refused
    wanted = read_items(request)
    if isinstance(wanted, Reply):
        return wanted
    items = [_item(one, request.now, seed, strike) for one in wanted if one.number not in strike.missing]
    chance = dice(seed, "order", *(one.number for one in wanted))
    chance.shuffle(items)
    failures = [item for item in items if "error" in item]
    if not failures:
        return json_reply(200, items)
    codes = {item["statusCode"] for item in failures}
    if len(failures) == len(items) and len(codes) == 1:
        failed = failures[0]
        return json_reply(int(failed["statusCode"]), {"apiVersion": _API_VERSION, "error": failed["error"]})
    return json_reply(207, [item if "error" in item else {"statusCode": "200", **item} for item in items])


def _check_token(request: Request, seed: int) -> Reply | None:
    bearer = tokens.read_bearer(seed, request.bearer) if request.bearer else None
    if bearer is None or bearer.wire != Gateway.USPS or bearer.expires_at <= request.clock:
        return refusal(401, "Invalid or expired access token.", source="Access Token")
    if "tracking" not in bearer.scope.split():
        return refusal(401, "Insufficient OAuth scope.", title="invalid_oauth_scope", source="Access Token")
    return None


def read_items(request: Request) -> list[Wanted] | Reply:
    """The items asked for, or the refusal that says what is malformed."""
    if request.media_type != "application/json":
        return refusal(400, "The Content-Type must be application/json.")
    try:
        content = json.loads(request.body)
    except (ValueError, RecursionError):
        return refusal(400, "The request body is not JSON.")
    if not isinstance(content, list) or not 1 <= len(content) <= MAX_ITEMS:
        return refusal(400, f"The request body must be an array of 1 to {MAX_ITEMS} items.")
    wanted: list[Wanted] = []
    for entry in content:
        read = _wanted(entry)
        if isinstance(read, str):
            return refusal(400, f"OASValidation: {read} is missing or malformed.", source={"parameter": read})
        wanted.append(read)
    return wanted


def _wanted(entry: Any) -> Wanted | str:
    """The item, or the name of the member that is wrong."""
    if not isinstance(entry, dict):
        return "item"
    unknown = sorted(set(entry) - _MEMBERS)
    if unknown:
        return str(unknown[0])
    number, postal_code, mailed = (
        entry.get(name) for name in ("trackingNumber", "destinationZIPCode", "mailingDate")
    )
    if not (isinstance(number, str) and _NUMBER.match(number)):
        return "trackingNumber"
    if "destinationZIPCode" in entry and not (isinstance(postal_code, str) and _ZIP_CODE.match(postal_code)):
        return "destinationZIPCode"
    if "mailingDate" not in entry:
        return Wanted(number, postal_code, None)
    if not (isinstance(mailed, str) and _DAY.match(mailed)):
        return "mailingDate"
    try:
        return Wanted(number, postal_code, date.fromisoformat(mailed))
    except ValueError:
        return "mailingDate"


def _item(wanted: Wanted, now: datetime, seed: int, strike: Strike) -> dict[str, Any]:
    found = None if wanted.number in strike.unknown else _piece_of(wanted, now, seed)
    if found is None:
        started = [
            j for j in journeys_for(wanted.number, seed) if j.carrier is CarrierCode.USPS and j.start <= now
        ]
        if started and wanted.number not in strike.unknown:
            return _failure(wanted.number, 404, "150001", _NOT_YET)
        return _failure(wanted.number, 404, "150002", _NOT_AVAILABLE)
    journey, scans = found
    if journey.scenario is Scenario.OTHER_MAILER:
        return _failure(wanted.number, 403, "403", _NOT_YOURS)
    content = piece(journey, scans, seed, asked=wanted.number)
    return wrong_types(content) if wanted.number in strike.wrong_types else content


def _piece_of(wanted: Wanted, now: datetime, seed: int) -> tuple[Journey, tuple[ScriptedScan, ...]] | None:
    journeys = [j for j in journeys_for(wanted.number, seed) if j.carrier is CarrierCode.USPS]
    parcels = [(journey, scans) for journey in journeys if (scans := scans_until(journey, now))]
    if len(parcels) > 1:
        parcels = [(journey, scans) for journey, scans in parcels if _is_wanted(journey, wanted)]
    return parcels[0] if parcels else None


def _is_wanted(journey: Journey, wanted: Wanted) -> bool:
    if wanted.postal_code is not None and wanted.postal_code != journey.destination.postal_code:
        return False
    # The day of the label and the day the carrier took it in may differ.
    return wanted.mailing_date is None or abs(journey.mailed_on - wanted.mailing_date) <= timedelta(days=3)


def _failure(number: str, status: int, code: str, text: str) -> dict[str, Any]:
    error = _error(status, text, code=code, source={"parameter": "trackingNumber", "example": number})
    return {"statusCode": str(status), "trackingNumber": number, "apiVersion": _API_VERSION, "error": error}


def refusal(
    status: int,
    message: str,
    *,
    title: str = "",
    source: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """The error envelope for a whole call; a 401 says where tokens come from."""
    extra = dict(headers or {})
    if status == 401:
        extra["www-authenticate"] = 'Bearer realm="https://api.usps.com"'
    content = {"apiVersion": _API_VERSION, "error": _error(status, message, title=title, source=source)}
    return json_reply(status, content, extra)


def not_enabled() -> Reply:
    """What an application without the tracking product gets."""
    return refusal(
        401,
        "The client application identifier is not subscribed to an API product that includes this resource.",
    )


def trouble(status: int, headers: Mapping[str, str]) -> Reply:
    """The error body this API gives with a status, for a fault."""
    message, title = _TROUBLE[status]
    return refusal(status, message, title=title, headers=headers)


_TROUBLE = {
    400: ("The request is malformed.", ""),
    401: ("Invalid or expired access token.", ""),
    403: (_NOT_YOURS, ""),
    404: (_NOT_AVAILABLE, ""),
    429: ("Exceeded quota limit. Please contact your representative.", "Too Many Requests."),
    500: ("An internal error has occurred.", ""),
    503: ("The service is temporarily unavailable.", ""),
}


def _error(
    status: int, message: str, *, code: str | None = None, title: str = "", source: Any = None
) -> dict[str, Any]:
    # Real bodies of refused applications carry an empty list here.
    if source is None and not title:
        return {"code": str(status), "message": message, "errors": []}
    detail = {"status": str(status), "code": code or str(status), "title": title or message, "detail": ""}
    return {"code": str(status), "message": message, "errors": [{**detail, "source": source or {}}]}
