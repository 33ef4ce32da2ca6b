"""All parcels of an order: who is shown them, and that nobody else learns whether there are any."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from shipments.enums import EndReason, Lifecycle, Sight, Wants
from shipments.models import Merchant, Shipment, Subscription, Throttle
from shipments.web import orders
from tests import factories
from tests.factories import ACCEPTED, DELIVERED, LABEL, OLNEY, a_scan, a_shipment, a_snapshot, posted

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, 0, 20, tzinfo=UTC)
ORDER = "A-1001"
NO_ORDER = "No order fits what you typed."


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    # Away from the border of a window of tries, so that their count is exact.
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def parcels(merchant: Merchant) -> list[Shipment]:
    """An order in two parcels: one goes to a known postal code, of the other only the number is known."""
    first = a_shipment(merchant, order_number=ORDER, destination_postal_code="20832")
    factories.ingested(first, a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL)))
    return [first, a_shipment(merchant, order_number=ORDER)]


def asked(client: Client, known: str, order: str = ORDER, path: str = "/track/order", **extra: Any) -> Any:
    return client.post(path, {"order_number": order, "known": known}, **extra)


def text_of(response: Any) -> str:
    main = response.content.decode().split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def numbers_in(response: Any) -> list[str]:
    """The numbers of the parcels that are shown, in their order."""
    return re.findall(r'<a class="number" href="[^"]*">(\w+)</a>', response.content.decode())


def numbers_of(parcels: Sequence[Shipment]) -> list[str]:
    """The numbers of these parcels, the newest first."""
    return [parcel.number for parcel in reversed(parcels)]


def subscribe(shipment: Shipment, email: str, sight: Sight = Sight.POSTAL_CODE, **over: Any) -> Subscription:
    return Subscription.objects.create(
        shipment=shipment,
        merchant_id=shipment.merchant_id,
        email=email,
        wants=Wants.FROM_NOW,
        language="en",
        sight=sight,
        confirmed_at=NOW,
        news_after=NOW,
        **over,
    )


# ---- What fits -----------------------------------------------------------------------------------------------------


def test_the_form_asks_for_two_things(client: Client) -> None:
    response = client.get("/track/order")

    assert response.status_code == 200
    assert re.findall(r'<label for="[^"]*">([^<]*)', response.content.decode()) == [
        "Order number",
        "Postal code or e-mail address",
    ]
    assert Throttle.objects.exists() is False


@pytest.mark.parametrize("typed", ["20832", " 20832 ", "20832-1234"])
def test_the_postal_code_of_one_parcel_shows_all_of_the_order(
    client: Client, parcels: list[Shipment], typed: str
) -> None:
    response = asked(client, typed)

    assert response.status_code == 200
    assert numbers_in(response) == numbers_of(parcels)
    shown = text_of(response)
    assert f"Order {ORDER} 2 parcels so far." in shown
    assert (
        f"With the carrier {parcels[0].number} USPS Handed to USPS on Monday, 2 March, 5:40 pm, in Denver, CO"
        in shown
    )


@pytest.mark.parametrize("order", ["a-1001", " A-1001 ", "#A-1001", "# a-1001"])
def test_the_order_may_be_written_in_any_way(client: Client, parcels: list[Shipment], order: str) -> None:
    assert numbers_in(asked(client, "20832", order)) == numbers_of(parcels)


def test_an_order_kept_with_its_sign_is_found_without_it(client: Client, merchant: Merchant) -> None:
    parcel = a_shipment(merchant, order_number="#1001", destination_postal_code="20832")

    assert numbers_in(asked(client, "20832", "1001")) == [parcel.number]
    assert numbers_in(asked(client, "20832", "#1001")) == [parcel.number]


@pytest.mark.parametrize("order", ["A-100", "A-10011", "A_1001", "A-100%", "1001", "A"])
def test_another_order_is_not_found_by_its_likeness(
    client: Client, parcels: list[Shipment], order: str
) -> None:
    assert NO_ORDER in text_of(asked(client, "20832", order))


@pytest.mark.parametrize("typed", ["robin@example.com", "Robin@Example.com "])
def test_the_address_that_gets_the_mails_shows_all_of_the_order(
    client: Client, parcels: list[Shipment], typed: str
) -> None:
    subscribe(parcels[1], "robin@example.com")

    assert numbers_in(asked(client, typed)) == numbers_of(parcels)


def test_who_wishes_for_no_more_mails_is_still_known(client: Client, parcels: list[Shipment]) -> None:
    subscribe(parcels[1], "robin@example.com", unsubscribed_at=NOW)

    assert numbers_in(asked(client, "robin@example.com")) == numbers_of(parcels)


def test_an_address_subscribed_by_number_alone_opens_no_order(
    client: Client, parcels: list[Shipment]
) -> None:
    subscribe(parcels[1], "stranger@example.com", Sight.NUMBER)

    assert NO_ORDER in text_of(asked(client, "stranger@example.com"))


def test_what_is_shown_is_what_the_numbers_alone_show(client: Client, merchant: Merchant) -> None:
    parcel = a_shipment(
        merchant, order_number=ORDER, destination_postal_code="20832", recipient_name="Jane Recipient"
    )
    delivered = a_snapshot(
        a_scan(*DELIVERED, place=OLNEY),
        delivered=posted("2026-03-05 14:05"),
        delivery_description="Delivered, Front Door/Porch",
        signed_by="R. EXAMPLE",
    )
    factories.ingested(parcel, delivered)
    subscribe(parcel, "robin@example.com", Sight.PRIVATE_LINK)

    for known in ("20832", "robin@example.com"):
        page = asked(client, known).content.decode()
        results = page.partition('<ol class="results')[2].partition("</ol>")[0]
        assert "<p>Delivered Thursday, 5 March, 2:05 pm</p>" in results
        for private in ("20832", "Jane", "EXAMPLE", "robin", "Alpine", ORDER, "orch"):
            assert private not in results


def test_an_archived_parcel_is_neither_shown_nor_compared(client: Client, parcels: list[Shipment]) -> None:
    subscribe(parcels[0], "robin@example.com")
    Shipment.objects.filter(pk=parcels[0].pk).update(
        lifecycle=Lifecycle.ARCHIVED, end_reason=EndReason.ARCHIVED
    )

    assert NO_ORDER in text_of(asked(client, "20832"))
    assert NO_ORDER in text_of(asked(client, "robin@example.com"))
    subscribe(parcels[1], "robin@example.com")
    assert numbers_in(asked(client, "robin@example.com")) == [parcels[1].number]


# ---- Whose order ---------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Shipment:
    """Another merchant's order of the same number, to the same postal code."""
    other = factories.a_merchant(slug="bayside", name="Bayside Books")
    return a_shipment(other, order_number=ORDER, destination_postal_code="20832")


