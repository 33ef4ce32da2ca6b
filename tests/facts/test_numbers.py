"""Tracking numbers: what is typed, what is kept, what finds it again, and whose it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import CarrierCode
from shipments.facts.check_digits import (
    with_1z_check_digit,
    with_fedex12_check_digit,
    with_impb_check_digit,
    with_s10_check_digit,
)
from shipments.facts.numbers import (
    Candidate,
    NumberError,
    canonical,
    check_digit_warning,
    check_number,
    lookup_key,
    normal,
    recognise,
)

USPS, IMB, FDR, NEWGISTICS, PBCS, PBI, FEDEX, UPS = (
    CarrierCode.USPS,
    CarrierCode.IMB,
    CarrierCode.FDR,
    CarrierCode.NEWGISTICS,
    CarrierCode.PBCS,
    CarrierCode.PBI,
    CarrierCode.FEDEX,
    CarrierCode.UPS,
)

# Published numbers (github.com/jkeen/tracking_number_data, USPS' test environment, Pitney Bowes' documents).
PARCELS = [
    "420787459400111206206406260787",
    "9400111206206406260787",
    "9400111201080805483016",
    "9405803699300124287899",
    "9434611206206406227577",
    "4201002334249200190132607600833457",
    "4201028200009261290113185417468510",
    "9505511069605048600624",
    "92748931507708513018050063",
    "92001903060085300042901077",
    "9361289878700317633795",
    "9261292700768711948021",
    "9400109104250532908587",
    "9261290289104185136058",
    "9202290317456200135409",
    "92023903406069000000000285",
    "93055109246000000114188641",
    "9405509898641500000146",
    "4205690192023903406069000000000285",
    "4201913892748927005269000023298282",
    "9434611206217011894085",
    "420117419361289691090029427113",
    "4203278000009205596900893430673167",
    "4205690192023901019232002167055441",
    "92026124161170148800003176",
    "92041124161170148800003131",
    "92055124161170148800000274",
    "9205590982952107001084",
    "92148901324734000366090360",
    "9241999996333426012948",
    "9361289673090019555035",
    "9374889680090025188414",
    "420176039374889681090008004266",
    "9434650899562092878282",
]
NO_SUCH_PARCELS = [
    "9434611206206407667131",
    "9434611306206407667222",
    "2334611306206407667222",
    "61299998820821171811",
    "9200000000000000000000",
    "4201028200009261290113185417468511",
]
DOCUMENTED = [
    "1Z0927XA0340576884",
    "42020832926188270533936567018",
    "9400111899223456789012",
    "9400111899223817428490",
    "9400112345678945613221",
]


def formats(number: str, *, passing: bool | None = True) -> set[tuple[str, str]]:
    return {(found.carrier, found.format) for found in recognise(number) if found.check_digit is passing}


# Normal form


@pytest.mark.parametrize(
    "typed",
    [
        "9405 5098 9864 1500 0001 46",
        "\t9405-5098-9864-1500-0001-46\r\n",
        "9405\u20135098\u20149864\u22121500\u00a00001\u200946",
        "\u200e9405509898641500000146\u200b\ufeff",
        "９４０５５０９８９８６４１５０００００１４６",
        "]C19405509898641500000146",
        "]c1\x1d9405509898641500000146",
        "(94)05509898641500000146",
    ],
)
def test_what_keyboards_and_scanners_add_is_taken_away(typed: str) -> None:
    assert normal(typed) == "9405509898641500000146"


def test_a_scanned_barcode_loses_its_brackets() -> None:
    assert normal("(420) 20832 (92) 02390 340606900 0000000285") == "420208329202390340606900" + "0000000285"


def test_small_letters_become_capitals_and_leading_zeros_stay() -> None:
    assert normal(" 1z8v92a70367203024 ") == "1Z8V92A70367203024"
    assert normal("0004290252994200071698133931119") == "0004290252994200071698133931119"


def test_letters_of_other_scripts_do_not_turn_into_plain_ones() -> None:
    assert normal("straße") == "STRAßE"
    assert normal("ı234") == "ı234"


def test_half_a_surrogate_pair_does_not_reach_the_database() -> None:
    assert lookup_key("94\ud800567") == normal("94\ud800567") == "94?567"


@given(st.text())
def test_no_text_makes_these_functions_fail(text: str) -> None:
    normal(text)
    lookup_key(text)
    recognise(text)
    for carrier in (None, "", "DHL", *CarrierCode):
        canonical(text, carrier)
        check_digit_warning(text, carrier or "")


# The rule for a number


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("1234", "1234"),
        ("pbx cb 000000003456789", "PBXCB000000003456789"),
        ("A" * 34, "A" * 34),
        ("420208320000" + "92023903406069000000000285", "42020832000092023903406069000000000285"),
        *((number, number) for number in (*PARCELS, *DOCUMENTED)),
    ],
)
def test_a_well_formed_number_is_taken_in_its_normal_form(typed: str, number: str) -> None:
    assert check_number(typed) == number


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "123",
        "1 2-3",
        "A" * 35,
        "1" * 38,
        "9405.5098",
        "94055<script>",
        "STRAßE",
        "١٢٣٤٥",
        "94\ud800567",
        "1" * 5000,
    ],
)
def test_anything_else_is_refused_in_words_that_name_the_rule(typed: str) -> None:
    with pytest.raises(NumberError) as refusal:
        check_number(typed)

    assert str(refusal.value) == "A tracking number has 4 to 34 letters and digits, and nothing else."


@given(st.text())
def test_a_taken_number_is_taken_again_unchanged(text: str) -> None:
    try:
        number = check_number(text)
    except NumberError:
        return
    assert check_number(number) == number
    assert 4 <= len(canonical(number, None)) <= 34


# Canonical form


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("420787459400111206206406260787", "9400111206206406260787"),
        ("4201002334249200190132607600833457", "9200190132607600833457"),
        ("4201028200009261290113185417468510", "9261290113185417468510"),
        ("4205690192023903406069000000000285", "92023903406069000000000285"),
        ("4201913892748927005269000023298282", "92748927005269000023298282"),
        ("420221539101026837331000039521", "9101026837331000039521"),
        ("42020832000092023903406069000000000285", "92023903406069000000000285"),
        # No check digit passes in either cut: a five-digit ZIP Code is the usual one.
        ("4205690192023903406069000000000286", "92023903406069000000000286"),
        ("420208329400111899223456789012", "9400111899223456789012"),
    ],
)
@pytest.mark.parametrize("carrier", [None, USPS, FDR, PBCS, NEWGISTICS])
def test_a_parcel_barcode_loses_its_routing_prefix(typed: str, kept: str, carrier: str | None) -> None:
    assert canonical(typed, carrier) == kept


@pytest.mark.parametrize(
    "digits",
    [
        "0004290252994200071698133931119",
        "00042902529942000716981339311",
        "0004290252994200071698133",
        "00042902529942000716",
    ],
)
@pytest.mark.parametrize("carrier", [IMB, USPS])
def test_a_letter_is_kept_by_its_first_twenty_digits(digits: str, carrier: str) -> None:
    assert canonical(digits, carrier) == "00042902529942000716"


def test_the_sample_letter_of_pitney_bowes_is_cut_although_it_has_21_digits() -> None:
    assert canonical("003108802097365463688", USPS) == "00310880209736546368"


def test_letters_are_cut_under_no_other_carrier() -> None:
    assert canonical("0004290252994200071698133931119", FEDEX) == "0004290252994200071698133931119"
    assert canonical("0004290252994200071698133931119", None) == "0004290252994200071698133931119"


@pytest.mark.parametrize("number", [number for number in DOCUMENTED if not number.startswith("420")])
@pytest.mark.parametrize("carrier", [None, *CarrierCode])
def test_documentation_numbers_stay_as_they_are(number: str, carrier: str | None) -> None:
    assert canonical(number, carrier) == number


@pytest.mark.parametrize("carrier", [None, *CarrierCode])
def test_the_newgistics_sample_is_neither_a_parcel_barcode_nor_a_letter(carrier: str | None) -> None:
    assert canonical("42020832926188270533936567018", carrier) == "42020832926188270533936567018"


# Finding a parcel again


@st.composite
def parcel_bodies(draw: st.DrawFn) -> str:
    length = draw(st.sampled_from([21, 25, 29]))
    start = "94" if length == 29 else draw(st.sampled_from(["91", "92", "93", "94", "95"]))
    return start + draw(st.text("0123456789", min_size=length - 2, max_size=length - 2))


@st.composite
def letters_by_imb(draw: st.DrawFn) -> str:
    start = draw(st.from_regex(r"[0-9][0-4][0-9]{18}", fullmatch=True).filter(lambda text: text[:3] != "420"))
    length = draw(st.sampled_from([0, 5, 9, 11]))
    return start + draw(st.text("0123456789", min_size=length, max_size=length))


well_formed = st.one_of(
    st.from_regex(r"[0-9A-Z]{4,34}", fullmatch=True),
    st.from_regex(r"[0-9]{20,38}", fullmatch=True),
    st.from_regex(r"420[0-9]{5}([0-9]{4})?9[1-5][0-9]{20,28}", fullmatch=True),
    letters_by_imb(),
    parcel_bodies().map(with_impb_check_digit),
    st.sampled_from([*PARCELS, *NO_SUCH_PARCELS, *DOCUMENTED]),
)


@given(well_formed, st.sampled_from([None, *CarrierCode]))
def test_what_is_typed_finds_what_is_kept_under_any_carrier(number: str, carrier: str | None) -> None:
    assert lookup_key(number) == lookup_key(canonical(number, carrier))
    assert lookup_key(" ".join(number.lower())) == lookup_key(number)


@given(parcel_bodies().map(with_impb_check_digit), st.from_regex(r"420[0-9]{5}([0-9]{4})?", fullmatch=True))
def test_a_parcel_is_found_with_and_without_its_routing_prefix(parcel: str, prefix: str) -> None:
    assert lookup_key(prefix + parcel) == lookup_key(parcel)


@given(letters_by_imb())
def test_a_letter_is_found_with_and_without_its_routing_code(letter: str) -> None:
    assert lookup_key(letter) == lookup_key(letter[:20]) == letter[:20]


@pytest.mark.parametrize(
    "number", ["1Z8V92A70367203024", "RB123456785GB", "986578788855", "PBXCB000000003456789"]
)
def test_numbers_of_one_form_are_their_own_key(number: str) -> None:
    assert lookup_key(number.lower()) == number


def test_different_parcels_to_one_address_have_different_keys() -> None:
    assert len({lookup_key(number) for number in PARCELS}) == len(PARCELS) - 2


# Whose number is it


@pytest.mark.parametrize("number", PARCELS)
def test_every_published_parcel_number_is_read_as_one_and_passes(number: str) -> None:
    assert (USPS, "USPS IMpb") in formats(number)


@pytest.mark.parametrize("number", NO_SUCH_PARCELS)
def test_no_false_parcel_number_passes(number: str) -> None:
    assert (USPS, "USPS IMpb") not in formats(number)


@pytest.mark.parametrize(
    ("number", "carrier", "name"),
    [
        ("71123456789123456787", USPS, "USPS 20"),
        ("03071790000523483741", USPS, "USPS 20"),
        ("420221539101026837331000039521", USPS, "USPS Legacy"),
        ("9101123456789000000013", USPS, "USPS Legacy"),
        ("71969010756003077385", USPS, "USPS Legacy"),
        ("RB123456785GB", USPS, "UPU S10"),
        ("RB123456785US", USPS, "UPU S10"),
        ("RB123456785CV", USPS, "UPU S10"),
        ("RB123456785CF", USPS, "UPU S10"),
        ("1Z5R89390357567127", UPS, "UPS 1Z"),
        ("1Z879E930346834440", UPS, "UPS 1Z"),
        ("1Z410E7W0392751591", UPS, "UPS 1Z"),
        ("1Z8V92A70367203024", UPS, "UPS 1Z"),
        ("1ZXX3150YW44070023", UPS, "UPS 1Z"),
        ("K1506235620", UPS, "UPS Waybill"),
        ("J4603636537", UPS, "UPS Waybill"),
        ("V0490119172", UPS, "UPS Waybill"),
        ("986578788855", FEDEX, "FedEx Express 12"),
        ("477179081230", FEDEX, "FedEx Express 12"),
        ("799531274483", FEDEX, "FedEx Express 12"),
        ("771234567890", FEDEX, "FedEx Express 12"),
        ("041441760228964", FEDEX, "FedEx Ground 15"),
        ("568283610012000", FEDEX, "FedEx Ground 15"),
        ("000123450000000027", FEDEX, "FedEx Ground SSCC-18"),
        ("9611020987654312345672", FEDEX, "FedEx Ground 96"),
        ("1001921334250001000300779017972697", FEDEX, "FedEx Express 34"),
        ("9622001900000000000000776632517510", FEDEX, "FedEx Ground GSN"),
        ("32971514560102447849175802862014", FEDEX, "FedEx ASTRA"),
    ],
)
def test_published_numbers_are_read_and_pass(number: str, carrier: CarrierCode, name: str) -> None:
    assert recognise(number)[0] == Candidate(
        carrier=carrier,
        format=name,
        canonical=canonical(number, carrier),
        sure=recognise(number)[0].sure,
        check_digit=True,
        note="",
    )


@pytest.mark.parametrize(
    ("number", "carrier", "name"),
    [
        ("03071790000523483742", USPS, "USPS 20"),
        ("9101123456789000000014", USPS, "USPS Legacy"),
        ("71969010756003077386", USPS, "USPS 20"),
        ("RB123456786US", USPS, "UPU S10"),
        ("1Z1111111111111111", UPS, "UPS 1Z"),
        ("1Z0927XA0340576884", UPS, "UPS 1Z"),
        ("K1506235622", UPS, "UPS Waybill"),
        ("996578788855", FEDEX, "FedEx Express 12"),
        ("568283610012732", FEDEX, "FedEx Ground 15"),
        ("9600000000000000000001", FEDEX, "FedEx Ground 96"),
        ("9622001560001234567100794808390595", FEDEX, "FedEx Ground GSN"),
        ("9434611206206407667131", USPS, "USPS IMpb"),
        ("4201028200009261290113185417468511", USPS, "USPS IMpb"),
        ("9400111899223456789012", USPS, "USPS IMpb"),
        ("9400111899223817428490", USPS, "USPS IMpb"),
        ("9400112345678945613221", USPS, "USPS IMpb"),
    ],
)
def test_a_failing_check_digit_is_told_and_refuses_nothing(
    number: str, carrier: CarrierCode, name: str
) -> None:
    assert (carrier, name) in formats(number, passing=False)
    assert formats(number, passing=True) == set()
    assert {found.sure for found in recognise(number) if found.check_digit is False} <= {"likely", "possible"}


@pytest.mark.parametrize(
    "number",
    [
        "2Z5R89390357567127",
        "1A5R89390357567127",
        "RB123456785XX",
        "2334611306206407667222",
        "1234",
        "LTN74207623N1",
        "",
    ],
)
def test_a_number_of_no_known_shape_has_no_candidate(number: str) -> None:
    assert recognise(number) == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("1Z8V92A70367203024", [(UPS, "certain")]),
        ("1Z0927XA0340576884", [(UPS, "likely")]),
        ("PBXCB000000003456789", [(PBI, "certain")]),
        ("UPAAB000000251682107", [(PBI, "certain")]),
        ("PBX123", [(PBI, "likely")]),
        ("RB123456785US", [(USPS, "certain")]),
        ("RB123456785GB", [(USPS, "likely")]),
        ("9405509898641500000146", [(USPS, "certain")]),
        ("9400111899223456789012", [(USPS, "likely")]),
        ("92026124161170148800003176", [(PBCS, "likely"), (USPS, "likely")]),
        ("92148901324734000366090360", [(USPS, "certain")]),
        ("92023903406069000000000285", [(PBCS, "likely"), (USPS, "likely")]),
        ("4205690192023903406069000000000285", [(PBCS, "likely"), (USPS, "likely")]),
        ("92023903406069000000000286", [(PBCS, "possible"), (USPS, "possible")]),
        ("4201913892748927005269000023298282", [(FDR, "likely"), (USPS, "likely")]),
        ("92748927005269000023298282", [(USPS, "certain"), (FDR, "possible")]),
        ("9261292700768711948021", [(USPS, "certain")]),
        ("42020832926188270533936567018", [(NEWGISTICS, "possible")]),
        ("03071790000523483741", [(USPS, "likely"), (IMB, "possible")]),
        ("00042902529942000716", [(IMB, "likely"), (USPS, "possible"), (USPS, "possible")]),
        ("05042902529942000710", [(USPS, "possible")]),
        ("0004290252994200071698133931119", [(IMB, "likely"), (USPS, "possible")]),
        ("003108802097365463688", [(IMB, "likely"), (USPS, "possible")]),
        ("986578788855", [(FEDEX, "likely")]),
        ("9611020987654312345672", [(FEDEX, "certain")]),
    ],
)
def test_candidates_come_surest_first(number: str, expected: list[tuple[CarrierCode, str]]) -> None:
    assert [(found.carrier, found.sure) for found in recognise(number)] == expected


def test_a_candidate_tells_the_form_the_number_is_kept_in() -> None:
    assert [found.canonical for found in recognise("0004290252994200071698133931119")] == [
        "00042902529942000716"
    ] * 2
    assert (
        recognise("0004290252994200071698133931119")[0].note
        == "A letter: only the first 20 digits are asked for."
    )
    assert recognise("4205690192023903406069000000000285")[0] == Candidate(
        carrier=PBCS,
        format="PB Delivery",
        canonical="92023903406069000000000285",
        sure="likely",
        check_digit=True,
        note="Parcels of other senders can have numbers like this one.",
    )


def test_typing_does_not_change_whose_number_it_is() -> None:
    assert recognise(" 1z8v-92a7-0367-2030-24 ") == recognise("1Z8V92A70367203024")


# The warning

MISTYPED = "The check digit of this number does not fit: it may be mistyped. It can be tracked all the same."


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("9400111899223456789012", USPS),
        ("420208329400111899223456789012", USPS),
        ("92023903406069000000000286", PBCS),
        ("92023903406069000000000286", NEWGISTICS),
        ("1Z0927XA0340576884", UPS),
        ("996578788855", FEDEX),
        ("RB123456786US", USPS),
        ("05042902529942000710", USPS),
    ],
)
def test_a_number_of_the_carriers_shape_with_a_wrong_digit_is_warned_of(number: str, carrier: str) -> None:
    assert check_digit_warning(number, carrier) == MISTYPED
    assert recognise(number)[0].note == MISTYPED


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("9405509898641500000146", USPS),
        ("92023903406069000000000285", FDR),
        ("1Z8V92A70367203024", UPS),
        ("986578788855", FEDEX),
        ("PBXCB000000003456789", PBI),
        ("0004290252994200071698133931119", IMB),
        # A Presort letter, for all we know.
        ("00042902529942000716", USPS),
        ("42020832926188270533936567018", NEWGISTICS),
        # Not of that carrier's shape: nothing can be said about its digit.
        ("1Z0927XA0340576884", FEDEX),
        ("ABCD", USPS),
    ],
)
def test_other_numbers_get_no_warning(number: str, carrier: str) -> None:
    assert check_digit_warning(number, carrier) is None


# What the makers make is read as what it is


@given(parcel_bodies().map(with_impb_check_digit))
def test_made_parcel_numbers_pass(number: str) -> None:
    assert {found.check_digit for found in recognise(number)} == {True}
    assert check_digit_warning(number, USPS) is None


@given(
    st.from_regex(r"1Z[0-9A-Z]{15}", fullmatch=True),
    st.from_regex(r"[0-9]{11}", fullmatch=True),
    st.from_regex(r"[A-Z]{2}[0-9]{8}(US|GB|CA)", fullmatch=True),
)
def test_made_numbers_of_other_kinds_pass(ups: str, fedex: str, international: str) -> None:
    assert formats(with_1z_check_digit(ups)) == {(UPS, "UPS 1Z")}
    assert formats(with_fedex12_check_digit(fedex)) == {(FEDEX, "FedEx Express 12")}
    assert (USPS, "UPU S10") in formats(with_s10_check_digit(international))
