"""Headings are found in the spellings of other people's files, and cells are read or refused, never guessed."""

from datetime import date

import pytest

from shipments.bulk.cell_values import BadCell, Words, guess_date_order, has_unclear_dates, plain
from shipments.bulk.columns import BY_KEY, COLUMNS, column_of, guess, is_reason, spelled_carriers
from shipments.facts import numbers

OFFERED = {"USPS": "USPS", "FedEx": "FedEx", "UPS": "UPS", "FDR": "Pitney Bowes Standard (FDR)"}
WORDS = Words("", spelled_carriers(OFFERED), tuple(OFFERED.values()))


def is_number(text: str) -> bool:
    return bool(numbers.recognise(text))


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("Tracking Number", "number"), ("tracking_number", "number"), ("TRACKING #", "number"), ("TrackingNumber", "number"),
        ("Número de seguimiento", "number"), ("numero de guia", "number"), ("N.º de guía", "number"), ("Waybill No.", "number"),
        ("Carrier", "carrier"), ("Tracking Company", "carrier"), ("Paquetería", "carrier"), ("Carrier - Service Selected", "carrier"),
        ("Shipping Zip", "postal_code"), ("Ship To - Postal Code", "postal_code"), ("Billing Zip", ""), ("Código Postal", "postal_code"),
        ("Fulfilled at", "mailing_date"), ("Date - Shipped Date", "mailing_date"), ("Fecha de envío", "mailing_date"),
        ("Order - Number", "order_number"), ("Pedido", "order_number"), ("Order #", "order_number"),
        ("Ship To - Name", "recipient_name"), ("Destinatario", "recipient_name"), ("Billing Name", ""),
        ("Tags", "tags"), ("Etiquetas", "tags"), ("Signature required", "proof_due"), ("Gateway", "gateway"), ("", ""), ("Notes", ""),
    ],
)  # fmt: skip
def test_headings_are_found_in_many_spellings(heading, key):
    assert column_of(heading) == key


@pytest.mark.parametrize(
    "heading",
    ["tracking_number", "carrier", "order_number", "recipient_name", "tags", "destination_postal_code", "mailing_date", "proof_due"],
)  # fmt: skip
def test_our_own_export_can_be_imported(heading):
    assert column_of(heading)


def test_no_spelling_means_two_columns():
    spellings = [spelling for column in COLUMNS for spelling in column.spellings]
    assert len(spellings) == len(set(spellings))


SHOPIFY = [
    "Name",
    "Email",
    "Fulfilled at",
    "Shipping Name",
    "Shipping Zip",
    "Billing Zip",
    "Tags",
    "Tracking Number",
]


def test_a_shops_name_column_is_the_order_and_everybody_elses_a_person():
    number = "9405509898641500000146"
    row = ["#1001", "ann@example.com", "2026-03-02 10:00:00 -0500", "Ann", "20832", "10001", "vip", number]
    assert guess(SHOPIFY, [row], is_number) == [
        "order_number", "buyer_email", "mailing_date", "recipient_name", "postal_code", "", "tags", "number",
    ]  # fmt: skip
    assert guess(["Name", "Tracking"], [["Ann Invented", number]], is_number) == ["recipient_name", "number"]


def test_the_number_is_found_by_its_values_where_no_heading_tells():
    rows = [["1001", "1Z12345E0205271686"], ["1002", "9405509898641500000146"], ["1003", ""]]
    assert guess(["A", "B"], rows, is_number) == ["", "number"]
    assert guess(["", ""], [["1001", "x"]], is_number) == ["", ""]


