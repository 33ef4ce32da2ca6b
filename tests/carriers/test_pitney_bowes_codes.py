import pytest

from shipments.carriers.pitney_bowes.codes import (
    FEDEX,
    STANDARDIZED,
    UPS,
    status_of_code,
    status_of_scan,
    status_of_text,
    status_of_word,
)
from shipments.enums import CarrierCode, Status


def scan(
    carrier: str, *, word: str = "", standardized: tuple[str, ...] = (), code: str = "", text: str = ""
) -> tuple[Status | None, str]:
    return status_of_scan(carrier, word=word, standardized=standardized, code=code, text=text)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.UNKNOWN])
def test_each_of_the_eleven_words_is_known_in_any_case_and_with_blanks(status: Status) -> None:
    assert status_of_word(status.value) is status
    assert status_of_word(status.value.upper()) is status
    assert status_of_word(f" {status.value[:3]} {status.value[3:]} ") is status


@pytest.mark.parametrize("word", ["", "Unknown", "Delivered!", "Delivering"])
def test_any_other_word_is_not(word: str) -> None:
    assert status_of_word(word) is None


@pytest.mark.parametrize(
    ("carrier", "code", "status"),
    [
        ("USPS", "03", Status.ACCEPTANCE),
        ("USPS", "GX", Status.MANIFEST),
        ("IMB", "01", Status.DELIVERED),
        ("NEWGISTICS", "DEL", Status.DELIVERED),
        ("FDR", "DEL", Status.DELIVERED),
        ("PBI", "DLD", Status.DELIVERED),
        ("FedEx", "DL", Status.DELIVERED),
        ("UPS", "D", Status.DELIVERED),
        ("PBCS", "LC", Status.MANIFEST),
        ("USPS", "OFD", Status.OUT_FOR_DELIVERY),
        ("USPS", "TRD", Status.IN_TRANSIT),
        ("USPS", "PSR", Status.MANIFEST),
    ],
)
def test_the_pairs_of_pitney_bowes_samples(carrier: str, code: str, status: Status) -> None:
    assert status_of_code(carrier, code) is status


@pytest.mark.parametrize(
    ("code", "by_carrier"),
    [
        ("OF", {"USPS": Status.OUT_FOR_DELIVERY, "FedEx": Status.IN_TRANSIT}),
        ("AD", {"USPS": Status.ACCEPTANCE, "FedEx": Status.IN_TRANSIT}),
        ("SF", {"USPS": Status.IN_TRANSIT, "FedEx": Status.IN_TRANSIT}),
        ("DO", {"UPS": Status.IN_TRANSIT}),
        ("D", {"UPS": Status.DELIVERED}),
    ],
)
def test_a_code_means_what_its_carrier_means_by_it(code: str, by_carrier: dict[str, Status]) -> None:
    assert {carrier: status_of_code(carrier, code) for carrier in by_carrier} == by_carrier
    for stranger in set(CarrierCode) - set(by_carrier) - {"USPS", "IMB", "FDR", "NEWGISTICS"}:
        with pytest.raises(KeyError):
            status_of_code(stranger, code)


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("OC EP DS", Status.MANIFEST),
        ("PU PX", Status.PICKED_UP),
        ("DR", Status.PICKUP_MISSED),
        ("AA AF AR FD PL SF OF AP AD", Status.IN_TRANSIT),
        ("DP EO LO PF IT IX TR SP CH CC CP", Status.IN_TRANSIT),
        ("OD ED", Status.OUT_FOR_DELIVERY),
        ("DE DY SE EA CA CD", Status.EXCEPTION),
        ("HL", Status.READY_FOR_PICKUP),
        ("RS", Status.RETURN_TO_SENDER),
        ("DL", Status.DELIVERED),
    ],
)
def test_fedex_codes(codes: str, status: Status) -> None:
    assert {FEDEX[code] for code in codes.split()} == {status}


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("M MP", Status.MANIFEST),
        ("P", Status.PICKED_UP),
        ("I W DO", Status.IN_TRANSIT),
        ("O", Status.OUT_FOR_DELIVERY),
        ("D DD", Status.DELIVERED),
        ("X MV", Status.EXCEPTION),
        ("RS", Status.RETURN_TO_SENDER),
        ("NA", None),
    ],
)
def test_ups_codes(codes: str, status: Status | None) -> None:
    assert {UPS[code] for code in codes.split()} == {status}


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("LC PSR", Status.MANIFEST),
        ("CUC SPH TRD", Status.IN_TRANSIT),
        ("OFD", Status.OUT_FOR_DELIVERY),
        ("DAT", Status.DELIVERY_ATTEMPT),
        ("AWP", Status.READY_FOR_PICKUP),
        ("DLD", Status.DELIVERED),
        ("DYU UDL", Status.EXCEPTION),
        ("RTS", Status.RETURN_TO_SENDER),
        ("INF MSC", None),
    ],
)
def test_standardized_codes_mean_the_same_under_every_carrier(codes: str, status: Status | None) -> None:
    assert {STANDARDIZED[code] for code in codes.split()} == {status}
    for carrier in [*CarrierCode, "PBS"]:
        assert {scan(carrier, standardized=("", code)) for code in codes.split()} == {(status, "code")}


