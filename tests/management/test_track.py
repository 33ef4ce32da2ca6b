"""`manage.py track`, over HTTP against the carrier simulator."""

import hashlib
import json
import os
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from shipments.enums import CarrierCode
from shipments.models import (
    Answer,
    AuditEntry,
    CarrierAccount,
    CredentialToken,
    MaintenanceWindow,
    Merchant,
    Shipment,
    Watch,
)
from shipments.simulator.journeys import Scenario, make_number
from tests.factories import Simulator, a_merchant, a_shipment, an_account

pytestmark = pytest.mark.django_db

LONG_AGO = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
UNKNOWN_TO_ALL = "9400100000000000000000"
NOTHING = {"local": None, "utcOffset": None, "at": None}


@pytest.fixture(autouse=True)
def _accounts(merchant: Merchant, calm: Simulator) -> None:
    """The merchant's accounts at both gateways, asking the simulator."""
    an_account(merchant, "usps", base_url=calm.url)
    an_account(merchant, "pitney_bowes", base_url=calm.url)


def track(*arguments: str) -> tuple[int, str, str]:
    """The exit code and what was written to standard output and standard error."""
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command("track", *arguments, stdout=out, stderr=err)
    except SystemExit as exc:
        code = int(str(exc.code))
    return code, out.getvalue(), err.getvalue()


