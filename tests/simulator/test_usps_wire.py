"""USPS' wire over real HTTP, held to Tracking v3r2 3.2.2."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shipments.simulator import tokens, wire_usps
from shipments.simulator.faults import Strike
from shipments.simulator.journeys import Journey, journey_for, journeys_for, make_number, scans_until
from shipments.simulator.messages import Request
from shipments.simulator.usps_pieces import quirks_of
from tests.simulator.conftest import Caller

NOW = datetime.now(UTC).replace(microsecond=0)
# Fixed, so that the quirks, which follow from the numbers, are the same at every run.
LONG_AGO = datetime(2025, 3, 3, 15, 20, tzinfo=UTC)
STRANGER = "9400111899223197428490"
Events = Callable[[Mapping[str, Any]], list[dict[str, Any]]]


def pieces(scenario: str = "ON_TIME", count: int = 35, since: datetime = LONG_AGO) -> list[Journey]:
    """Pieces whose quirks differ."""
    numbers = [make_number("USPS", scenario, since + timedelta(hours=h), variant=h % 3) for h in range(count)]
    return [journey for number in numbers if (journey := journey_for(number))]


def by_number(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {item["trackingNumber"][-22:]: item for item in items}


@pytest.mark.parametrize("as_form", [False, True])
def test_a_token_is_given_for_json_and_for_a_form(caller: Caller, as_form: bool) -> None:
    fields = {"client_id": "any-id", "client_secret": "any-secret", "grant_type": "client_credentials"}
    reply = caller.http.post(
        "/oauth2/v3/token", data=fields if as_form else None, json=None if as_form else fields
    )
    content = reply.json()
    assert reply.status_code == 200
    assert content.pop("access_token")
    assert isinstance(content.pop("issued_at"), int)
    assert content == {
        "token_type": "Bearer",
        "expires_in": 28799,
        "status": "approved",
        "scope": "tracking",
        "issuer": "https://keyc.usps.com/realms/USPS",
        "client_id": "any-id",
        "application_name": "Simulated application",
        "api_products": "[Shipping-Silver]",
    }


@pytest.mark.parametrize(
    ("over", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "magic"}, 400, "unsupported_grant_type"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"scope": 7}, 400, "invalid_scope"),
    ],
)
def test_a_token_error_has_the_shape_of_oauth(
    caller: Caller, over: dict[str, Any], status: int, error: str
) -> None:
    reply = caller.usps_token(**over)
    assert reply.status_code == status
    assert reply.json()["error"] == error
    assert set(reply.json()) == {"error", "error_description", "error_uri"}


def test_without_a_token_the_answer_says_where_to_get_one(caller: Caller) -> None:
    for headers in ({}, {"Authorization": "Bearer made-up"}, caller.bearer("pitney_bowes")):
        reply = caller.http.post(
            "/tracking/v3r2/tracking", json=[{"trackingNumber": STRANGER}], headers=headers
        )
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"] == 'Bearer realm="https://api.usps.com"'
        assert reply.json()["apiVersion"] == "/tracking/v3r2"
        assert reply.json()["error"]["code"] == "401"
        assert reply.json()["error"]["errors"][0]["source"] == "Access Token"


def test_a_token_without_the_scope_for_tracking_is_refused(caller: Caller) -> None:
    bearer = caller.usps_token(scope="addresses").json()["access_token"]
    reply = caller.http.post(
        "/tracking/v3r2/tracking",
        json=[{"trackingNumber": STRANGER}],
        headers={"Authorization": f"Bearer {bearer}"},
    )
    assert reply.status_code == 401
    assert reply.json()["error"]["message"] == "Insufficient OAuth scope."
    assert reply.json()["error"]["errors"][0]["title"] == "invalid_oauth_scope"


@pytest.mark.parametrize(
    ("content", "member"),
    [
        ([], None),
        ({"trackingNumber": STRANGER}, None),
        ("text", None),
        ([{"trackingNumber": STRANGER}] * 36, None),
        ([STRANGER], "item"),
        ([{}], "trackingNumber"),
        ([{"trackingNumber": "123"}], "trackingNumber"),
        ([{"trackingNumber": "9" * 35}], "trackingNumber"),
        ([{"trackingNumber": "9400-1118"}], "trackingNumber"),
        ([{"trackingNumber": 9400111899223197428490}], "trackingNumber"),
        ([{"trackingNumber": STRANGER, "expand": "DETAIL"}], "expand"),
        ([{"trackingNumber": STRANGER, "destinationZIPCode": "1234"}], "destinationZIPCode"),
        ([{"trackingNumber": STRANGER, "destinationZIPCode": "12345-6789"}], "destinationZIPCode"),
        ([{"trackingNumber": STRANGER, "destinationZIPCode": None}], "destinationZIPCode"),
        ([{"trackingNumber": STRANGER, "mailingDate": "11/02/2026"}], "mailingDate"),
        ([{"trackingNumber": STRANGER, "mailingDate": "2026-02-30"}], "mailingDate"),
        ([{"trackingNumber": STRANGER, "mailingDate": "20260102"}], "mailingDate"),
    ],
)
def test_a_malformed_request_is_refused_with_the_member_named(
    caller: Caller, content: Any, member: str | None
) -> None:
    reply = caller.http.post("/tracking/v3r2/tracking", json=content, headers=caller.bearer("usps"))
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "400")
    sources = [error["source"].get("parameter") for error in reply.json()["error"]["errors"]]
    assert sources == ([member] if member else [])


def test_a_body_that_is_not_json_is_refused(caller: Caller) -> None:
    headers = {**caller.bearer("usps"), "Content-Type": "application/json"}
    assert caller.http.post("/tracking/v3r2/tracking", content=b"{[", headers=headers).status_code == 400
    form = caller.http.post("/tracking/v3r2/tracking", data={"a": "b"}, headers=caller.bearer("usps"))
    assert form.status_code == 400


def test_all_known_is_a_bare_array_without_status_codes(caller: Caller) -> None:
    asked = pieces()
    reply = caller.usps(*(journey.number for journey in asked))
    assert reply.status_code == 200
    items = reply.json()
    assert by_number(items).keys() == {journey.number for journey in asked}
    assert not any("statusCode" in item or "error" in item for item in items)


def test_items_come_in_another_order_the_same_each_time(caller: Caller) -> None:
    numbers = [journey.number for journey in pieces()]
    first, again = caller.usps(*numbers).json(), caller.usps(*numbers).json()
    assert first == again
    assert list(by_number(first)) != numbers


def test_some_unknown_makes_it_multi_status_with_codes_as_text(caller: Caller) -> None:
    known = make_number("USPS", "ON_TIME", LONG_AGO)
    reply = caller.usps(known, STRANGER)
    assert reply.status_code == 207
    items = by_number(reply.json())
    assert items[known]["statusCode"] == "200"
    assert items[known]["statusCategory"] == "Delivered"
    failed = items[STRANGER]
    assert (failed["statusCode"], failed["apiVersion"]) == ("404", "/tracking/v3r2")
    assert failed["error"]["code"] == "404"
    assert failed["error"]["errors"][0]["code"] == "150002"
    assert failed["error"]["errors"][0]["source"] == {"parameter": "trackingNumber", "example": STRANGER}


def test_none_known_is_a_404_envelope(caller: Caller) -> None:
    reply = caller.usps(STRANGER, "9400111899223817428490")
    assert reply.status_code == 404
    assert set(reply.json()) == {"apiVersion", "error"}
    assert reply.json()["error"]["message"].startswith("Tracking is not available for this item.")


def test_a_fresh_label_is_said_to_be_not_available_yet(caller: Caller) -> None:
    # Not `NOW`, when the tests began: it becomes known ten minutes from this moment.
    now = datetime.now(UTC).replace(microsecond=0)
    number = make_number("USPS", "KNOWN_LATE", now - timedelta(minutes=80))
    reply = caller.usps(number)
    assert (reply.status_code, reply.json()["error"]["errors"][0]["code"]) == (404, "150001")
    caller.let_it_be(now + timedelta(minutes=20))
    (item,) = caller.usps(number).json()
    assert item["statusCategory"] == "Pre-Shipment"


def test_a_piece_of_another_mailer_is_refused(caller: Caller) -> None:
    own, foreign = make_number("USPS", "ON_TIME", LONG_AGO), make_number("USPS", "OTHER_MAILER", LONG_AGO)
    alone, both = caller.usps(foreign), caller.usps(own, foreign)
    assert (alone.status_code, alone.json()["error"]["code"]) == (403, "403")
    assert both.status_code == 207
    assert {number: item["statusCode"] for number, item in by_number(both.json()).items()} == {
        own: "200",
        foreign: "403",
    }
    assert caller.usps(foreign, STRANGER).status_code == 207
    assert caller.pitney_bowes(foreign, "USPS").status_code == 200


def test_other_carriers_numbers_are_unknown_to_usps(caller: Caller) -> None:
    numbers = [
        make_number(carrier, "ON_TIME", LONG_AGO) for carrier in ("UPS", "FedEx", "FDR", "PBCS", "PBI")
    ]
    assert caller.usps(*numbers, make_number("IMB", "LETTER", LONG_AGO)).status_code == 404


def test_two_pieces_of_one_number_are_told_apart_in_one_call(caller: Caller) -> None:
    newest, earlier = journeys_for(make_number("USPS", "RECYCLED", LONG_AGO))
    reply = caller.usps(
        {"trackingNumber": newest.number, "destinationZIPCode": newest.destination.postal_code},
        {"trackingNumber": earlier.number, "mailingDate": earlier.mailed_on.isoformat()},
    )
    assert reply.status_code == 200
    told = {item["destinationZIPCode"]: item["mailingDate"] for item in reply.json()}
    assert told == {
        newest.destination.postal_code: newest.mailed_on.isoformat(),
        earlier.destination.postal_code: earlier.mailed_on.isoformat(),
    }
    assert len({item["uniqueTrackingID"] for item in reply.json()}) == 2


def test_a_recycled_number_alone_means_the_newest_piece(caller: Caller) -> None:
    newest, _ = journeys_for(make_number("USPS", "RECYCLED", LONG_AGO))
    (item,) = caller.usps(newest.number).json()
    assert item["mailingDate"] == newest.mailed_on.isoformat()
    wrong = {"trackingNumber": newest.number, "mailingDate": date(2025, 1, 1).isoformat()}
    assert caller.usps(wrong).status_code == 404


def test_events_are_told_as_they_happened_newest_first(caller: Caller, events_of: Events) -> None:
    asked = pieces()
    items = by_number(caller.usps(*(journey.number for journey in asked)).json())
    for journey in asked:
        told = [
            (event["eventTimestamp"][:16], event["eventCity"], event["eventCode"], event["eventType"])
            for event in events_of(items[journey.number])
        ]
        assert told == [
            (f"{s.local:%Y-%m-%dT%H:%M}", s.stop.city, s.words.code, s.words.text)
            for s in reversed(scans_until(journey, NOW))
        ]


def test_every_quirk_of_the_wire_occurs(caller: Caller, events_of: Events) -> None:
    asked = pieces() + pieces("ATTEMPT") + pieces("SIGNATURE")
    items: dict[str, dict[str, Any]] = {}
    for place in range(0, len(asked), 35):
        items |= by_number(caller.usps(*(journey.number for journey in asked[place : place + 35])).json())
    seen: dict[str, set[Any]] = {}
    for journey in asked:
        quirks, item = quirks_of(journey, 1), items[journey.number]
        for name in type(quirks).__dataclass_fields__:
            seen.setdefault(name, set()).add(getattr(quirks, name))
        assert isinstance(item["kahalaIndicator"], str) == quirks.booleans_as_text
        assert isinstance(item["services"], str) == quirks.services_as_text
        assert item["trackingNumber"].startswith("420") == quirks.routing_prefix
        for event, scan in zip(events_of(item), reversed(scans_until(journey, NOW)), strict=True):
            check_times(event, scan.at, scan.local, quirks.unrolled_gmt_date)
            assert ("GMTTimestamp" in event) == quirks.gmt_times
            assert ("GMTOffset" in event) == bool(quirks.offset_style)
            assert event["eventTimestamp"].endswith("Z") == quirks.false_z
    styles, ids = seen.pop("offset_style"), seen.pop("unique_id")
    assert styles == {"-5:00", "-05:00", ""}
    assert len(ids) == len(asked)
    assert seen == {name: {True, False} for name in seen}


def check_times(event: dict[str, Any], at: datetime, local: datetime, unrolled: bool) -> None:
    """What the event says of its moment is true, but for the quirks that are false on purpose."""
    offset = f"{local:%z}"
    padded = f"{offset[:3]}:{offset[3:]}"
    assert event.get("GMTOffset", padded) in {padded, padded.replace("-0", "-", 1)}
    assert event["eventTimestamp"][16:] in {":00", ":00Z", f":00{padded}"}
    if "GMTTimestamp" in event:
        day = local if unrolled else at
        assert event["GMTTimestamp"] == f"{day:%Y-%m-%d}T{at:%H:%M:%S}Z"


def test_one_event_alone_may_come_without_its_array(caller: Caller) -> None:
    asked = pieces("LABEL_ONLY", 20)
    items = by_number(caller.usps(*(journey.number for journey in asked)).json())
    kinds = {journey.number: type(items[journey.number]["trackingEvents"]) for journey in asked}
    assert set(kinds.values()) == {list, dict}
    assert all((kinds[j.number] is dict) == quirks_of(j, 1).lone_event_as_object for j in asked)


def test_markup_and_details_stand_where_the_specification_has_them(caller: Caller, events_of: Events) -> None:
    journey = journey_for(make_number("USPS", "SIGNATURE", LONG_AGO))
    assert journey is not None
    (item,) = caller.usps(journey.number).json()
    assert (item["mailClass"], item["mailClassCode"]) == ("Priority Mail<SUP>&reg;</SUP>", "PM")
    assert (item["serviceTypeCode"], item["mailType"], item["originCountry"]) == ("055", "DM", "US")
    assert item["status"] == "Delivered, Left with Individual"
    assert str(item["servicesEligibility"]["proofOfDeliveryEnabled"]).lower() == "true"
    newest = events_of(item)[0]
    assert newest["recipientName"] == journey.scans[-1].signed_by != ""
    assert newest["eventZIPCode"] == journey.destination.postal_code
    center = [event for event in events_of(item) if event["eventCity"].endswith("DISTRIBUTION CENTER")]
    assert {(event["eventState"], event["eventZIPCode"]) for event in center} == {(None, None)}


def test_a_partner_and_an_attempt_have_their_own_members(caller: Caller, events_of: Events) -> None:
    by_partner = make_number("USPS", "ATTEMPT", LONG_AGO, variant=3)
    (item,) = caller.usps(by_partner).json()
    events = {event["eventCode"]: event for event in events_of(item)}
    assert {code: events[code]["eventPartner"] for code in ("80", "81", "82")} == dict.fromkeys(
        ("80", "81", "82"), "PITNEY BOWES"
    )
    (attempt,) = [event for event in events_of(item) if event["actionCode"]]
    assert (attempt["actionCode"], attempt["reasonCode"]) == ("A", "10")
    assert "veriPoint" in attempt


def test_an_event_without_a_time_is_a_date_alone(caller: Caller, events_of: Events) -> None:
    (item,) = caller.usps(make_number("USPS", "DATE_ONLY", LONG_AGO)).json()
    (event,) = [event for event in events_of(item) if len(event["eventTimestamp"]) == 10]
    assert "GMTTimestamp" not in event
    assert "GMTOffset" not in event


def test_a_window_is_told_in_words_or_on_the_clock_while_the_parcel_is_out(caller: Caller) -> None:
    seen = set()
    for journey in pieces(count=12):
        (out,) = [scan for scan in journey.scans if scan.words.code == "OF"]
        caller.let_it_be(out.at + timedelta(minutes=5))
        (item,) = caller.usps(journey.number).json()
        expected = item["deliveryDateExpectation"]
        in_words = expected["predictedDeliveryWindowStartTime"].endswith(("am", "pm"))
        assert in_words == quirks_of(journey, 1).window_in_words
        assert expected["predictedDeliveryDate"] == f"{out.local:%Y-%m-%d}"
        assert expected["expectedDeliveryDate"] == journey.promised_on.isoformat()
        seen.add(in_words)
    assert seen == {True, False}


def test_a_return_is_a_delivery_to_usps_category_and_only_its_text_says_to_whom(caller: Caller) -> None:
    (item,) = caller.usps(make_number("USPS", "TO_ORIGINAL_SENDER", LONG_AGO)).json()
    assert (item["statusCategory"], item["status"]) == ("Delivered", "Delivered, To Original Sender")


def test_no_more_than_99_events_are_told(caller: Caller, events_of: Events) -> None:
    number = make_number("USPS", "BUSY", LONG_AGO)
    (item,) = caller.usps(number).json()
    assert len(events_of(item)) == 99
    assert len(caller.pitney_bowes(number, "USPS").json()["scanDetailsList"]) > 99


def test_both_gateways_tell_the_same_of_a_usps_parcel(caller: Caller, events_of: Events) -> None:
    number = make_number("USPS", "ATTEMPT", LONG_AGO)
    (item,) = caller.usps(number).json()
    scans = caller.pitney_bowes(number, "USPS").json()["scanDetailsList"]
    assert [(scan["scanType"], scan["scanDescription"], scan["eventCity"]) for scan in scans] == [
        (event["eventCode"], event["eventType"], event["eventCity"]) for event in events_of(item)
    ]


def test_a_batch_of_35_costs_less_than_ten_milliseconds() -> None:
    numbers = [journey.number for journey in pieces()]
    bearer = tokens.mint(1, "usps", scope="tracking", life=60, clock=NOW)
    headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
    body = json.dumps([{"trackingNumber": number} for number in numbers]).encode()
    request = Request("POST", wire_usps.TRACKING_PATH, {}, headers, body, NOW, NOW)
    costs: list[float] = []
    # The quickest run counts: the others may have shared the processor.
    while len(costs) < 100 and min(costs, default=1) >= 0.010:
        before = time.process_time()
        assert wire_usps.tracking(request, seed=1, strike=Strike()).status == 200
        costs.append(time.process_time() - before)
    assert min(costs) < 0.010