def test_of_two_headings_that_could_be_the_number_the_one_with_numbers_is():
    rows = [["0012345678905", "1Z12345E0205271686"]]
    assert guess(["Barcode", "Tracking number"], rows, is_number) == ["", "number"]
    assert guess(["Barcode", "Tracking number"], [], is_number) == ["number", ""]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("  a ", "a"), ('="9405509898641500000146"', "9405509898641500000146"), ('="a b"', "a b"), ("'=SUM(A1)", "=SUM(A1)"),
        ("'-5", "-5"), ("' @x", "@x"), ("'94", "'94"), ("O'Neil", "O'Neil"), ('"quoted"', "quoted"), ('"', '"'), ("=", "="), ("", ""),
    ],
)  # fmt: skip
def test_what_spreadsheets_wrap_cells_in_is_taken_off(cell, text):
    assert plain(cell) == text


FIGURE = "A spreadsheet has made a figure of this number"
ROUNDED = "A spreadsheet has rounded this number"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("9.40551E+21", FIGURE), ("9,40551E+21", FIGURE), ("9.40551e21", FIGURE), ("9E+21", FIGURE), ("1E5", FIGURE),
        ("9405509898641500000146.0", FIGURE), ("961207691234.00", FIGURE), ("961207691234,0", FIGURE),
        ("9405509898641500000000", ROUNDED), ("94055098986415000000", ROUNDED),
    ],
)  # fmt: skip
def test_a_number_that_a_spreadsheet_has_spoilt_is_never_a_parcel(text, words):
    with pytest.raises(BadCell, match=f"^{words}"):
        BY_KEY["number"].read(text, WORDS)


@pytest.mark.parametrize(
    "text", ["9405509898641500000146", "1Z12345E0205271686", "1E55", "96120769123400000"]
)
def test_a_number_with_noughts_or_an_e_of_its_own_is_one(text):
    if text == "1E55":
        with pytest.raises(BadCell):
            BY_KEY["number"].read(text, WORDS)
    else:
        assert BY_KEY["number"].read(text, WORDS) == text


def test_the_mark_that_keeps_a_spreadsheet_from_reckoning_is_no_part_of_the_number():
    assert BY_KEY["number"].read("'9405509898641500000146", WORDS) == "9405509898641500000146"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("USPS", "USPS"), ("usps", "USPS"), ("U.S. Postal Service", "USPS"), ("fedex", "FedEx"), ("Federal Express", "FedEx"),
        ("FedEx Ground", "FedEx"), ("UPS", "UPS"), ("Pitney Bowes Standard (FDR)", "FDR"), ("stamps_com", ""), ("Pitney Bowes", ""),
    ],
)  # fmt: skip
def test_carriers_are_known_by_what_shops_call_them(text, code):
    assert BY_KEY["carrier"].read(text, WORDS) == code


def test_a_carrier_nobody_asks_is_refused_with_those_one_could_mean():
    with pytest.raises(BadCell) as refused:
        BY_KEY["carrier"].read("DHL <b>Express</b>\x00", WORDS)
    assert str(refused.value) == (
        "“DHL <b>Express</b>” is not a carrier we ask; these are: USPS, FedEx, UPS, Pitney Bowes Standard (FDR). "
        "Empty the cell to have it recognised."
    )


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2026-03-02", "", date(2026, 3, 2)), ("2026-03-02 10:00:00 -0500", "dmy", date(2026, 3, 2)),
        ("2026-03-02T10:00:00Z", "", date(2026, 3, 2)), ("2026/3/2", "", date(2026, 3, 2)), ("3/14/2026", "", date(2026, 3, 14)),
        ("14/03/2026", "", date(2026, 3, 14)), ("14.3.26", "", date(2026, 3, 14)), ("03/02/2026", "mdy", date(2026, 3, 2)),
        ("03/02/2026 10:05 AM", "dmy", date(2026, 2, 3)), ("03-02-2026", "dmy", date(2026, 2, 3)), ("03/03/2026", "", date(2026, 3, 3)),
    ],
)  # fmt: skip
def test_dates_are_read_in_the_order_of_the_file(text, order, day):
    assert BY_KEY["mailing_date"].read(text, Words(order)) == day


