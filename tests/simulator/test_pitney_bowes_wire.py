"""Pitney Bowes' wire over real HTTP, held to its contract."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shipments.enums import CarrierCode
from shipments.simulator.journeys import Journey, Scenario, journey_for, make_number, scans_until
from shipments.simulator.wire_pitney_bowes import quirks_of
from tests.simulator.conftest import Caller

NOW = datetime.now(UTC).replace(microsecond=0)
# Fixed, so that the quirks, which follow from the numbers, are the same at every run.
LONG_AGO = datetime(2025, 3, 3, 15, 20, tzinfo=UTC)
OFFSET = re.compile(r"[+-]\d\d:\d\d")
PRINTED = {
    "packageCount",
    "carrier",
    "trackingNumber",
    "status",
    "updatedDate",
    "updatedTime",
    "shipDate",
    "estimatedDeliveryDate",
    "estimatedDeliveryTime",
    "deliveryDate",
    "deliveryTime",
    "deliveryLocation",
    "deliveryLocationDescription",
    "signedBy",
    "weight",
    "reattemptDate",
    "reattemptTime",
    "destinationAddress",
    "senderAddress",
    "scanDetailsList",
}
ONCE_COMING_SOON = {
    "requestedIdentifier",
    "clientId",
    "referenceNumber",
    "smartLabelBarcode",
    "shipTime",
    "shipTimeOffset",
    "estimatedDeliveryTimeOffset",
    "deliveryTimeOffset",
    "deliveryProofUrl",
    "dimension",
    "currentStatus",
}
SCAN_PRINTED = {
    "eventDate",
    "eventTime",
    "eventCity",
    "eventStateOrProvince",
    "postalCode",
    "country",
    "scanType",
    "scanDescription",
    "packageStatus",
}
SCAN_ONCE_COMING_SOON = {
    "eventTimeOffset",
    "standardizedEventCode",
    "standardizedEventDescription",
    "l1Code",
    "l1Description",
    "l2Description",
    "authorizedAgent",
    "trackingUrl",
    "latitude",
    "longitude",
    "locationUnit",
    "eventLeg",
    "eventType",
}


def parcels(carrier: CarrierCode, scenario: str = "ON_TIME", count: int = 12) -> list[Journey]:
    """Delivered parcels whose quirks differ."""
    scenario = "LETTER" if carrier is CarrierCode.IMB else scenario
    numbers = [make_number(carrier, scenario, LONG_AGO + timedelta(hours=hour)) for hour in range(count)]
    return [journey for number in numbers if (journey := journey_for(number))]


def answer(caller: Caller, journey: Journey) -> dict[str, Any]:
    reply = caller.pitney_bowes(journey.number, journey.carrier)
    assert reply.status_code == 200
    content: dict[str, Any] = reply.json()
    return content


def test_a_token_is_given_for_any_key_and_its_life_is_text(caller: Caller) -> None:
    asked_at = time.time()
    reply = caller.pitney_bowes_token()
    content = reply.json()
    assert reply.status_code == 200
    assert content.pop("access_token")
    assert int(asked_at * 1000) <= int(content.pop("issuedAt")) <= time.time() * 1000
    assert content == {
        "tokenType": "BearerToken",
        "expiresIn": "35999",
        "clientID": "any-key",
        "org": "pitneybowes",
    }


@pytest.mark.parametrize(
    ("over", "status", "code"),
    [
        ({"auth": None}, 401, "PB-APIM-ERR-0401"),
        ({"auth": ("any-key", "")}, 401, "PB-APIM-ERR-0401"),
        ({"auth": None, "headers": {"Authorization": "Basic not~base64"}}, 401, "PB-APIM-ERR-0401"),
        ({"data": {"grant_type": "password"}}, 400, "1000045"),
        ({"data": None, "json": {"grant_type": "client_credentials"}}, 400, "1000045"),
    ],
)
def test_a_token_needs_basic_authentication_and_a_form(
    caller: Caller, over: dict[str, Any], status: int, code: str
) -> None:
    call = {"auth": ("any-key", "any-secret"), "data": {"grant_type": "client_credentials"}, **over}
    reply = caller.http.post("/oauth/token", **call)
    assert reply.status_code == status
    assert reply.json()[0]["errorCode"] == code


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer made-up", "Bearer abc=", "usps"])
def test_a_token_that_was_not_given_out_is_refused(caller: Caller, header: str) -> None:
    header = caller.bearer("usps")["Authorization"] if header == "usps" else header
    reply = caller.pitney_bowes("771234567890", "FedEx", headers={"Authorization": header})
    assert reply.status_code == 401
    assert reply.json() == [
        {
            "errorCode": "PB-APIM-ERR-1002",
            "message": "Invalid Access Token",
            "additionalInfo": "",
            "parameters": [],
            "moreInfo": "",
        }
    ]


def test_a_token_ends_with_its_life(caller: Caller) -> None:
    caller.http.post("/simulator/faults", content="token-life:0").raise_for_status()
    assert caller.pitney_bowes_token().json()["expiresIn"] == "0"
    reply = caller.pitney_bowes("771234567890", "FedEx")
    assert (reply.status_code, reply.json()["errors"][0]["errorCode"]) == (401, "PB-APIM-ERR-1003")


@pytest.mark.parametrize("carrier", ["fedex", "FEDEX", "Fedex", "usps", "DHL", "", None])
def test_the_carrier_is_case_sensitive_and_required(caller: Caller, carrier: str | None) -> None:
    reply = caller.pitney_bowes("771234567890", carrier)
    assert reply.status_code == 400
    assert reply.json() == {
        "errors": [
            {"errorCode": "1000011", "errorDescription": "Invalid or unsupported carrier", "parameters": []}
        ]
    }


@pytest.mark.parametrize("kind", ["trackingNumber", "TRACKINGNUMBER", ""])
def test_the_identifier_type_is_tracking_number_and_nothing_else(caller: Caller, kind: str) -> None:
    reply = caller.pitney_bowes("771234567890", "FedEx", identifier_type=kind)
    assert (reply.status_code, reply.json()["errors"][0]["errorCode"]) == (400, "1000045")


@pytest.mark.parametrize("identifier", ["123", "1" * 35, "94%2005"])
def test_an_identifier_that_cannot_be_a_number_is_malformed(caller: Caller, identifier: str) -> None:
    assert caller.pitney_bowes(identifier, "USPS").status_code == 400


def test_an_unknown_number_is_said_to_be_unknown_in_the_format_asked_for(caller: Caller) -> None:
    unified = caller.pitney_bowes("9400111899223197428490", "USPS")
    legacy = caller.pitney_bowes("9400111899223197428490", "USPS", headers={})
    declined = caller.pitney_bowes(
        "9400111899223197428490", "USPS", headers={"X-PB-UnifiedErrorStructure": "false"}
    )
    assert unified.status_code == legacy.status_code == 404
    assert unified.json() == {
        "errors": [
            {
                "errorCode": "PB-TRKPKG-ERR-7600",
                "errorDescription": "No tracking information is available for this number",
                "additionalInfo": None,
            }
        ]
    }
    assert legacy.json() == declined.json()
    assert legacy.json() == {
        "status": "ERROR",
        "errors": [
            {
                "errorCode": "PB-TRKPKG-ERR-7600",
                "errorDescription": "No tracking information is available for this number",
                "userMessage": "No record found by the carrier",
            }
        ],
    }


def test_a_number_asked_for_with_another_carrier_is_unknown(caller: Caller) -> None:
    (journey,) = parcels(CarrierCode.UPS, count=1)
    found = {carrier: caller.pitney_bowes(journey.number, carrier).status_code for carrier in CarrierCode}
    assert found == {carrier: 200 if carrier is CarrierCode.UPS else 404 for carrier in CarrierCode}


def test_either_word_for_pb_standard_finds_its_parcels(caller: Caller) -> None:
    (journey,) = parcels(CarrierCode.FDR, count=1)
    reply = caller.pitney_bowes(journey.number, "NEWGISTICS")
    assert (reply.status_code, reply.json()["carrier"]) == (200, "FDR")
    assert reply.json()["trackingNumber"] == f"420{journey.destination.postal_code}{journey.number}"


def test_a_pbcs_answer_carries_the_longer_number(caller: Caller) -> None:
    (journey,) = parcels(CarrierCode.PBCS, count=1)
    assert (
        answer(caller, journey)["trackingNumber"] == f"420{journey.destination.postal_code}{journey.number}"
    )


def test_only_the_first_twenty_digits_of_an_imb_are_known(caller: Caller) -> None:
    (letter,) = parcels(CarrierCode.IMB, count=1)
    assert caller.pitney_bowes(letter.number, "IMB").status_code == 200
    assert caller.pitney_bowes(letter.number + "85281123456", "IMB").status_code == 404


def test_a_presort_parcel_with_an_imb_is_tracked_as_usps(caller: Caller) -> None:
    number = make_number("USPS", "PRESORT", LONG_AGO)
    reply = caller.pitney_bowes(number, "USPS")
    assert len(number) == 20
    assert (reply.status_code, reply.json()["status"]) == (200, "Delivered")


@pytest.mark.parametrize("carrier", list(CarrierCode))
def test_every_documented_member_is_there_and_null_when_empty(caller: Caller, carrier: CarrierCode) -> None:
    seen = set()
    for journey in parcels(carrier):
        content = answer(caller, journey)
        newer = quirks_of(journey, 1).newer
        seen.add(newer)
        wanted = PRINTED | (ONCE_COMING_SOON if newer else set())
        if carrier is not CarrierCode.UPS:
            wanted = wanted | {"lastPackageStatusLocation"}
        if carrier is not CarrierCode.UPS or newer:
            wanted = wanted | {"serviceCode", "serviceName"}
        unit = {"weightUOM", "weightOUM"} & set(content)
        assert set(content) == wanted | unit
        assert len(unit) == 1
        for scan in content["scanDetailsList"]:
            assert set(scan) == SCAN_PRINTED | (SCAN_ONCE_COMING_SOON if newer else set())
    assert seen == ({True} if carrier is CarrierCode.PBI else {True, False})


@pytest.mark.parametrize("carrier", list(CarrierCode))
def test_scans_are_told_as_they_happened_newest_first(caller: Caller, carrier: CarrierCode) -> None:
    for journey in parcels(carrier, count=4):
        content = answer(caller, journey)
        told = [
            (
                scan["eventDate"],
                scan["eventTime"][:5],
                scan["eventCity"],
                scan["scanType"],
                scan["packageStatus"],
            )
            for scan in content["scanDetailsList"]
        ]
        assert told == [
            (f"{s.local:%Y-%m-%d}", f"{s.local:%H:%M}", s.stop.city, s.words.code, s.words.status)
            for s in reversed(scans_until(journey, NOW))
        ]
        newest = content["scanDetailsList"][0]
        assert content["status"].replace(" ", "") == newest["packageStatus"]
        assert (content["updatedDate"], content["updatedTime"]) == (newest["eventDate"], newest["eventTime"])


def test_offsets_are_those_of_the_place_or_absent(caller: Caller) -> None:
    told = []
    for journey in parcels(CarrierCode.USPS, count=30):
        scans = answer(caller, journey)["scanDetailsList"]
        for scan, scripted in zip(scans, reversed(scans_until(journey, NOW)), strict=True):
            offset = scan.get("eventTimeOffset")
            told.append(offset is not None)
            if offset is not None:
                assert OFFSET.fullmatch(offset)
                assert datetime.fromisoformat(
                    f"{scan['eventDate']}T{scan['eventTime']}{offset}"
                ) == scripted.at.replace(second=0)
    assert set(told) == {True, False}


def test_a_delivery_is_told_in_the_head_of_the_answer(caller: Caller) -> None:
    (journey,) = parcels(CarrierCode.FEDEX, "SIGNATURE", count=1)
    content, delivered = answer(caller, journey), journey.scans[-1]
    assert content["deliveryDate"] == f"{delivered.local:%Y-%m-%d}"
    assert content["deliveryTime"] == f"{delivered.local:%H:%M}:00"
    assert content["deliveryLocation"] == journey.destination.city
    assert content["deliveryLocationDescription"] == "Delivered"
    assert content["signedBy"] == delivered.signed_by != ""
    place = journey.destination
    assert content["lastPackageStatusLocation"] == f"{place.city},{place.region},{place.postal_code}"


def test_an_undelivered_parcel_has_no_delivery(caller: Caller) -> None:
    reply = caller.pitney_bowes(make_number("FedEx", "LOST", LONG_AGO), "FedEx").json()
    assert [reply[name] for name in ("deliveryDate", "deliveryTime", "deliveryLocation", "signedBy")] == [
        None
    ] * 4


def test_a_return_is_no_delivery(caller: Caller) -> None:
    content = caller.pitney_bowes(make_number("USPS", "TO_ORIGINAL_SENDER", LONG_AGO), "USPS").json()
    newest = content["scanDetailsList"][0]
    assert (newest["scanType"], newest["scanDescription"]) == ("01", "Delivered, To Original Sender")
    assert (content["status"], content["deliveryDate"]) == ("ReturnToSender", None)


def test_a_second_attempt_is_announced(caller: Caller) -> None:
    content = caller.pitney_bowes(make_number("UPS", "ATTEMPT", LONG_AGO), "UPS").json()
    assert content["reattemptDate"] == content["deliveryDate"] is not None
    assert content["reattemptTime"] == content["deliveryTime"] is not None


def test_a_scan_without_a_time_stays_a_date(caller: Caller) -> None:
    content = caller.pitney_bowes(make_number("UPS", "DATE_ONLY", LONG_AGO), "UPS").json()
    untimed = [scan for scan in content["scanDetailsList"] if scan["eventTime"] is None]
    assert [(scan["scanType"], scan["scanDescription"]) for scan in untimed] == [("I", "In Transit")]
    assert untimed[0].get("eventTimeOffset") is None


def test_a_code_nobody_knows_has_no_status_and_does_not_hide_the_last_one(caller: Caller) -> None:
    journey = journey_for(make_number("UPS", "UNKNOWN_CODE", LONG_AGO))
    assert journey is not None
    (odd,) = [scan for scan in journey.scans if scan.words.code == "ZQ"]
    caller.let_it_be(odd.at + timedelta(minutes=1))
    content = answer(caller, journey)
    assert content["scanDetailsList"][0]["scanType"] == "ZQ"
    assert content["scanDetailsList"][0]["packageStatus"] is None
    assert content["status"].replace(" ", "") == "InTransit"


def test_a_parcel_across_the_border_names_its_last_carriers_page(caller: Caller) -> None:
    (journey,) = parcels(CarrierCode.PBI, "TO_CANADA", count=1)
    content = answer(caller, journey)
    urls = [scan["trackingUrl"] for scan in content["scanDetailsList"] if scan["trackingUrl"]]
    assert urls == [f"https://final-mile.example/track/{journey.number}"]
    assert content["scanDetailsList"][0]["country"] == "CA"


def test_a_recycled_number_shows_both_parcels_scans(caller: Caller) -> None:
    number = make_number("USPS", "RECYCLED", LONG_AGO)
    scans = caller.pitney_bowes(number, "USPS").json()["scanDetailsList"]
    days = [scan["eventDate"] for scan in scans]
    assert [scan["packageStatus"] for scan in scans].count("Delivered") == 2
    assert days == sorted(days, reverse=True)
    assert days[-1] < (LONG_AGO - timedelta(days=140)).date().isoformat()


def test_every_quirk_of_the_wire_occurs(caller: Caller) -> None:
    seen: dict[str, set[bool]] = {}
    for journey in parcels(CarrierCode.USPS, count=80):
        quirks = quirks_of(journey, 1)
        for name in type(quirks).__dataclass_fields__:
            seen.setdefault(name, set()).add(getattr(quirks, name))
        content = answer(caller, journey)
        assert isinstance(content["weight"], str) == quirks.weight_as_text
        assert ("weightOUM" in content) == quirks.misspelt_unit
        assert (content["destinationAddress"]["city"] is not None) == quirks.filled_address
        assert (len(content["shipDate"]) == 19) == quirks.ship_date_with_time
        if quirks.newer:
            assert isinstance(content["currentStatus"], list) == quirks.current_status_as_list
    assert seen == {name: {True, False} for name in seen}


@pytest.mark.parametrize(
    ("carrier", "scenario", "kind"),
    [("UPS", "PHOTO", "photo"), ("FedEx", "SIGNATURE", "signature"), ("PBCS", "PHOTO", "photo")],
)
def test_a_proof_can_be_fetched_once_the_parcel_is_delivered(
    caller: Caller, carrier: str, scenario: str, kind: str
) -> None:
    content = caller.pitney_bowes(make_number(carrier, scenario, LONG_AGO), carrier).json()
    picture = httpx.get(content["deliveryProofUrl"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert (len(picture.content) > 20_000) == (kind == "photo")


def test_no_proof_is_told_or_given_before_the_delivery(caller: Caller) -> None:
    number = make_number("UPS", "PHOTO", LONG_AGO)
    url = caller.pitney_bowes(number, "UPS").json()["deliveryProofUrl"]
    caller.let_it_be(LONG_AGO + timedelta(hours=20))
    assert caller.pitney_bowes(number, "UPS").json()["deliveryProofUrl"] is None
    assert httpx.get(url).status_code == 404


def test_the_address_of_a_proof_cannot_be_guessed(caller: Caller) -> None:
    url = caller.pitney_bowes(make_number("UPS", "PHOTO", LONG_AGO), "UPS").json()["deliveryProofUrl"]
    forged = url.replace("/proof/", "/proof/A")
    assert [httpx.get(forged).status_code, caller.http.get("/proof/x.png").status_code] == [404, 404]


def test_time_brings_news_and_takes_a_mistake_back(caller: Caller) -> None:
    journey = journey_for(make_number("UPS", "WITHDRAWN", LONG_AGO))
    assert journey is not None
    (mistake,) = [scan for scan in journey.scans if scan.withdrawn_at]

    def told(at: datetime) -> list[str]:
        caller.let_it_be(at)
        return [scan["scanDescription"] for scan in answer(caller, journey)["scanDetailsList"]]

    assert mistake.withdrawn_at is not None
    assert told(mistake.at + timedelta(minutes=1))[:2] == ["Delivered", "Out For Delivery Today"]
    assert told(mistake.withdrawn_at + timedelta(minutes=1))[0] == "Out For Delivery Today"


def test_a_label_that_is_not_known_yet_becomes_known(caller: Caller) -> None:
    # Not `NOW`, when the tests began: it becomes known ten minutes from this moment.
    now = datetime.now(UTC).replace(microsecond=0)
    number = make_number("UPS", Scenario.KNOWN_LATE, now - timedelta(minutes=80))
    before = caller.pitney_bowes(number, "UPS")
    caller.let_it_be(now + timedelta(minutes=20))
    after = caller.pitney_bowes(number, "UPS")
    assert (before.status_code, after.status_code, after.json()["status"]) == (404, 200, "Manifest")


def test_a_number_whose_start_lies_ahead_is_unknown(caller: Caller) -> None:
    number = make_number("UPS", "ON_TIME", datetime.now(UTC) + timedelta(minutes=30))
    assert caller.pitney_bowes(number, "UPS").status_code == 404
