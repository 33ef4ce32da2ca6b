"""Adding numbers by hand."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shipments.models import AuditEntry, Carrier, Merchant, Shipment, User, Watch
from tests.factories import a_shipment

pytestmark = pytest.mark.django_db

ADD = "/app/alpine/shipments/add/"
USPS = "9405509898641500000146"
UPS = "1Z12345E0205271686"
# A letter's, which Presort asks for at USPS.
LETTER = "0027012345620080000100001000123"
# A USPS number whose last digit is wrong.
MISTYPED = "9405509898641500000147"
Commits = Callable[..., Any]


def step_one(client: Client, numbers: str, **more: str) -> str:
    return client.post(ADD, {"numbers": numbers, **more}).content.decode()


def step_two(client: Client, *lines: tuple[str, str], **more: Any) -> Any:
    chosen = {f"carrier-{place}": carrier for place, (_number, carrier) in enumerate(lines, start=1)}
    return client.post(ADD, {"line-number": [number for number, _carrier in lines], **chosen, **more})


def chips(page: str) -> list[tuple[str, str]]:
    """The carriers one click away, line by line: what would be sent, and how sure it is; the chosen one starred."""
    found = re.findall(
        r'name="(carrier-\d+)" value="(\w+)"( checked)?>[^<]* <span class="chip__sure">(\w+)</span>', page
    )
    return [(f"{name}={code}{'*' if checked else ''}", sure) for name, code, checked, sure in found]


def test_the_first_step_shows_what_was_recognised_and_stores_nothing(manager: Client) -> None:
    page = step_one(manager, f"{USPS}\n1Z 1234 5E02 0527 1686\n")

    assert [chip for chip in chips(page) if "*" in chip[0]] == [
        ("carrier-1=USPS*", "certain"),
        ("carrier-2=UPS*", "certain"),
    ]
    assert "Add 2 numbers" in page
    assert Shipment.objects.count() == 0


def test_a_failed_check_digit_warns_and_does_not_refuse(manager: Client) -> None:
    page = step_one(manager, MISTYPED)

    assert "The check digit of this number does not fit" in page
    assert "Add 1 number<" in page


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("12", "A tracking number has 4 to 34 letters and digits, and nothing else."),
        ("9405_5098", "A tracking number has 4 to 34 letters and digits, and nothing else."),
        ("A" * 35, "A tracking number has 4 to 34 letters and digits, and nothing else."),
        ("QWERTYUIOP", "No carrier&#x27;s numbers look like this one. Say which carrier it is."),
    ],
)
def test_a_bad_line_says_which_field_breaks_which_rule_and_can_be_mended(
    manager: Client, number: str, rule: str
) -> None:
    page = step_one(manager, f"{number}\n{USPS}")

    assert rule in page
    assert f'name="line-number" value="{number}" class="number" maxlength="200" aria-invalid="true"' in page
    assert "Add 1 number<" in page


def test_the_second_step_adds_the_good_ones_and_comes_back_with_the_bad(
    manager: Client, mary: User, merchant: Merchant, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks() as nudges:
        response = step_two(manager, (USPS, "USPS"), ("12", ""), (UPS, "UPS"), order_number="A-77")

    assert response.status_code == 400
    page = response.content.decode()
    assert "2 parcels added." in page
    assert 'value="12"' in page
    assert USPS not in page
    assert list(
        Shipment.objects.order_by("created_at").values_list("merchant", "carrier", "number", "order_number")
    ) == [
        (merchant.pk, "USPS", USPS, "A-77"),
        (merchant.pk, "UPS", UPS, "A-77"),
    ]
    assert Watch.objects.filter(due_at__isnull=False).count() == 2
    # One nudge for all of them.
    assert len(nudges) == 1
    entries = AuditEntry.objects.order_by("pk")
    assert [(entry.verb, entry.person, entry.merchant, entry.after["number"]) for entry in entries] == [
        ("added", mary.pk, merchant.pk, USPS),
        ("added", mary.pk, merchant.pk, UPS),
    ]


def test_a_single_number_leads_to_its_page(manager: Client) -> None:
    response = step_two(manager, (USPS, "USPS"))

    shipment = Shipment.objects.get()
    assert response.headers["Location"] == f"/app/alpine/shipments/{shipment.public_id}/"


def test_another_carrier_may_be_chosen_than_the_one_recognised(manager: Client) -> None:
    step_two(manager, (USPS, "NEWGISTICS"))

    assert Shipment.objects.get().carrier_id == "NEWGISTICS"


def test_what_holds_for_all_lines_travels_to_the_second_step(manager: Client) -> None:
    page = step_one(
        manager, USPS, gateway="usps", postal_code="20832-1234", mailing_date="2026-03-02", order_number="A-1"
    )
    assert '<input type="hidden" name="postal_code" value="20832-1234">' in page

    step_two(
        manager,
        (USPS, "USPS"),
        gateway="usps",
        postal_code="20832-1234",
        mailing_date="2026-03-02",
        order_number="A-1",
    )

    shipment = Shipment.objects.get()
    assert (
        shipment.gateway,
        shipment.destination_postal_code,
        shipment.mailing_date,
        shipment.order_number,
    ) == (
        "usps",
        "20832",
        date(2026, 3, 2),
        "A-1",
    )


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("postal_code", "ABCDE", "A ZIP Code is five digits, or nine as 12345-6789."),
        ("mailing_date", "2.3.2026", "A mailing date is a day written as 2026-01-31."),
        ("carrier", "DHL", "Select a valid choice. DHL is not one of the available choices."),
        ("gateway", "fax", "Select a valid choice. fax is not one of the available choices."),
    ],
)
@pytest.mark.parametrize("is_second_step", [False, True])
def test_what_is_wrong_for_all_lines_is_said_at_its_field(
    manager: Client, field: str, value: str, rule: str, is_second_step: bool
) -> None:
    if is_second_step:
        response = step_two(manager, (USPS, "USPS"), **{field: value})
    else:
        response = manager.post(ADD, {"numbers": USPS, field: value})

    assert response.status_code == 400
    page = response.content.decode()
    assert page.count(rule) == 1
    assert f'id="id_{field}_error"' in page
    assert USPS in page
    assert Shipment.objects.count() == 0


def test_a_gateway_that_cannot_ask_for_the_carrier_is_refused_line_by_line(manager: Client) -> None:
    response = step_two(manager, (USPS, "USPS"), (UPS, "UPS"), gateway="usps")

    assert (
        "<strong>Ask through:</strong> Carrier UPS is not asked about through usps"
        in response.content.decode()
    )
    assert Shipment.objects.get().number == USPS


def test_the_same_number_twice_is_added_once(manager: Client) -> None:
    page = step_one(manager, f"{USPS}\n9405 5098 9864 1500 0001 46")
    assert page.count("The same parcel stands above, in line 1: it is added once.") == 1

    step_two(manager, (USPS, "USPS"), ("9405 5098 9864 1500 0001 46", "USPS"))

    assert Shipment.objects.get().number == USPS


def test_a_parcel_that_is_there_already_is_pointed_at_and_learns(manager: Client, merchant: Merchant) -> None:
    known = a_shipment(merchant, number=USPS)
    page = step_one(manager, USPS)
    assert f'You have this parcel already: <a href="/app/alpine/shipments/{known.public_id}/">' in page

    response = step_two(manager, (USPS, "USPS"), postal_code="20832")

    assert response.headers["Location"] == f"/app/alpine/shipments/{known.public_id}/"
    assert Shipment.objects.get().destination_postal_code == "20832"
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.row) == ("changed", str(known.pk))
    # A buyer's postal code is not for the audit's readers.
    assert (entry.before, entry.after) == (
        {"destination_postal_code": ""},
        {"destination_postal_code": "•••"},
    )


def test_adding_what_is_there_and_brings_nothing_new_is_no_deed(
    manager: Client, merchant: Merchant, django_capture_on_commit_callbacks: Commits
) -> None:
    a_shipment(merchant, number=USPS)

    with django_capture_on_commit_callbacks() as nudges:
        step_two(manager, (USPS, "USPS"))

    assert (AuditEntry.objects.count(), nudges) == (0, [])


def test_a_parcel_of_another_merchant_is_no_duplicate(manager: Client, charlie: User) -> None:
    a_shipment(charlie.memberships.get().merchant, number=USPS)

    assert "You have this parcel already" not in step_one(manager, USPS)


def test_more_than_five_hundred_numbers_are_refused_at_once(manager: Client) -> None:
    lines = "\n".join(f"1Z12345E02{n:08d}" for n in range(501))

    response = manager.post(ADD, {"numbers": lines})

    assert response.status_code == 400
    assert "At most 500 numbers at once; these are 501. Nothing was added." in response.content.decode()


def test_five_hundred_rows_of_a_spreadsheet_are_added_at_once(manager: Client) -> None:
    rows = [(f"1Z12345E02{n:08d}", f"A-{n}", f"Buyer {n}") for n in range(500)]
    page = step_one(manager, "\n".join("\t".join(row) for row in rows))
    assert page.count('name="line-recipient"') == 500

    numbers, orders, recipients = zip(*rows, strict=True)
    others = {f"other-{n}": "" for n in range(1, 501)}
    response = step_two(
        manager,
        *((number, "UPS") for number in numbers),
        **{"line-order": orders, "line-recipient": recipients, **others},
    )

    assert response.status_code == 302
    stored = Shipment.objects.order_by("created_at").values_list("number", "order_number", "recipient_name")
    # In the order they were pasted.
    assert list(stored) == rows
    assert AuditEntry.objects.filter(verb="added").count() == 500


def test_many_numbers_take_as_many_statements_as_two(manager: Client, merchant: Merchant) -> None:
    def statements(start: int, count: int) -> tuple[int, int]:
        numbers = [f"1Z12345E02{n:08d}" for n in range(start, start + count)]
        a_shipment(merchant, number=numbers[0], carrier="UPS")
        with CaptureQueriesContext(connection) as first:
            step_one(manager, "\n".join(numbers))
        with CaptureQueriesContext(connection) as second:
            step_two(manager, *((number, "UPS") for number in numbers), postal_code="20832")
        return len(first), len(second)

    step_one(manager, USPS)
    assert statements(0, 2) == statements(100, 60)


def test_the_other_likely_carriers_are_one_click_away(manager: Client) -> None:
    page = step_one(manager, LETTER)

    likely = chips(page)
    assert likely == [("carrier-1=IMB*", "likely"), ("carrier-1=USPS", "possible")]
    # The rest stand in the list, none of them twice and none of them chosen.
    offered = re.findall(r'<option value="(\w+)"( selected)?>', page)
    assert sorted(
        [code.split("=")[1].rstrip("*") for code, _sure in likely] + [code for code, _on in offered]
    ) == sorted(Carrier.objects.values_list("code", flat=True))
    assert [on for _code, on in offered if on] == []


def test_what_is_chosen_from_the_long_list_stands_above_the_chips(manager: Client) -> None:
    step_two(manager, (USPS, "USPS"), **{"other-1": "PBI"})

    assert Shipment.objects.get().carrier_id == "PBI"


def test_a_carrier_from_the_long_list_stays_chosen_while_the_line_is_mended(manager: Client) -> None:
    page = step_two(manager, ("QW", ""), **{"other-1": "FedEx"}).content.decode()

    assert '<option value="FedEx" selected>FedEx</option>' in page


def test_what_stands_in_a_line_goes_before_what_holds_for_all(manager: Client) -> None:
    step_two(
        manager,
        (USPS, "USPS"),
        (UPS, "UPS"),
        **{"line-order": ["A-77", ""], "line-recipient": ["", "Rosa Invented"], "order_number": "ALL"},
    )

    assert list(Shipment.objects.order_by("carrier_id").values_list("order_number", "recipient_name")) == [
        ("ALL", "Rosa Invented"),
        ("A-77", ""),
    ]
    # A buyer's name is not for the audit's readers.
    assert sorted(entry.after["recipient_name"] for entry in AuditEntry.objects.all()) == ["", "•••"]


def test_order_and_recipient_of_a_bad_line_are_kept_to_be_sent_again(manager: Client) -> None:
    page = step_one(manager, f"12\tA-77\tRosa <b>\n{USPS}\tA-78")

    assert '<input type="text" id="order-1" name="line-order" value="A-77"' in page
    assert 'name="line-recipient" value="Rosa &lt;b&gt;"' in page
    assert '<input type="hidden" name="line-order" value="A-78">' in page


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (f"{USPS}\t{'x' * 101}", "<strong>Order:</strong> At most 100 signs; these are 101."),
        (f"{USPS}\tA\t{'x' * 201}", "<strong>Recipient:</strong> At most 200 signs; these are 201."),
    ],
)
def test_an_order_that_does_not_fit_is_told_and_not_cut(manager: Client, row: str, problem: str) -> None:
    assert problem in step_one(manager, row)


def test_cells_that_are_not_read_are_named(manager: Client) -> None:
    page = step_one(manager, f"{USPS}\tA-77\tRosa\tblue\t12.50")

    assert "Left out, because only number, order and recipient are read: blue, 12.50" in page


def test_a_number_known_under_another_carrier_is_pointed_at_and_may_be_added(
    manager: Client, merchant: Merchant
) -> None:
    there = a_shipment(merchant, number=USPS, carrier="NEWGISTICS")

    page = step_one(manager, USPS)

    assert "You have this number with" in page
    assert f'<a href="/app/alpine/shipments/{there.public_id}/">open it</a>' in page
    assert "Add 1 number<" in page


@pytest.mark.parametrize("numbers", ["", "   \n \n", ",;"])
def test_nothing_typed_is_said_so(manager: Client, numbers: str) -> None:
    response = manager.post(ADD, {"numbers": numbers})

    assert response.status_code == 400
    assert response.content.decode().count("Type or paste at least one tracking number.") == 1


def test_markup_typed_as_a_number_comes_back_as_text(manager: Client) -> None:
    page = step_one(manager, "<script>alert(1)</script>")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_line_that_is_emptied_is_left_out(manager: Client) -> None:
    response = step_two(manager, (USPS, "USPS"), ("  ", ""))

    assert response.status_code == 302
    assert Shipment.objects.count() == 1


def test_a_carrier_that_takes_no_new_parcels_is_neither_offered_nor_taken(manager: Client) -> None:
    Carrier.objects.filter(code="UPS").update(is_active=False)

    page = step_one(manager, UPS)
    assert 'value="UPS"' not in page

    step_two(manager, (UPS, "UPS"))
    assert Shipment.objects.count() == 0


def test_a_number_searched_in_vain_is_taken_over(manager: Client) -> None:
    page = manager.get(ADD, {"number": USPS}).content.decode()

    assert f">\n{USPS}</textarea>" in page