@pytest.mark.parametrize(
    ("text", "order", "words"),
    [
        ("03/02/2026", "", "It is not clear whether the day or the month comes first. "
         "Say it where the columns are matched, or write 2026-01-31."),
        ("14/03/2026", "mdy", "A mailing date is a day written as 2026-01-31."),
        ("2026-02-30", "", "A mailing date is a day written as 2026-01-31."),
        ("46083", "", "A mailing date is a day written as 2026-01-31."),
        ("yesterday", "", "A mailing date is a day written as 2026-01-31."),
    ],
)  # fmt: skip
def test_a_date_that_could_be_two_or_is_none_is_refused(text, order, words):
    with pytest.raises(BadCell) as refused:
        BY_KEY["mailing_date"].read(text, Words(order))
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("cells", "order"),
    [(["01/02/2026", "03/14/2026"], "mdy"), (["01/02/2026", "14/03/2026"], "dmy"), (["01/02/2026"], ""),
     (["14/03/2026", "03/14/2026"], ""), (["2026-03-14", ""], ""), (["03/03/2026"], "")],
)  # fmt: skip
def test_the_order_of_dates_is_told_by_those_that_can_be_read_one_way_only(cells, order):
    assert guess_date_order(cells) == order


def test_dates_are_unclear_only_where_both_orders_make_a_day():
    assert has_unclear_dates(["2026-03-02", "01/02/2026"])
    assert not has_unclear_dates(["14/03/2026", "03/03/2026", "", "soon"])


def test_a_postal_code_that_lost_its_nought_is_refused_with_how_to_mend_it():
    with pytest.raises(
        BadCell, match=r"^A ZIP Code has five digits: a spreadsheet may have dropped the nought in front\."
    ):
        BY_KEY["postal_code"].read("2108", WORDS)
    assert BY_KEY["postal_code"].read("02108", WORDS) == "02108"


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("vip", ["vip"]),
        ("vip, Fragile ;gift|VIP", ["vip", "Fragile", "gift"]),
        (" , ", []),
        ("a  b", ["a b"]),
    ],
)
def test_tags_are_cut_at_commas_and_kept_once(text, tags):
    assert BY_KEY["tags"].read(text, WORDS) == tags


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * 41, "A tag has at most 40 characters; this one has 41."),
        (",".join(f"t{n}" for n in range(21)), "A parcel has at most 20 tags."),
    ],
)
def test_tags_beyond_their_bounds_are_refused(text, words):
    with pytest.raises(BadCell) as refused:
        BY_KEY["tags"].read(text, WORDS)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yes", True),
        ("Sí", True),
        ("TRUE", True),
        ("1", True),
        ("x", True),
        ("no", False),
        ("0", False),
        ("-", False),
    ],
)
def test_yes_and_no_are_read_in_both_languages(text, said):
    assert BY_KEY["proof_due"].read(text, WORDS) is said


def test_neither_yes_nor_no_is_refused():
    with pytest.raises(BadCell, match=r"^This column says yes or no\.$"):
        BY_KEY["proof_due"].read("perhaps", WORDS)


@pytest.mark.parametrize(("key", "most"), [("order_number", 100), ("recipient_name", 200)])
def test_texts_are_kept_whole_or_refused(key, most):
    assert BY_KEY[key].read("Ann\r\n\x00 Lee ", WORDS) == "Ann Lee"
    assert BY_KEY[key].read("x" * most, WORDS) == "x" * most
    with pytest.raises(BadCell) as refused:
        BY_KEY[key].read("x" * (most + 1), WORDS)
    assert str(refused.value) == f"At most {most} signs are kept here; these are {most + 1}."


@pytest.mark.parametrize(
    ("text", "gateway"),
    [("USPS", "usps"), ("pitney_bowes", "pitney_bowes"), ("Pitney Bowes", "pitney_bowes")],
)
def test_gateways_are_read(text, gateway):
    assert BY_KEY["gateway"].read(text, WORDS) == gateway


def test_our_own_reasons_are_known_when_they_come_back():
    assert is_reason("Why it was not imported")
    assert is_reason("WHY IT WAS NOT IMPORTED ")
    assert not is_reason("Reason")