def test_a_merchants_frame_holds_that_merchants_orders_only(
    client: Client, parcels: list[Shipment], elsewhere: Shipment
) -> None:
    framed = asked(client, "20832", path="/m/alpine/track/order")
    assert numbers_in(framed) == numbers_of(parcels)
    assert f'href="/m/alpine/track/{parcels[0].number}"' in framed.content.decode()

    assert numbers_in(asked(client, "20832", path="/m/bayside/track/order")) == [elsewhere.number]


def test_so_does_a_merchants_own_host(
    client: Client, merchant: Merchant, parcels: list[Shipment], elsewhere: Shipment
) -> None:
    factories.a_host(merchant)

    response = asked(client, "20832", headers={"host": "track.alpine.example"})

    assert numbers_in(response) == numbers_of(parcels)
    assert f'href="/track/{parcels[0].number}"' in response.content.decode()


def test_the_platform_shows_every_order_that_fits_and_no_other(
    client: Client, parcels: list[Shipment], elsewhere: Shipment
) -> None:
    a_shipment(order_number=ORDER, destination_postal_code="10001")

    assert numbers_in(asked(client, "20832")) == numbers_of([*parcels, elsewhere])


# ---- Many ----------------------------------------------------------------------------------------------------------


def test_of_a_large_order_the_newest_are_shown_and_the_rest_is_said_to_be(
    client: Client, merchant: Merchant
) -> None:
    made = [
        a_shipment(merchant, order_number=ORDER, destination_postal_code="20832" if n == 0 else "")
        for n in range(36)
    ]

    response = asked(client, "20832")

    assert numbers_in(response) == numbers_of(made[1:])
    assert "It has more parcels than fit on a page; here are the 35 newest." in text_of(response)


