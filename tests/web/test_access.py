"""Who may open what on the dashboard: one table, and nothing that is not in it."""

import re
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone

from shipments.models import (
    Answer,
    AttentionItem,
    AuditEntry,
    BulkAction,
    CarrierAccount,
    Import,
    MerchantExport,
    Note,
    ProofPicture,
    SavedView,
    Shipment,
    User,
)
from shipments.tracking.statements import state
from tests.factories import (
    a_bulk_action,
    a_draft,
    a_kept_picture,
    a_merchant,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_invitation,
    ingested,
)
from tests.stored import everything
from tests.web.access_table import (
    FIRST,
    FORMS,
    NO_DEEDS,
    NOT_SO,
    OF_ONESELF,
    SIGN_IN,
    TABLE,
    TAKEN_ALONG,
)

pytestmark = pytest.mark.django_db

PEOPLE = ("stranger", "charlie", "bob", "mary", "alice")
ROWS = [
    pytest.param(route, method, who, status, id=f"{method} {route} by {who}")
    for (route, method), statuses in TABLE.items()
    for who, status in zip(PEOPLE, statuses, strict=True)
]


@pytest.fixture
def parcel(alice: User) -> Shipment:
    shipment = a_shipment(alice.memberships.get().merchant)
    ingested(shipment, a_snapshot(a_scan()))
    a_kept_picture(shipment)
    a_bulk_action(shipment.merchant)
    a_draft("Tracking number\n9405509898641500000146\n", shipment.merchant)
    return shipment


def address(route: str, parcel: Shipment) -> str:
    """The address of a route of Alpine's, filled with what there is of it."""
    values: dict[str, Callable[[], Any]] = {
        "merchant": lambda: "alpine",
        "public_id": lambda: parcel.public_id,
        "pk": lambda: _account(parcel).pk,
        "key": lambda: _account(parcel).credentials.get().pk,
        "invitation": lambda: an_invitation(parcel.merchant).public_id,
        "action_id": lambda: BulkAction.objects.get(merchant=parcel.merchant).public_id,
        "import_id": lambda: Import.objects.get(merchant=parcel.merchant).public_id,
        "export_id": lambda: MerchantExport.objects.create(merchant=parcel.merchant).public_id,
        "view": lambda: (
            SavedView.objects.get_or_create(
                merchant=parcel.merchant,
                owner=User.objects.get(email="alice@example.com"),
                name="Shared",
                is_shared=True,
            )[0].public_id
        ),
        "sha256": lambda: (
            ProofPicture.objects.get(shipment=parcel).sha256
            if route == "shipment-picture"
            else Answer.objects.filter(shipment=parcel).latest("pk").sha256
        ),
        "number": lambda: state(parcel, by=None, is_for_buyer=False, now=timezone.now())[0].number,
    }
    return reverse(route, kwargs={name: values[name]() for name in parameters_of(route)})


def _account(parcel: Shipment) -> CarrierAccount:
    found = CarrierAccount.objects.filter(merchant=parcel.merchant).first()
    return found or an_account(parcel.merchant)


def routes() -> dict[str, set[str]]:
    """Every named route under app/, whatever module lists it, and the names its address takes."""
    found: dict[str, set[str]] = {}

    def walk(patterns: Iterable[Any], before: str) -> None:
        for pattern in patterns:
            path = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, path)
            elif path.startswith("app/"):
                found[pattern.name] = set(re.findall(r"<(?:\w+:)?(\w+)>", path))

    walk(get_resolver().url_patterns, "")
    return found


def parameters_of(route: str) -> set[str]:
    return routes()[route]


# What a page may write for its reader alone: when they looked, and that they did.
OF_THE_READER = {"Membership", "SavedView", "SeenParcel", "Throttle"}