def tracked(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    code, out, _ = track(*arguments, "--json")
    return code, [json.loads(line) for line in out.splitlines()]


def a_number(
    scenario: Scenario = Scenario.ON_TIME, carrier: CarrierCode = CarrierCode.USPS, variant: int = 0
) -> str:
    return make_number(carrier, scenario, LONG_AGO, variant=variant)


def told(**facts: Any) -> dict[str, Any]:
    """A report as the seed's samples have it: what they leave out is null."""
    return {
        "merchant": "alpine",
        "gateway": "pitney_bowes",
        "packageCount": 1,
        "service": {"code": None, "name": None},
        "dimension": None,
        "referenceNumber": None,
        "smartLabelBarcode": None,
        "shipped": NOTHING,
        "estimatedDelivery": {"date": None, "from": None, "to": None, "utcOffset": None},
        "reattempt": NOTHING,
        "error": None,
        **facts,
    }


def told_scan(**facts: Any) -> dict[str, Any]:
    return {
        "zoneKnownBy": "place",
        "textForBuyers": None,
        "textForSellers": None,
        "country": None,
        "latitude": None,
        "longitude": None,
        "url": None,
        "leg": None,
        "withdrawn": False,
        "earlierParcel": False,
        **facts,
    }


# Pitney Bowes, Track a Package, "Sample Requests and Responses": every value as printed there.
USPS_ACCEPTED = {"local": "2019-10-08T08:26:00", "utcOffset": "-04:00", "at": "2019-10-08T12:26:00Z"}
PB_STANDARD_DELIVERED = {"local": "2019-09-14T11:53:00", "utcOffset": "-04:00", "at": "2019-09-14T15:53:00Z"}
CBDS_DELIVERED = {"local": "2019-10-03T19:25:07", "utcOffset": "-06:00", "at": "2019-10-04T01:25:07Z"}
FEDEX_DELIVERED = {"local": "2020-01-10T15:06:00", "utcOffset": "-05:00", "at": "2020-01-10T20:06:00Z"}
UPS_DELIVERED = {"local": "2019-04-11T13:24:51", "utcOffset": "-04:00", "at": "2019-04-11T17:24:51Z"}
FEDEX_WORDS = "Delivered - Left at front door. Package delivered to recipient address - release authorized"
SAMPLES = [
    told(
        carrier="USPS",
        trackingNumber="9405509898641500000146",
        status="Acceptance",
        statusText="USPS in possession of item",
        service={"code": "055", "name": "Priority Mail"},
        weight={"value": 0, "unit": "KGS"},
        lastLocation="NIAGARA FALLS,NY,14304",
        # Of the shipping place nothing is said, so neither is its offset.
        shipped={"local": "2019-10-02T23:30:42", "utcOffset": None, "at": None},
        updated=USPS_ACCEPTED,
        estimatedDelivery={"date": "2019-10-10", "from": None, "to": None, "utcOffset": None},
        delivered={**NOTHING, "location": None, "description": None, "signedBy": None, "hasProof": None},
        scans=[
            told_scan(
                **USPS_ACCEPTED,
                status="Acceptance",
                code="03",
                text="USPS in possession of item",
                city="NIAGARA FALLS",
                region="NY",
                postalCode="14304",
            )
        ],
    ),
    told(
        carrier="NEWGISTICS",
        trackingNumber="42020832926188270533936567018",
        status="Delivered",
        statusText="Delivered",
        weight={"value": 3.546, "unit": "KGS"},
        lastLocation="OLNEY,MD,20832",
        updated=PB_STANDARD_DELIVERED,
        delivered={
            **PB_STANDARD_DELIVERED,
            "location": "OLNEY",
            "description": "Delivered",
            "signedBy": None,
            "hasProof": False,
        },
        scans=[
            told_scan(
                **PB_STANDARD_DELIVERED,
                status="Delivered",
                code="DEL",
                text="Delivered",
                city="OLNEY",
                region="MD",
                postalCode="20832",
            )
        ],
    ),
    told(
        carrier="PBI",
        trackingNumber="PBXCB000000003456789",
        status="Delivered",
        statusText="Delivered - FRONT PORCH",
        service={"code": None, "name": "Pitney Bowes Expedited Parcel Service"},
        weight={"value": 3, "unit": "LBS"},
        lastLocation="EDMONTON,AB,T6R3H7",
        updated=CBDS_DELIVERED,
        delivered={
            **CBDS_DELIVERED,
            "location": "EDMONTON",
            "description": "Delivered - FRONT PORCH",
            "signedBy": None,
            "hasProof": False,
        },
        scans=[
            told_scan(
                **CBDS_DELIVERED,
                status="Delivered",
                code="DLD",
                text="Delivered - FRONT PORCH",
                city="EDMONTON",
                region="AB",
                postalCode="T6R3H7",
                country="CA",
            )
        ],
    ),
    told(
        carrier="FedEx",
        trackingNumber="771234567890",
        status="Delivered",
        statusText=FEDEX_WORDS,
        service={"code": None, "name": "FedEx 2Day"},
        weight={"value": 0, "unit": "KGS"},
        lastLocation="ADVANCE,NC,27006",
        updated=FEDEX_DELIVERED,
        delivered={
            **FEDEX_DELIVERED,
            "location": "ADVANCE",
            "description": FEDEX_WORDS,
            "signedBy": None,
            "hasProof": False,
        },
        scans=[
            told_scan(
                **FEDEX_DELIVERED,
                status="Delivered",
                code="DL",
                text=FEDEX_WORDS,
                city="ADVANCE",
                region="NC",
                postalCode="27006",
                country="US",
            )
        ],
    ),
    told(
        carrier="UPS",
        trackingNumber="1Z0927XA0340576884",
        status="Delivered",
        statusText="Delivered",
        weight={"value": 2.3, "unit": None},
        lastLocation=None,
        updated=UPS_DELIVERED,
        estimatedDelivery={"date": "2019-04-11", "from": None, "to": None, "utcOffset": None},
        delivered={
            **UPS_DELIVERED,
            "location": "ORANGE",
            "description": "Delivered",
            "signedBy": None,
            "hasProof": False,
        },
        scans=[
            told_scan(
                **UPS_DELIVERED,
                status="Delivered",
                code="D",
                text="Delivered",
                city="ORANGE",
                region="CT",
                postalCode="06477",
                country="US",
            )
        ],
    ),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["carrier"])
def test_the_printed_samples_come_out_as_they_are_printed(sample: dict[str, Any]) -> None:
    began = timezone.now()

    code, (report,) = tracked(
        sample["trackingNumber"], "--carrier", sample["carrier"], "--gateway", "pitney_bowes"
    )

    assert code == 0
    answer = Answer.objects.get()
    assert report.pop("answer") == {
        "sha256": hashlib.sha256(answer.text.encode()).hexdigest(),
        "fetchedAt": report["checkedAt"],
    }
    assert began <= datetime.fromisoformat(report.pop("checkedAt")) <= timezone.now()
    assert report == sample


def test_a_new_parcel_is_added_once_and_written_down(merchant: Merchant) -> None:
    number = a_number()

    assert track(number)[0] == 0
    assert track(f"4208 0202 {number}")[0] == 0

    shipment = Shipment.objects.get()
    assert (shipment.number, shipment.carrier_id, shipment.status) == (number, "USPS", "Delivered")
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.row, entry.source, entry.merchant) == (
        "added",
        "shipments.Shipment",
        str(shipment.pk),
        "command",
        merchant.pk,
    )