def test_a_word_that_many_parcels_have_for_an_order_shows_only_those_that_fit(
    client: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "MOST_OF_AN_ORDER", 3)
    made = [
        a_shipment(merchant, order_number="none", destination_postal_code=code)
        for code in ("10001", "20832", "94105", "10001")
    ]

    assert numbers_in(asked(client, "10001", "none")) == [made[3].number, made[0].number]
    # And however many they are, so many are read.
    monkeypatch.setattr(orders, "MOST_COMPARED", 2)
    with CaptureQueriesContext(connection) as statements:
        assert len(numbers_in(asked(client, "10001", "none"))) <= 2
    assert any("LIMIT 2" in query["sql"] for query in statements)


def test_an_order_is_looked_up_in_the_index_of_each_merchant(client: Client) -> None:
    merchants = Merchant.objects.bulk_create(Merchant(slug=f"many-{n}", name="Many") for n in range(20))
    Shipment.objects.bulk_create(
        Shipment(
            merchant=merchant,
            carrier_id="USPS",
            number=f"9400{merchant.pk}X{n}",
            lookup_key=f"9400{merchant.pk}X{n}",
            order_number=f"B-{n}",
        )
        for merchant in merchants
        for n in range(250)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE shipments_shipment")

    for path in ("/track/order", "/m/many-7/track/order"):
        with CaptureQueriesContext(connection) as made:
            asked(client, "20832", "b-77", path)
        (looked_up,) = [query["sql"] for query in made if "destination_postal_code" in query["sql"]][:1]
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + looked_up)
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "Index Scan using shipment_order_idx on shipments_shipment " in plan
        assert "Index Cond: ((merchant_id = " in plan
        assert "Seq Scan on shipments_shipment" not in plan
        assert "((lifecycle)::text <> 'archived'::text)" in plan


# ---- What does not fit ---------------------------------------------------------------------------------------------


def statements_of(client: Client, known: str, order: str) -> tuple[str, int, list[str]]:
    """The answer, without what was typed, its status, and the statements it took, without their values."""
    with CaptureQueriesContext(connection) as made:
        response = asked(client, known, order, REMOTE_ADDR="198.51.100.7")
    shown = re.sub(
        r'(name="(?:csrfmiddlewaretoken|order_number|known)"[^>]*value=")[^"]*',
        r"\1",
        response.content.decode(),
    )
    return shown, response.status_code, [re.sub(r"'[^']*'", "?", query["sql"]) for query in made]


def test_wrong_unknown_and_useless_get_the_same_answer_for_the_same_statements(
    client: Client, merchant: Merchant, parcels: list[Shipment]
) -> None:
    a_shipment(merchant, order_number="NOTHING-KNOWN")

    wrong = statements_of(client, "20833", ORDER)
    assert wrong[1] == 200
    assert NO_ORDER in wrong[0]
    assert statements_of(client, "20832", "NO-SUCH-ORDER") == wrong
    assert statements_of(client, "20832", "NOTHING-KNOWN") == wrong
    assert statements_of(client, "-", "NOTHING-KNOWN") == wrong
    # A right one takes no more statements either; an address one more condition.
    assert len(statements_of(client, "20832", ORDER)[2]) == len(wrong[2]) == 4
    by_address = statements_of(client, "nobody@example.com", ORDER)
    assert by_address[0] == wrong[0]
    assert statements_of(client, "nobody@example.com", "NO-SUCH-ORDER") == by_address
    assert OrmQ.objects.exists() is False


