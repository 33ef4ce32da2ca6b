import json
from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.base import Question, Scan, Snapshot, Unreadable
from shipments.carriers.errors import UnreadableAnswer
from shipments.carriers.pitney_bowes.parse import identifier, is_same_parcel, snapshot
from shipments.enums import Status
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate, Posted

SAMPLES = Path(__file__).parents[1] / "samples" / "pitney_bowes"


def sample(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return value


def read(value: Any, *, number: str = "9405509898641500000146", carrier: str = "USPS") -> Snapshot:
    return snapshot(value, Question(1, number, carrier))


def an_answer(**fields: Any) -> dict[str, Any]:
    return {"carrier": "USPS", "trackingNumber": "9405509898641500000146", "scanDetailsList": []} | fields


def a_scan(**fields: Any) -> dict[str, Any]:
    return {"eventDate": "2024-05-01", "eventTime": "10:00:00", "packageStatus": "InTransit"} | fields


def only_scan(**fields: Any) -> Scan:
    (scan,) = read(an_answer(scanDetailsList=[a_scan(**fields)])).scans
    return scan


# ---- The samples of the document


def test_the_usps_sample_is_read_as_printed() -> None:
    assert read(sample("usps")) == Snapshot(
        number="9405509898641500000146",
        carrier="USPS",
        scans=(
            Scan(
                posted=Posted(date(2019, 10, 8), time(8, 26)),
                place=Place("NIAGARA FALLS", "NY", "14304"),
                code="03",
                text="USPS in possession of item",
                status=Status.ACCEPTANCE,
                status_by="carrier",
            ),
        ),
        package_count=1,
        status=Status.ACCEPTANCE,
        status_text="USPS in possession of item",
        updated=Posted(date(2019, 10, 8), time(8, 26)),
        last_location="NIAGARA FALLS,NY,14304",
        service_code="055",
        service_name="Priority Mail",
        weight_value=0,
        weight_unit="KGS",
        shipped=Posted(date(2019, 10, 2), time(23, 30, 42)),
        estimate=DeliveryEstimate(date(2019, 10, 10)),
    )


def test_the_pb_standard_sample_is_read_as_printed() -> None:
    assert read(
        sample("pb_standard"), number="42020832926188270533936567018", carrier="NEWGISTICS"
    ) == Snapshot(
        number="42020832926188270533936567018",
        carrier="NEWGISTICS",
        scans=(
            Scan(
                posted=Posted(date(2019, 9, 14), time(11, 53)),
                place=Place("OLNEY", "MD", "20832"),
                code="DEL",
                text="Delivered",
                status=Status.DELIVERED,
                status_by="carrier",
            ),
        ),
        package_count=1,
        status=Status.DELIVERED,
        status_text="Delivered",
        updated=Posted(date(2019, 9, 14), time(11, 53)),
        last_location="OLNEY,MD,20832",
        weight_value=3.546,
        weight_unit="KGS",
        delivered=Posted(date(2019, 9, 14), time(11, 53)),
        delivery_location="OLNEY",
        delivery_description="Delivered",
    )


def test_the_cross_border_sample_is_read_as_printed() -> None:
    assert read(sample("cbds"), number="PBXCB000000003456789", carrier="PBI") == Snapshot(
        number="PBXCB000000003456789",
        carrier="PBI",
        scans=(
            Scan(
                posted=Posted(date(2019, 10, 3), time(19, 25, 7)),
                place=Place("EDMONTON", "AB", "T6R3H7", "CA"),
                code="DLD",
                text="Delivered - FRONT PORCH",
                status=Status.DELIVERED,
                status_by="carrier",
            ),
        ),
        package_count=1,
        status=Status.DELIVERED,
        status_text="Delivered - FRONT PORCH",
        updated=Posted(date(2019, 10, 3), time(19, 25, 7)),
        last_location="EDMONTON,AB,T6R3H7",
        service_name="Pitney Bowes Expedited Parcel Service",
        weight_value=3,
        weight_unit="LBS",
        delivered=Posted(date(2019, 10, 3), time(19, 25, 7)),
        delivery_location="EDMONTON",
        delivery_description="Delivered - FRONT PORCH",
    )


def test_the_fedex_sample_is_read_as_printed() -> None:
    left = "Delivered - Left at front door. Package delivered to recipient address - release authorized"
    assert read(sample("fedex"), number="771234567890", carrier="FedEx") == Snapshot(
        number="771234567890",
        carrier="FedEx",
        scans=(
            Scan(
                posted=Posted(date(2020, 1, 10), time(15, 6)),
                place=Place("ADVANCE", "NC", "27006", "US"),
                code="DL",
                text=left,
                status=Status.DELIVERED,
                status_by="carrier",
            ),
        ),
        package_count=1,
        status=Status.DELIVERED,
        status_text=left,
        updated=Posted(date(2020, 1, 10), time(15, 6)),
        last_location="ADVANCE,NC,27006",
        service_name="FedEx 2Day",
        weight_value=0,
        weight_unit="KGS",
        delivered=Posted(date(2020, 1, 10), time(15, 6)),
        delivery_location="ADVANCE",
        delivery_description=left,
    )


def test_the_ups_sample_is_read_as_printed() -> None:
    assert read(sample("ups"), number="1Z0927XA0340576884", carrier="UPS") == Snapshot(
        number="1Z0927XA0340576884",
        carrier="UPS",
        scans=(
            Scan(
                posted=Posted(date(2019, 4, 11), time(13, 24, 51)),
                place=Place("ORANGE", "CT", "06477", "US"),
                code="D",
                text="Delivered",
                status=Status.DELIVERED,
                status_by="carrier",
            ),
        ),
        package_count=1,
        status=Status.DELIVERED,
        status_text="Delivered",
        updated=Posted(date(2019, 4, 11), time(13, 24, 51)),
        weight_value=2.3,
        estimate=DeliveryEstimate(date(2019, 4, 11)),
        delivered=Posted(date(2019, 4, 11), time(13, 24, 51)),
        delivery_location="ORANGE",
        delivery_description="Delivered",
    )


def test_the_fields_announced_as_coming_soon_are_read_where_present() -> None:
    pacific, mountain = timedelta(hours=-8), timedelta(hours=-7)
    assert read(sample("coming_soon"), number="92023903406069000000000285", carrier="PBCS") == Snapshot(
        number="4205690192023903406069000000000285",
        carrier="PBCS",
        scans=(
            Scan(
                posted=Posted(date(2024, 11, 21), time(9, 15), pacific),
                place=Place("OLYMPIA", "WA", "98501-6202", "US", 47.0379, -122.9007),
                code="TRD",
                text="In transit",
                status=Status.IN_TRANSIT,
                status_by="carrier",
                text_for_buyers="Your package is on its way",
                text_for_sellers="Left the first facility",
                url="https://carrier.example/track/285",
                leg="FML",
                details={
                    "standardizedEventCode": "TRD",
                    "standardizedEventDescription": "In transit",
                    "l1Code": "TRD",
                    "authorizedAgent": "false",
                    "locationUnit": "DEG",
                    "eventType": "RTN",
                },
            ),
            Scan(
                posted=Posted(date(2024, 11, 19), time(16, 5)),
                place=Place(),
                code="LC",
                text="Label created",
                status=Status.MANIFEST,
                status_by="carrier",
                text_for_buyers="Label created",
                details={
                    "standardizedEventCode": "LC",
                    "standardizedEventDescription": "Label created",
                    "l1Code": "LC",
                },
            ),
        ),
        package_count=1,
        status=Status.IN_TRANSIT,
        status_text="In transit",
        updated=Posted(date(2024, 11, 21), time(9, 15)),
        last_location="OLYMPIA,WA,98501",
        service_code="PBD",
        service_name="PB Delivery®",
        weight_value="4.06",
        weight_unit="LBS",
        dimension={"length": "10.0", "width": "8", "height": None, "unitOfMeasurement": "IN"},
        reference_number="ORDER-1001",
        smart_label_barcode="7250053219012360010005111713",
        shipped=Posted(date(2024, 11, 19), time(16, 5), pacific),
        estimate=DeliveryEstimate(date(2024, 11, 23), end=time(17, 0), offset=mountain),
        delivered=Posted(date(2024, 11, 22), time(13, 58, 40), mountain),
        delivery_location="Front desk",
        delivery_description="Delivered, Front Desk",
        delivery_proof_url="https://proof.example/picture/42",
        signed_by="A. N. Example",
        reattempt=Posted(date(2024, 11, 23), time(10, 0)),
        destination=Place("Springfield", "WY", "82001", "US"),
        details={"requestedIdentifier": "92023903406069000000000285", "clientId": "client-7"},
    )


# ---- Quirks


def test_an_older_spelling_of_the_weights_unit_is_read() -> None:
    assert read(an_answer(weight=1, weightUOM=None, weightOUM="LBS")).weight_unit == "LBS"


def test_an_estimate_at_midnight_has_no_time_and_no_offset() -> None:
    value = an_answer(
        estimatedDeliveryDate="2024-05-03",
        estimatedDeliveryTime="00:00:00",
        estimatedDeliveryTimeOffset="-05:00",
    )

    assert read(value).estimate == DeliveryEstimate(date(2024, 5, 3))


def test_a_time_without_its_date_says_nothing() -> None:
    value = an_answer(estimatedDeliveryTime="12:00:00", deliveryTime="13:00:00", shipTime="08:00:00")

    told = read(value)

    assert (told.estimate, told.delivered, told.shipped, told.unreadable) == (None, None, None, ())


def test_a_date_without_a_time_stays_a_date() -> None:
    assert read(an_answer(deliveryDate="2024-05-03")).delivered == Posted(date(2024, 5, 3))
    assert only_scan(eventTime=None).posted == Posted(date(2024, 5, 1))


def test_a_postal_code_sent_as_a_number_has_its_leading_zero_back() -> None:
    assert only_scan(postalCode=6477).place == Place(postal_code="06477")


@pytest.mark.parametrize(
    ("latitude", "longitude"), [("0", "0"), (0.0, "0.0"), ("47.1", None), (None, 8), ("north", "8")]
)
def test_a_point_that_is_none_is_left_out(latitude: Any, longitude: Any) -> None:
    assert only_scan(latitude=latitude, longitude=longitude).place == Place()


def test_a_status_written_with_a_blank_is_known() -> None:
    told = read(an_answer(status="In Transit", scanDetailsList=[a_scan(packageStatus="in transit")]))

    assert told.status is Status.IN_TRANSIT
    assert (told.scans[0].status, told.scans[0].status_by) == (Status.IN_TRANSIT, "carrier")


def test_a_new_status_word_is_kept_and_the_tables_are_asked() -> None:
    told = read(
        an_answer(status="Levitating", scanDetailsList=[a_scan(packageStatus="Levitating", scanType="OF")])
    )

    assert (told.status, told.details) == (None, {"status": "Levitating"})
    assert (told.scans[0].status, told.scans[0].status_by) == (Status.OUT_FOR_DELIVERY, "code")
    assert told.scans[0].details == {"packageStatus": "Levitating"}


@pytest.mark.parametrize("code", ["INF", "MSC"])
def test_an_event_for_information_only_has_no_status_of_its_own(code: str) -> None:
    scan = only_scan(packageStatus=None, standardizedEventCode=code)

    assert (scan.status, scan.status_by) == (None, "code")


def test_codes_are_read_in_the_table_of_the_answers_carrier_else_of_the_questions() -> None:
    listed = [a_scan(packageStatus=None, scanType="OF")]

    fedex = read(an_answer(carrier="FedEx", scanDetailsList=listed))
    unnamed = read(an_answer(carrier=None, scanDetailsList=listed))
    renamed = read(an_answer(carrier="U.S.P.S.", scanDetailsList=listed))

    assert [told.scans[0].status for told in (fedex, unnamed, renamed)] == [
        Status.IN_TRANSIT,
        Status.OUT_FOR_DELIVERY,
        Status.OUT_FOR_DELIVERY,
    ]
    assert renamed.carrier == "U.S.P.S."


def test_a_scan_without_words_of_its_carrier_speaks_pitney_bowes() -> None:
    assert only_scan(scanDescription=None, standardizedEventDescription="In transit").text == "In transit"


def test_the_status_text_is_that_of_the_headlines_scan_whatever_the_clocks_say() -> None:
    delivered_in_chicago = a_scan(
        eventTime="09:30:00", packageStatus="Delivered", scanDescription="Delivered"
    )
    left_new_york = a_scan(eventTime="10:05:00", packageStatus="InTransit", scanDescription="Departed")

    told = read(an_answer(status="Delivered", scanDetailsList=[delivered_in_chicago, left_new_york]))

    assert (told.status, told.status_text) == (Status.DELIVERED, "Delivered")


def test_of_several_scans_with_the_headlines_status_the_first_one_gives_the_words() -> None:
    listed = [
        a_scan(packageStatus="Manifest", scanDescription="Label created again"),
        a_scan(eventTime="09:00:00", scanDescription="Arrived"),
        a_scan(eventTime="23:00:00", scanDescription="Departed"),
    ]

    assert read(an_answer(status="InTransit", scanDetailsList=listed)).status_text == "Arrived"


@pytest.mark.parametrize(
    ("status", "scan", "text"),
    [
        ("in transit", {"packageStatus": "InTransit"}, "Words"),
        ("Levitating", {"packageStatus": "Levitating"}, "Words"),
        ("Delivered", {"packageStatus": None, "scanType": "01"}, "Words"),
        ("Delivered", {"packageStatus": "InTransit"}, ""),
        ("Levitating", {"packageStatus": "InTransit"}, ""),
        ("Levitating", {"packageStatus": None}, ""),
        (None, {"packageStatus": "InTransit"}, ""),
        (None, {"packageStatus": None}, ""),
    ],
)
def test_a_scan_gives_the_words_where_word_or_status_are_the_headlines(
    status: str | None, scan: dict[str, Any], text: str
) -> None:
    told = read(an_answer(status=status, scanDetailsList=[a_scan(scanDescription="Words") | scan]))

    assert told.status_text == text


def test_a_delivery_back_to_the_sender_is_told_in_the_words_of_its_scan() -> None:
    back = a_scan(packageStatus="Delivered", scanDescription="Delivered, To Original Sender")

    told = read(an_answer(status="Delivered", scanDetailsList=[back]))

    assert told.scans[0].status is Status.RETURN_TO_SENDER
    assert told.status_text == "Delivered, To Original Sender"


def test_without_scans_the_headline_itself_is_the_status_text() -> None:
    assert read(an_answer(status="Manifest", scanDetailsList=None)).status_text == "Manifest"


# ---- currentStatus


@pytest.mark.parametrize("listed", [None, [], {}])
def test_the_current_status_is_the_scan_where_there_is_no_other(listed: Any) -> None:
    told = read(an_answer(scanDetailsList=listed, currentStatus=a_scan(scanType="03")))

    assert [scan.code for scan in told.scans] == ["03"]


def test_the_current_status_may_be_an_array() -> None:
    told = read(an_answer(currentStatus=[a_scan(scanType="03"), a_scan(scanType="OF")]))

    assert [scan.code for scan in told.scans] == ["03", "OF"]


@pytest.mark.parametrize(
    "repeated", [{}, {"scanType": None}, {"scanDescription": None}, {"packageStatus": None}]
)
def test_a_current_status_that_repeats_a_scan_adds_none(repeated: dict[str, Any]) -> None:
    listed = a_scan(scanType="03", scanDescription="Accepted")

    told = read(an_answer(scanDetailsList=[listed], currentStatus=listed | repeated))

    assert [(scan.code, scan.status) for scan in told.scans] == [("03", Status.IN_TRANSIT)]


def test_a_current_status_that_the_list_lacks_is_one_more_scan() -> None:
    told = read(
        an_answer(
            scanDetailsList=[a_scan(scanType="03")],
            currentStatus=a_scan(eventTime="11:00:00", scanType="OF"),
        )
    )

    assert [scan.code for scan in told.scans] == ["OF", "03"]


@pytest.mark.parametrize("nothing", [None, [], {}, {"eventDate": None, "packageStatus": None}, [None]])
def test_an_empty_current_status_is_no_loss(nothing: Any) -> None:
    told = read(an_answer(currentStatus=nothing))

    assert (told.scans, told.unreadable) == ((), ())


# ---- Losses


def test_one_bad_scan_does_not_cost_the_parcel_its_good_ones() -> None:
    listed = [
        a_scan(scanType="03"),
        a_scan(eventDate=None),
        "scan",
        a_scan(eventDate="soon"),
        a_scan(scanType="OF"),
    ]

    told = read(an_answer(scanDetailsList=listed))

    assert [scan.code for scan in told.scans] == ["03", "OF"]
    assert told.unreadable == (
        Unreadable("scanDetailsList[1]", "eventDate: missing"),
        Unreadable("scanDetailsList[2]", "not an object"),
        Unreadable("scanDetailsList[3]", "eventDate: not a date (YYYY-MM-DD)"),
    )


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("packageCount", "one"),
        ("updatedDate", 20240501),
        ("shipDate", "yesterday"),
        ("estimatedDeliveryDate", "2024-02-30"),
        ("estimatedDeliveryTime", "noon"),
        ("deliveryTimeOffset", "EST"),
        ("deliveryProofUrl", "javascript:alert(1)"),
        ("weight", "heavy"),
        ("dimension", "large"),
        ("signedBy", ["A"]),
        ("destinationAddress", 7),
        ("referenceNumber", {}),
    ],
)
def test_a_field_of_the_wrong_type_costs_only_that_field(field: str, sent: Any) -> None:
    told = read(an_answer(serviceCode="055", scanDetailsList=[a_scan()], **{field: sent}))

    assert [one.where for one in told.unreadable] == [field]
    assert (told.service_code, len(told.scans)) == ("055", 1)