def test_postal_code_and_mailing_date_tell_parcels_of_one_number_apart() -> None:
    code, _ = tracked(a_number(), "--postal-code", "80202-1234", "--mailing-date", "2026-03-02")

    assert code == 0
    shipment = Shipment.objects.get()
    assert (shipment.destination_postal_code, shipment.mailing_date) == ("80202", LONG_AGO.date())


def test_a_number_the_carrier_does_not_know_yet_exits_3() -> None:
    code, out, err = track(UNKNOWN_TO_ALL, "--json")
    report = json.loads(out)

    assert code == 3
    assert (report["status"], report["scans"], report["answer"]) == (
        "Unknown",
        [],
        {"sha256": None, "fetchedAt": None},
    )
    assert report["checkedAt"] is not None
    # An answer, and no error: its words are those of the status.
    assert report["error"] is None
    assert report["statusText"] == Watch.objects.get().heard_text != ""
    assert f"{UNKNOWN_TO_ALL}: {report['statusText']}" in err


@pytest.mark.parametrize(
    ("faults", "kind"),
    [("503:1:none", "try-later"), ("html:1", "unreadable"), ("token-refused:1", "bad-credentials")],
)
def test_a_carrier_that_cannot_be_asked_or_read_exits_4_and_the_kept_facts_are_shown(
    calm: Simulator, faults: str, kind: str
) -> None:
    number = a_number()
    _, (before,) = tracked(number, "--gateway", "pitney_bowes")
    # A live token would hide that the key is refused.
    CredentialToken.objects.filter(credential__account__gateway="pitney_bowes").delete()
    calm.faults(faults)

    code, (after,) = tracked(number)

    watch = Watch.objects.get()
    assert (code, watch.error_kind) == (4, kind)
    assert after.pop("error") == watch.error_text != ""
    assert before.pop("error") is None
    assert after == before


def test_the_age_of_kept_facts_is_told(calm: Simulator) -> None:
    number = a_number()
    track(number)
    Watch.objects.update(checked_at=timezone.now() - timedelta(hours=5))
    calm.faults("500:1")

    code, out, _ = track(number)

    assert code == 4
    assert "Delivered" in out
    assert "A carrier last answered 5 h ago" in out
    assert f"Error:           {Watch.objects.get().error_text}" in out


def test_a_piece_this_account_may_not_see_exits_4() -> None:
    code, (report,) = tracked(a_number(Scenario.OTHER_MAILER), "--gateway", "usps")

    assert code == 4
    assert report["error"] == Watch.objects.get().heard_text != ""