@pytest.mark.parametrize(
    ("order", "known", "message"),
    [
        ("", "20832", "Order number: type the one the shop gave you."),
        (" # ", "20832", "Order number: type the one the shop gave you."),
        (ORDER, " ", "Postal code or e-mail address: type one of the two."),
        ("A\0", "20832", "Order number: it has a sign that no order has."),
        (ORDER, "208\0", "Postal code or e-mail address: it has a sign that neither has."),
        ("9" * 10_000, "20832", "Order number: 100 signs at most."),
        (ORDER, "9" * 10_000, "Postal code or e-mail address: 254 signs at most."),
        (ORDER, "9" * 13, "Postal code: 12 signs at most."),
        (ORDER, "robin@nowhere", "E-mail address: this is none. It looks like name@example.com."),
        ("<script>alert(1)</script>", "<b>@</b>", "E-mail address: this is none."),
    ],
)
def test_what_cannot_be_compared_is_refused_at_its_field_and_costs_no_try(
    client: Client, parcels: list[Shipment], order: str, known: str, message: str
) -> None:
    response = asked(client, known, order)

    assert response.status_code == 400
    assert message in text_of(response)
    assert 'aria-invalid="true"' in response.content.decode()
    assert "<script>alert" not in response.content.decode()
    assert Throttle.objects.exists() is False


def test_markup_is_looked_up_as_text(client: Client, merchant: Merchant) -> None:
    order = '"><script>alert(1)</script>'
    a_shipment(merchant, order_number=order, destination_postal_code="20832")

    for known in ("20832", "<b>"):
        page = asked(client, known, order).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_nothing_typed_stands_in_an_address(client: Client, parcels: list[Shipment]) -> None:
    response = client.get("/track/order", {"order_number": ORDER, "known": "20832"})

    assert numbers_in(response) == []
    assert "20832" not in text_of(response)
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Robots-Tag"] == "noindex"
    assert response["Cache-Control"] == "private, no-store"


def test_a_form_needs_its_token(parcels: list[Shipment]) -> None:
    assert asked(Client(enforce_csrf_checks=True), "20832").status_code == 403


# ---- Tries ---------------------------------------------------------------------------------------------------------


def test_after_five_tries_a_day_even_what_is_right_is_refused(
    client: Client, parcels: list[Shipment], elsewhere: Shipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = ["/track/order", "/m/alpine/track/order", "/m/bayside/track/order"]
    for n in range(5):
        assert asked(client, f"1000{n}", path=ways[n % 3], REMOTE_ADDR=f"198.51.100.{n}").status_code == 200

    right = asked(client, "20832", "#a-1001", REMOTE_ADDR="203.0.113.9")
    wrong = asked(client, "20833", REMOTE_ADDR="203.0.113.10")
    assert right.status_code == wrong.status_code == 429
    assert text_of(right) == text_of(wrong)
    assert 0 < int(right["Retry-After"]) <= 24 * 3600
    assert "Nothing is lost: try again in 12 h." in text_of(right)
    assert asked(client, "20832", "ANOTHER").status_code == 200

    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(days=1))
    assert numbers_in(asked(client, "20832", path=ways[1])) == numbers_of(parcels)


def test_one_visitor_has_thirty_tries_an_hour_for_all_orders(client: Client) -> None:
    for n in range(30):
        assert asked(client, "20832", f"ORDER-{n}").status_code == 200

    assert asked(client, "20832", "ORDER-30").status_code == 429
    assert asked(client, "20832", "ORDER-30", REMOTE_ADDR="203.0.113.9").status_code == 200


def test_of_tries_only_hashes_are_kept(client: Client, parcels: list[Shipment]) -> None:
    asked(client, "robin@example.com")

    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in Throttle.objects.values_list("key", flat=True))
    assert Throttle.objects.count() == 2