@pytest.mark.parametrize(
    "field", ["eventTime", "eventTimeOffset", "eventCity", "latitude", "trackingUrl", "scanType", "l1Code"]
)
def test_a_field_of_a_scan_of_the_wrong_type_costs_only_that_field(field: str) -> None:
    told = read(an_answer(scanDetailsList=[a_scan(**{field: [1]})]))

    assert [one.where for one in told.unreadable] == [f"scanDetailsList[0].{field}"]
    assert told.scans[0].posted.on == date(2024, 5, 1)


@pytest.mark.parametrize(
    "key", sorted(set(sample("coming_soon")) - {"trackingNumber", "requestedIdentifier"})
)
@pytest.mark.parametrize("odd", [None, True, 3.5, "odd", [], {}, [[]], {"x": {}}])
def test_no_field_of_any_type_can_sink_the_answer(key: str, odd: Any) -> None:
    value = sample("coming_soon") | {key: odd}

    told = read(value, number="92023903406069000000000285", carrier="PBCS")

    assert told.number == "4205690192023903406069000000000285"


def test_a_list_of_scans_that_is_none_is_on_record() -> None:
    told = read(an_answer(scanDetailsList="none"))

    assert told.unreadable == (Unreadable("scanDetailsList", "neither an array nor an object"),)