@pytest.mark.parametrize(("route", "method", "who", "status"), ROWS)
def test_the_table_of_access_holds(
    route: str,
    method: str,
    who: str,
    status: int,
    parcel: Shipment,
    request: pytest.FixtureRequest,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    client = Client()
    if who != "stranger":
        client.force_login(request.getfixturevalue(who))
    where = address(route, parcel)
    before = everything(but=OF_THE_READER)

    with django_capture_on_commit_callbacks() as nudges:
        response = (
            client.generic(method, where) if method == "GET" else client.post(where, FORMS.get(route, {}))
        )

    if response.streaming:
        # To its end, as a browser would: until then a file holds its slot.
        assert b"".join(cast(Iterable[bytes], cast(StreamingHttpResponse, response).streaming_content))
    assert response.status_code == status
    if who == "stranger" and status == SIGN_IN:
        assert response.headers["Location"].startswith("/accounts/login/?next=")
    may_not_write = (
        {"stranger", "charlie"} if (route, method) in OF_ONESELF else {"stranger", "charlie", "bob"}
    )
    if (route, method) in TAKEN_ALONG and status == 200:
        assert AuditEntry.objects.get().verb == "exported"
    elif method == "GET" or who in may_not_write:
        assert everything(but=OF_THE_READER) == before
        assert nudges == []


DEEDS = sorted(
    route
    for (route, method), statuses in TABLE.items()
    if method == "POST" and statuses[-1] != NOT_SO and route not in NO_DEEDS
)


@pytest.mark.parametrize("route", DEEDS)
def test_every_deed_of_a_member_is_written_down_with_who_and_from_where(
    route: str, parcel: Shipment, alice: User
) -> None:
    client = Client()
    client.force_login(alice)
    # For what asks for the password anew.
    client.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    if route in FIRST:
        client.post(address(FIRST[route], parcel), FORMS.get(FIRST[route], {}))
    known = set(AuditEntry.objects.values_list("pk", flat=True))

    response = client.post(address(route, parcel), sent_to(route, parcel))

    assert response.status_code in {200, 302}
    if response.streaming:
        b"".join(cast(Iterable[bytes], cast(StreamingHttpResponse, response).streaming_content))
    written = list(AuditEntry.objects.exclude(pk__in=known))
    assert written != []
    for entry in written:
        assert (entry.person, entry.address, entry.source) == (alice.pk, "127.0.0.1", "page")
        assert entry.merchant == parcel.merchant_id


def sent_to(route: str, parcel: Shipment) -> dict[str, Any]:
    """A form that does something."""
    if route in {"attention-act", "attention-several"}:
        AttentionItem.objects.create(
            shipment=parcel,
            merchant=parcel.merchant,
            reasons=["exception"],
            reason="exception",
            rank=1,
            since=timezone.now(),
            found_at=timezone.now(),
        )
        return {"do": "note", "text": "Called them.", "item": [parcel.public_id]}
    if route == "note-delete":
        return {"note": Note.objects.get().pk}
    if route == "tag-remove":
        return FORMS["tag-add"]
    if route == "import-new":
        return {"file": SimpleUploadedFile("parcels.csv", b"Tracking number\n9405509898641500000146\n")}
    if route == "import-start":
        Import.objects.update(columns=["number"])
    if route.startswith("people-"):
        merchant = parcel.merchant
        bob = a_person("bob@example.com", merchant, "viewer").memberships.get()
        a_person("second@example.com", merchant, "owner")
        return {"member": bob.pk, "role": "manager", "sure": "yes"}
    return FORMS.get(route, {})


def test_what_is_no_deed_is_a_route_of_the_table() -> None:
    assert set(NO_DEEDS) <= {route for route, method in TABLE if method == "POST"}


def test_no_route_of_the_dashboard_is_missing_from_the_table() -> None:
    assert set(routes()) == {route for route, _method in TABLE}


def test_a_merchant_of_others_and_none_at_all_are_told_apart_by_nobody(
    charlie: User, merchant: object, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(charlie)

    of_others, of_nobody = client.get("/app/alpine/shipments/"), client.get("/app/nobody/shipments/")

    assert of_others.status_code == of_nobody.status_code == 404
    # But for the address they were asked under, and the token of the form in the footer.
    others, nobody = (
        re.sub(r'(csrfmiddlewaretoken" value=")\w+', r"\1", page.content.decode())
        for page in (of_others, of_nobody)
    )
    assert others.replace("alpine", "nobody") == nobody
    # And but for what tells two requests apart, whatever they ask for.
    del of_others.headers["X-Request-ID"], of_nobody.headers["X-Request-ID"]
    assert of_others.headers.items() == of_nobody.headers.items()


def test_a_parcel_of_another_merchant_is_not_found_under_ones_own(
    alice: User, charlie: User, signed_in: Callable[[User], Client]
) -> None:
    theirs = a_shipment(charlie.memberships.get().merchant)

    response = signed_in(alice).get(reverse("shipment-detail", args=["alpine", theirs.public_id]))

    assert response.status_code == 404


def test_after_signing_in_a_stranger_is_back_where_they_wanted_to_go(alice: User, parcel: Shipment) -> None:
    client = Client()
    wanted = address("shipment-detail", parcel)
    door = client.get(wanted).headers["Location"]

    response = client.post(
        door, {"login": "alice@example.com", "password": "correct horse battery", "next": wanted}
    )

    assert response.headers["Location"] == wanted


def test_a_fragment_whose_session_has_ended_sends_the_whole_page_to_sign_in(parcel: Shipment) -> None:
    wanted = address("shipment-list", parcel)

    response = Client().get(
        wanted, headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{wanted}?tab=done"}
    )

    assert response.status_code == 200
    assert response.headers["HX-Redirect"] == f"/accounts/login/?next={wanted}%3Ftab%3Ddone"
    assert response.content == b""


def test_a_form_from_another_site_changes_nothing(mary: User, parcel: Shipment) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(mary)
    before = everything(but=OF_THE_READER)

    response = client.post(address("private-link-make", parcel))

    assert response.status_code == 403
    assert everything(but=OF_THE_READER) == before


def test_pages_stay_out_of_every_shared_cache(
    bob: User, parcel: Shipment, signed_in: Callable[[User], Client]
) -> None:
    response = signed_in(bob).get(address("shipment-detail", parcel))

    assert {"private", "no-store"} <= set(response.headers["Cache-Control"].replace(" ", "").split(","))


def test_the_dashboard_opens_the_merchant_looked_at_last(
    alice: User, signed_in: Callable[[User], Client]
) -> None:
    bakery = a_merchant(slug="bakery", name="Zimt Bakery")
    alice.memberships.create(merchant=bakery, role="viewer")
    client = signed_in(alice)
    assert client.get("/app/").headers["Location"] == "/app/alpine/attention/"

    client.get("/app/bakery/shipments/")

    assert client.get("/app/").headers["Location"] == "/app/bakery/attention/"


def test_a_merchant_one_has_left_is_forgotten(alice: User, signed_in: Callable[[User], Client]) -> None:
    bakery = a_merchant(slug="bakery", name="Zimt Bakery")
    membership = alice.memberships.create(merchant=bakery, role="viewer")
    client = signed_in(alice)
    client.get("/app/bakery/shipments/")
    membership.delete()

    assert client.get("/app/").headers["Location"] == "/app/alpine/attention/"


def test_who_belongs_to_no_merchant_is_told_whom_to_ask(signed_in: Callable[[User], Client]) -> None:
    response = signed_in(a_person("nora@example.com")).get("/app/")

    assert response.status_code == 200
    assert (
        "Ask an owner or whoever runs this site to add nora@example.com to a merchant."
        in response.content.decode()
    )


def test_an_operator_without_a_role_sees_no_parcels(
    parcel: Shipment, signed_in: Callable[[User], Client]
) -> None:
    operator = a_person("olga@example.com", is_staff=True, is_superuser=True)

    assert signed_in(operator).get(address("shipment-detail", parcel)).status_code == 404