def test_without_an_account_nobody_can_be_asked_and_that_is_said() -> None:
    CarrierAccount.objects.all().delete()

    code, (report,) = tracked(a_number())

    assert code == 4
    assert report["error"] == "No active account can ask about carrier USPS. Add one for this merchant."
    assert report["gateway"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("12",), "^tracking number: "),
        (("Mr Smith, 12 Main St",), "^tracking number: "),
        (("9" * 41,), "^tracking number: "),
        ((UNKNOWN_TO_ALL, "--carrier", "usps"), "^carrier: A carrier is one of USPS, IMB, "),
        (("ABCDEFG",), "^carrier: No carrier's numbers look like this one"),
        ((UNKNOWN_TO_ALL, "--postal-code", "8020"), "^postal code: "),
        ((UNKNOWN_TO_ALL, "--mailing-date", "03/02/2026"), "^mailing date: "),
        ((UNKNOWN_TO_ALL, "--gateway", "fedex"), "argument --gateway: invalid choice"),
        (("1Z0927XA0340576884", "--gateway", "usps"), "^gateway: "),
        ((UNKNOWN_TO_ALL, "--merchant", "nobody"), "^merchant: no merchant has this short name"),
        ((UNKNOWN_TO_ALL, "12"), r"^tracking number: .* \(number 2 of 2\)$"),
        (("12", "1"), r"^tracking number: [^(]*$"),
    ],
)
def test_bad_input_is_a_usage_error_that_names_field_and_rule_and_stores_nothing(
    calm: Simulator, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        call_command("track", *arguments, stdout=StringIO(), stderr=StringIO())

    # argparse's own errors exit with 2 by themselves when a terminal calls.
    assert refused.value.returncode == (1 if "argument" in words else 2)
    assert (Shipment.objects.exists(), AuditEntry.objects.exists()) == (False, False)
    assert calm.calls()["calls"] == {}


def test_what_was_typed_is_not_repeated_in_a_refusal() -> None:
    with pytest.raises(CommandError) as refused:
        call_command("track", "Mr Smith, 12 Main St", stdout=StringIO(), stderr=StringIO())

    assert "Smith" not in str(refused.value)


def test_many_numbers_cost_one_call_and_come_out_in_the_order_given(calm: Simulator) -> None:
    numbers = [a_number(variant=variant) for variant in range(4)]
    order = [numbers[2], numbers[0], numbers[3], numbers[1], numbers[0]]

    code, found = tracked(*order)

    assert code == 0
    assert [report["trackingNumber"] for report in found] == order
    assert calm.calls()["numbers"] == dict.fromkeys(numbers, 1)
    assert sum(count for name, count in calm.calls()["calls"].items() if "tracking" in name) == 1


def test_of_many_numbers_the_worst_decides_the_exit_code(calm: Simulator) -> None:
    known, troubled = a_number(), a_number(variant=1)
    # USPS leaves this one out of the array it answers with.
    calm.faults(f"missing:{troubled}")

    assert tracked(known, UNKNOWN_TO_ALL)[0] == 3
    assert tracked(known, UNKNOWN_TO_ALL, troubled)[0] == 4


def test_a_check_digit_that_does_not_fit_is_a_warning() -> None:
    number = a_number()
    mistyped = number[:-1] + str((int(number[-1]) + 1) % 10)

    code, out, err = track(mistyped)

    assert code == 3
    assert err == (
        f"{mistyped}: The check digit of this number does not fit: it may be mistyped. It can be tracked all the same.\n"
    )
    assert "check digit" not in out


def test_in_maintenance_hours_a_person_may_ask_and_is_warned() -> None:
    now = timezone.now()
    MaintenanceWindow.objects.update(
        zone="UTC", starts=(now - timedelta(hours=1)).time(), ends=(now + timedelta(hours=1)).time()
    )
    until = f"{now + timedelta(hours=1):%H:%M}"

    through_pitney_bowes = track(a_number(), "--gateway", "pitney_bowes")
    through_usps = track(a_number(), "--gateway", "usps")

    assert through_pitney_bowes[::2] == (
        0,
        f"USPS through pitney_bowes is in maintenance until {until} UTC: asking may time out.\n",
    )
    assert through_usps[::2] == (0, "")


def test_of_several_merchants_one_must_be_named() -> None:
    a_merchant(slug="bayside")

    with pytest.raises(
        CommandError, match=r"^merchant: say which one with --merchant: alpine, bayside\.$"
    ) as refused:
        call_command("track", UNKNOWN_TO_ALL, stdout=StringIO(), stderr=StringIO())

    assert refused.value.returncode == 2
    assert track(a_number(), "--merchant", "alpine")[0] == 0


def test_without_any_merchant_the_command_says_how_to_add_one() -> None:
    Merchant.objects.all().delete()

    with pytest.raises(CommandError, match=r"^merchant: there is none yet\. Add one with add_merchant\.$"):
        call_command("track", UNKNOWN_TO_ALL, stdout=StringIO(), stderr=StringIO())


def test_the_timeline_is_readable() -> None:
    # At night in the East there would be a warning.
    MaintenanceWindow.objects.all().delete()
    code, out, err = track("9405509898641500000146", "--carrier", "USPS", "--gateway", "pitney_bowes")

    assert (code, err) == (0, "")
    *lines, checked = out.splitlines()
    assert lines == [
        "9405509898641500000146 (USPS through pitney_bowes): Acceptance",
        "  In words:        USPS in possession of item",
        "  Last location:   NIAGARA FALLS,NY,14304",
        "  Service:         Priority Mail, code 055",
        "  Weight:          0 KGS",
        "  Shipped:         2019-10-02 23:30:42",
        "  Expected:        2019-10-10",
        "  2019-10-08 08:26:00 UTC-04:00 Acceptance      USPS in possession of item  NIAGARA FALLS, NY 14304",
    ]
    assert re.fullmatch(r"  A carrier last answered just now, at \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", checked)


def test_a_parcel_whose_asking_has_ended_is_asked_when_a_person_wants_it(merchant: Merchant) -> None:
    shipment = a_shipment(merchant, number=a_number(), lifecycle="ended", end_reason="by-hand")

    assert track(shipment.number)[0] == 0

    shipment.refresh_from_db()
    assert (shipment.status, shipment.lifecycle) == ("Delivered", "ended")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        call_command("track", a_number(), "--json", stdout=nobody, stderr=StringIO())

    assert Shipment.objects.get().status == "Delivered"