@pytest.mark.parametrize(("count", "truncated"), [(98, False), (99, True), (120, True)])
def test_a_list_as_long_as_usps_keeps_may_lack_older_scans(count: int, truncated: bool) -> None:
    told = read(an_answer(scanDetailsList=[a_scan()] * count))

    assert (len(told.scans), told.truncated) == (count, truncated)


# ---- Whose answer it is


@pytest.mark.parametrize(
    ("carrier", "asked", "told"),
    [
        ("PBCS", "92023903406069000000000285", "4205690192023903406069000000000285"),
        ("USPS", "9400111206206406260787", "420787459400111206206406260787"),
        ("USPS", "9400111206206406260787", "420787451234 9400111206206406260787"),
        ("USPS", "420787459400111206206406260787", "9400111206206406260787"),
        ("UPS", "1Z0927XA0340576884", "1z 0927xa 034057688-4"),
        ("IMB", "00042902529942000716", "0004290252994200071698133931119"),
        ("USPS", "00042902529942000716", "0004290252994200071698133931119"),
        ("IMB", "0004290252994200071698133931119", "00042902529942000716"),
    ],
)
def test_two_writings_of_one_number_are_one_parcel(carrier: str, asked: str, told: str) -> None:
    assert is_same_parcel(asked, told, carrier=carrier)


