"""The five answers printed in Pitney Bowes' "Track a Package", over real HTTP."""

import json
from typing import Any

import pytest

from shipments.enums import CarrierCode
from shipments.simulator.samples import SAMPLE_NUMBERS
from tests.simulator.conftest import Caller

NO_ADDRESS = dict.fromkeys(
    ("name", "address1", "address2", "address3", "city", "stateOrProvince", "postalCode", "country")
)
NOT_TOLD = {
    "reattemptDate": None,
    "reattemptTime": None,
    "destinationAddress": NO_ADDRESS,
    "senderAddress": NO_ADDRESS,
}

USPS = {
    "packageCount": 1,
    "carrier": "USPS",
    "trackingNumber": "9405509898641500000146",
    "status": "Acceptance",
    "updatedDate": "2019-10-08",
    "updatedTime": "08:26:00",
    "lastPackageStatusLocation": "NIAGARA FALLS,NY,14304",
    "shipDate": "2019-10-02 23:30:42",
    "estimatedDeliveryDate": "2019-10-10",
    "estimatedDeliveryTime": "00:00:00",
    "deliveryDate": None,
    "deliveryTime": None,
    "deliveryLocation": None,
    "deliveryLocationDescription": None,
    "signedBy": None,
    "serviceCode": "055",
    "serviceName": "Priority Mail",
    "weight": 0,
    "weightUOM": "KGS",
    **NOT_TOLD,
    "scanDetailsList": [
        {
            "eventDate": "2019-10-08",
            "eventTime": "08:26:00",
            "eventCity": "NIAGARA FALLS",
            "eventStateOrProvince": "NY",
            "postalCode": "14304",
            "country": None,
            "scanType": "03",
            "scanDescription": "USPS in possession of item",
            "packageStatus": "Acceptance",
        }
    ],
}
PB_STANDARD = {
    "packageCount": 1,
    "carrier": "NEWGISTICS",
    "trackingNumber": "42020832926188270533936567018",
    "status": "Delivered",
    "updatedDate": "2019-09-14",
    "updatedTime": "11:53:00",
    "lastPackageStatusLocation": "OLNEY,MD,20832",
    "shipDate": None,
    "estimatedDeliveryDate": None,
    "estimatedDeliveryTime": None,
    "deliveryDate": "2019-09-14",
    "deliveryTime": "11:53:00",
    "deliveryLocation": "OLNEY",
    "deliveryLocationDescription": "Delivered",
    "signedBy": None,
    "serviceCode": None,
    "serviceName": None,
    "weight": 3.546,
    "weightUOM": "KGS",
    **NOT_TOLD,
    "scanDetailsList": [
        {
            "eventDate": "2019-09-14",
            "eventTime": "11:53:00",
            "eventCity": "OLNEY",
            "eventStateOrProvince": "MD",
            "postalCode": "20832",
            "country": None,
            "scanType": "DEL",
            "scanDescription": "Delivered",
            "packageStatus": "Delivered",
        }
    ],
}
CROSS_BORDER = {
    "packageCount": 1,
    "carrier": "PBI",
    "trackingNumber": "PBXCB000000003456789",
    "status": "Delivered",
    "updatedDate": "2019-10-03",
    "updatedTime": "19:25:07",
    "lastPackageStatusLocation": "EDMONTON,AB,T6R3H7",
    "shipDate": None,
    "estimatedDeliveryDate": None,
    "estimatedDeliveryTime": None,
    "deliveryDate": "2019-10-03",
    "deliveryTime": "19:25:07",
    "deliveryLocation": "EDMONTON",
    "deliveryLocationDescription": "Delivered - FRONT PORCH",
    "signedBy": None,
    "serviceCode": None,
    "serviceName": "Pitney Bowes Expedited Parcel Service",
    "weight": 3,
    "weightUOM": "LBS",
    **NOT_TOLD,
    "scanDetailsList": [
        {
            "eventDate": "2019-10-03",
            "eventTime": "19:25:07",
            "eventCity": "EDMONTON",
            "eventStateOrProvince": "AB",
            "postalCode": "T6R3H7",
            "country": "CA",
            "scanType": "DLD",
            "scanDescription": "Delivered - FRONT PORCH",
            "packageStatus": "Delivered",
        }
    ],
}
FEDEX_TEXT = "Delivered - Left at front door. Package delivered to recipient address - release authorized"
FEDEX = {
    "packageCount": 1,
    "carrier": "FedEx",
    "trackingNumber": "771234567890",
    "status": "Delivered",
    "updatedDate": "2020-01-10",
    "updatedTime": "15:06:00",
    "lastPackageStatusLocation": "ADVANCE,NC,27006",
    "shipDate": None,
    "estimatedDeliveryDate": None,
    "estimatedDeliveryTime": None,
    "deliveryDate": "2020-01-10",
    "deliveryTime": "15:06:00",
    "deliveryLocation": "ADVANCE",
    "deliveryLocationDescription": FEDEX_TEXT,
    "signedBy": None,
    "serviceCode": None,
    "serviceName": "FedEx 2Day",
    "weight": 0,
    "weightUOM": "KGS",
    **NOT_TOLD,
    "scanDetailsList": [
        {
            "eventDate": "2020-01-10",
            "eventTime": "15:06:00",
            "eventCity": "ADVANCE",
            "eventStateOrProvince": "NC",
            "postalCode": "27006",
            "country": "US",
            "scanType": "DL",
            "scanDescription": FEDEX_TEXT,
            "packageStatus": "Delivered",
        }
    ],
}
# Without lastPackageStatusLocation, serviceCode and serviceName, as printed.
UPS = {
    "packageCount": 1,
    "carrier": "UPS",
    "trackingNumber": "1Z0927XA0340576884",
    "status": "Delivered",
    "updatedDate": "2019-04-11",
    "updatedTime": "13:24:51",
    "shipDate": None,
    "estimatedDeliveryDate": "2019-04-11",
    "estimatedDeliveryTime": "00:00:00",
    "deliveryDate": "2019-04-11",
    "deliveryTime": "13:24:51",
    "deliveryLocation": "ORANGE",
    "deliveryLocationDescription": "Delivered",
    "signedBy": None,
    "weight": 2.3,
    "weightUOM": None,
    **NOT_TOLD,
    "scanDetailsList": [
        {
            "eventDate": "2019-04-11",
            "eventTime": "13:24:51",
            "eventCity": "ORANGE",
            "eventStateOrProvince": "CT",
            "postalCode": "06477",
            "country": "US",
            "scanType": "D",
            "scanDescription": "Delivered",
            "packageStatus": "Delivered",
        }
    ],
}


@pytest.mark.parametrize("printed", [USPS, PB_STANDARD, CROSS_BORDER, FEDEX, UPS], ids=lambda p: p["carrier"])
def test_a_printed_answer_is_served_as_printed_and_in_that_order(
    caller: Caller, printed: dict[str, Any]
) -> None:
    reply = caller.pitney_bowes(printed["trackingNumber"], printed["carrier"])
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    # As text, because equal objects may still differ in the order of their members.
    assert json.dumps(reply.json()) == json.dumps(printed)


@pytest.mark.parametrize("number", SAMPLE_NUMBERS)
def test_a_printed_answer_is_its_own_carriers_only(caller: Caller, number: str) -> None:
    statuses = {carrier: caller.pitney_bowes(number, carrier).status_code for carrier in CarrierCode}
    assert statuses == {carrier: 200 if carrier == SAMPLE_NUMBERS[number] else 404 for carrier in CarrierCode}