@pytest.mark.parametrize("carrier", ["FDR", "NEWGISTICS"])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("PTS01", Status.DELIVERED),
        ("PTSAD", Status.ACCEPTANCE),
        ("PTSOF", Status.OUT_FOR_DELIVERY),
        ("PTSMA", Status.MANIFEST),
        ("01", Status.DELIVERED),
        ("517", Status.DELIVERED),
        ("30", Status.DELIVERY_ATTEMPT),
    ],
)
def test_pb_standard_shows_usps_events_with_and_without_pts(carrier: str, code: str, status: Status) -> None:
    assert status_of_code(carrier, code) is status


@pytest.mark.parametrize("carrier", ["USPS", "PBI", "FedEx", "UPS", "PBCS"])
def test_pts_codes_are_unknown_elsewhere(carrier: str) -> None:
    with pytest.raises(KeyError):
        status_of_code(carrier, "PTS01")


def test_the_carriers_word_comes_first_then_standardized_code_then_code_then_text() -> None:
    standardized, text = ("OFD", "DLD"), "Arrived at USPS Facility"

    def worded(word: str) -> tuple[Status | None, str]:
        return scan("USPS", word=word, standardized=standardized, code="03", text=text)

    assert worded("Delivery Attempt") == (Status.DELIVERY_ATTEMPT, "carrier")
    assert worded("new word") == (Status.OUT_FOR_DELIVERY, "code")
    assert scan("USPS", code="03", text="Arrived at USPS Facility") == (Status.ACCEPTANCE, "code")
    assert scan("USPS", code="??", text="Arrived at USPS Facility") == (Status.IN_TRANSIT, "text")
    assert scan("USPS", code="??", text="Who knows") == (None, "")
    assert scan("USPS") == (None, "")


def test_l1_code_is_read_where_the_standardized_code_is_new() -> None:
    assert scan("PBI", standardized=("XYZ", "TRD")) == (Status.IN_TRANSIT, "code")


@pytest.mark.parametrize("carrier", ["FedEx", "UPS"])
def test_a_vague_exception_is_an_attempt_when_its_words_say_so(carrier: str) -> None:
    code = {"FedEx": "DE", "UPS": "X"}[carrier]

    assert scan(carrier, code=code, text="Customer not available or business closed") == (
        Status.DELIVERY_ATTEMPT,
        "text",
    )
    assert scan(carrier, code=code, text="Damaged in transit") == (Status.EXCEPTION, "code")


@pytest.mark.parametrize(
    ("carrier", "standardized", "code"), [("USPS", (), "01"), ("NEWGISTICS", ("DLD",), "DEL")]
)
def test_what_is_delivered_back_is_not_delivered(
    carrier: str, standardized: tuple[str, ...], code: str
) -> None:
    said = scan(carrier, standardized=standardized, code=code, text="Delivered, To Original Sender")

    assert said == (Status.RETURN_TO_SENDER, "text")


def test_not_even_pitney_bowes_own_word_makes_a_return_a_delivery() -> None:
    assert scan("USPS", word="Delivered", code="01", text="Delivered, To Original Sender") == (
        Status.RETURN_TO_SENDER,
        "text",
    )
    assert scan("USPS", word="Delivered", code="01", text="Left with Individual") == (
        Status.DELIVERED,
        "carrier",
    )


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Undeliverable as Addressed", Status.EXCEPTION),
        ("Delivery Attempted - No Access to Delivery Location", Status.DELIVERY_ATTEMPT),
        ("Out for Delivery", Status.OUT_FOR_DELIVERY),
        ("Available for Pickup", Status.READY_FOR_PICKUP),
        ("Delivered, To Original Sender", Status.RETURN_TO_SENDER),
        ("Delivered - Left at front door", Status.DELIVERED),
        ("Delivered to UPS Access Point", Status.READY_FOR_PICKUP),
        ("Ready for pickup", Status.READY_FOR_PICKUP),
        ("Label  created", Status.MANIFEST),
        ("Package is not delivered", None),
        ("Will be delivered", None),
    ],
)
def test_a_text_is_read_by_its_beginning_never_by_a_word_in_it(text: str, status: Status | None) -> None:
    assert status_of_text(text) is status