@pytest.mark.parametrize(
    ("carrier", "asked", "told"),
    [
        ("USPS", "9405509898641500000146", "9405509898641500000147"),
        ("USPS", "9405509898641500000146", ""),
        ("USPS", "0146", "420787459405509898641500000146"),
        ("FedEx", "771234567890", "77123456789"),
        ("FedEx", "4567890", "420123454567890"),
        ("UPS", "00042902529942000716", "0004290252994200071698133931119"),
        ("IMB", "00042902529942000716", "0004290252994200071798133931119"),
    ],
)
def test_two_numbers_are_two_parcels(carrier: str, asked: str, told: str) -> None:
    assert not is_same_parcel(asked, told, carrier=carrier)


def test_an_answer_about_another_parcel_is_unreadable() -> None:
    with pytest.raises(UnreadableAnswer, match="about another number than the one asked"):
        read(an_answer(trackingNumber="9405509898641500000147"))


def test_an_answer_under_another_number_that_repeats_ours_is_ours() -> None:
    value = an_answer(trackingNumber="1Z999AA10123456784", requestedIdentifier="PBXCB000000003456789")

    assert read(value, number="PBXCB000000003456789", carrier="PBI").number == "1Z999AA10123456784"
    assert read(value | {"trackingNumber": None}, number="PBXCB000000003456789", carrier="PBI").number == (
        "PBXCB000000003456789"
    )


