"""Whatever is sent to the dashboard is taken or refused in words; nothing of it is an error of ours."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from shipments.models import Merchant, Shipment, User
from tests.web.access_table import FORMS, TABLE
from tests.web.test_access import address, parcel

__all__ = ["parcel"]

pytestmark = pytest.mark.django_db

BAD = [
    "a\0b",
    "²",
    "[",
    "a\r\nX-Header: b",
    "-1",
    str(2**63),
    "9" * 25,
    "x" * 3000,
    "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00:00+00:00",
    "9999-12-31T23:59:59+14:00",
    "01234567-89ab-4cde-8f01-23456789abcd",
]

# What each route reads of an address or a form.
READ: dict[str, str] = {
    "attention": "view owner reason after seen",
    "attention-act": "do until date owner text next then seen",
    "attention-several": "do until date owner text next then item seen",
    "bulk-start": "action all pick query as_of tag resolution owner confirmed",
    "shipment-export": "all pick query as_of column for q tag lifecycle added_from",
    "shipment-list": "q tag carrier service place status added_from promised_to sort columns after before",
    "shipment-list-news": "since q",
    "shipment-list-seen": "until query",
    "shipment-list-columns": "columns query tag",
    "saved-view-add": "name query is_shared",
    "saved-view-change": "name",
    "shipment-add": "number numbers carrier gateway postal_code mailing_date order_number line-number line-order"
    " line-recipient carrier-1 other-1",
    "shipment-detail": "all reply seen",
    "shipment-answer": "scan",
    "note-add": "text",
    "note-delete": "note",
    "tag-add": "tag",
    "tag-remove": "tag",
    "shipment-resolve": "resolution",
    "shipment-correct": "carrier gateway mailing_date postal_code order_number recipient_name proof_due made_from",
    "shipment-start-again": "mailing_date postal_code order_number recipient_name",
    "people": "email role",
    "people-role": "member role",
    "people-remove": "member",
    "people-leave": "sure",
    "people-hand-over": "member",
    "import-list": "after",
    "import-match": "has_header default_carrier default_mailing_date date_order tag column-0",
    "figures": "since until weeks carrier lane days by",
    "figures-csv": "since until weeks carrier lane days by",
    "settings": "name time_zone language link_days order_on_links",
    "settings-look": "shown_name colour support_url name_beside_logo remove_logo logo try",
    "settings-look-preview": "colour",
    "settings-attention": "first_scan_days silent_days silent_days_abroad pickup_days late_days proof_always_due",
    "settings-alerts": "digest digest_at reasons",
    "account-add": "gateway environment base_url key secret expires_on calls_per_hour calls_per_second",
    "account": "environment base_url calls_per_hour calls_per_second",
    "account-key-add": "key secret expires_on",
    "account-key-expiry": "expires_on",
    "account-switch": "active",
    "account-delete": "sure",
}


@pytest.mark.parametrize(
    ("route", "method"),
    [(route, method) for route, method in TABLE if route in READ and TABLE[route, method][-1] != 405],
)
def test_no_field_can_bring_a_page_down(
    route: str, method: str, parcel: Shipment, alice: User, signed_in: Callable[[User], Client]
) -> None:
    client, where = signed_in(alice), address(route, parcel)
    for name in READ[route].split():
        for value in BAD:
            sent: dict[str, Any] = (
                {**FORMS.get(route, {}), name: value} if method == "POST" else {name: value}
            )
            with transaction.atomic():
                # The client raises what a view does.
                response: Any = (client.post if method == "POST" else client.get)(where, sent)
                b"".join(response.streaming_content if response.streaming else [response.content])
                transaction.set_rollback(True)
            assert response.status_code < 500, (name, value)


def test_every_field_of_the_table_of_access_is_among_them() -> None:
    assert {(route, name) for route, form in FORMS.items() for name in form} <= {
        (route, name) for route, names in READ.items() for name in names.split()
    }


@pytest.mark.parametrize("where", ["/app/alpine/shipments/", "/app/alpine/figures/", "/track"])
def test_an_address_is_utf_8_whatever_the_request_says(
    alice: User, signed_in: Callable[[User], Client], where: str
) -> None:
    """In UTF-7, this is half a pair of signs, which no answer can hold."""
    said = "text/plain; charset=utf-7"

    response = signed_in(alice).generic("GET", f"{where}?q=%2B2AA-&carrier=%2B2AA-", content_type=said)

    assert response.status_code in {200, 400}


def test_a_form_in_another_encoding_is_refused(
    merchant: Merchant, alice: User, signed_in: Callable[[User], Client]
) -> None:
    form = b'--XX\r\nContent-Disposition: form-data; name="name"\r\n\r\n+2AA-\r\n--XX--\r\n'

    response = signed_in(alice).generic(
        "POST", "/app/alpine/views/add/", form, content_type="multipart/form-data; boundary=XX; charset=utf-7"
    )

    assert response.status_code == 400


def test_a_null_sign_beside_a_pasted_number_is_refused_at_its_field_and_costs_the_others_nothing(
    merchant: Merchant, alice: User, signed_in: Callable[[User], Client]
) -> None:
    numbers = ["9405509898641500000146", "9405509898641500000153"]

    response = signed_in(alice).post(
        "/app/alpine/shipments/add/", {"line-number": numbers, "line-order": ["A\0B", "A-2"]}
    )

    assert response.status_code == 400
    (line,) = response.context["lines"]
    assert (line.field, line.problem) == ("Order", "Null signs are not text.")
    assert list(Shipment.objects.values_list("order_number", flat=True)) == ["A-2"]


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("day", [date.min, date.max])
def test_days_at_the_ends_of_the_calendar_are_refused_at_their_field(
    merchant: Merchant, alice: User, signed_in: Callable[[User], Client], name: str, day: date
) -> None:
    response = signed_in(alice).get("/app/alpine/figures/", {name: day.isoformat()})

    assert response.status_code == 400
    assert set(response.context["query"].errors) == {name}