@pytest.mark.parametrize("value", [{}, {"trackingNumber": None}, {"trackingNumber": ["x"]}])
def test_an_answer_that_names_no_number_is_unreadable(value: Any) -> None:
    with pytest.raises(UnreadableAnswer, match="does not say which number it is about"):
        read(value)


@pytest.mark.parametrize("value", [None, [], [an_answer()], "x", 7, True])
def test_an_answer_that_is_no_object_is_unreadable(value: Any) -> None:
    with pytest.raises(UnreadableAnswer, match="not a tracking object"):
        read(value)


def test_a_number_sent_as_a_number_is_read() -> None:
    assert read(an_answer(trackingNumber=9405509898641500000146)).number == "9405509898641500000146"


# ---- What is asked


@pytest.mark.parametrize(
    ("carrier", "number", "sent"),
    [
        ("IMB", "0004290252994200071698133931119", "00042902529942000716"),
        ("IMB", "00042902529942000716", "00042902529942000716"),
        ("IMB", "003108802097365463688", "00310880209736546368"),
        ("USPS", "0004290252994200071698133931119", "00042902529942000716"),
        ("USPS", "00042902529942000716981339311", "00042902529942000716"),
        ("USPS", "0004290252994200071698133", "00042902529942000716"),
        ("USPS", "003108802097365463688", "00310880209736546368"),
        ("USPS", "9405509898641500000146", "9405509898641500000146"),
        ("USPS", "42020832926188270533936567018", "42020832926188270533936567018"),
        ("USPS", "0904290252994200071698133931119", "0904290252994200071698133931119"),
        ("USPS", "EA123456785US", "EA123456785US"),
        ("FDR", "0004290252994200071698133931119", "0004290252994200071698133931119"),
        ("IMB", "LETTER0004290252994200071698", "LETTER0004290252994200071698"),
    ],
)
def test_only_an_imb_is_cut_to_twenty_digits(carrier: str, number: str, sent: str) -> None:
    assert identifier(carrier, number) == sent


# ---- Anything at all

FIELDS = sorted(set(sample("coming_soon")) | set(sample("coming_soon")["scanDetailsList"][0]) | {"weightOUM"})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "9405509898641500000146",
            "2024-05-01",
            "10:00:00",
            "-05:00",
            "USPS",
            "Delivered",
            "0001-01-01",
            "\ud800\x00",
        ]
    )
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=30,
)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


def assert_storable(*values: Any) -> None:
    for text in texts(values):
        assert "\x00" not in text
        # Fails on half of a surrogate pair.
        text.encode("utf-8")


@given(JSON)
def test_any_json_is_a_snapshot_or_unreadable(value: Any) -> None:
    try:
        read(value)
    except UnreadableAnswer:
        return


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=12), st.lists(JSON, max_size=4))
def test_any_object_about_our_parcel_is_a_snapshot_that_can_be_stored(
    fields: dict[str, Any], scans: list[Any]
) -> None:
    told = read(fields | an_answer(scanDetailsList=[*scans, a_scan()]))

    assert told.scans[-1].posted == Posted(date(2024, 5, 1), time(10, 0))
    for scan in told.scans:
        scan.posted.instant_by_carrier()
        assert_storable(scan.code, scan.text, scan.text_for_buyers, scan.leg, scan.url, scan.details)
        assert_storable(scan.place.city, scan.place.region, scan.place.postal_code, scan.place.country)
    assert_storable(told.number, told.carrier, told.status_text, told.service_name, told.reference_number)
    assert_storable(told.signed_by, told.delivery_description, told.dimension, told.details)
