"""Carriers in the back-office: all that is said of one, checked at the field; and a new one without a line of code."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from shipments.enums import Counted
from shipments.facts.number_formats import BUILT_IN
from shipments.models import (
    AuditEntry,
    Carrier,
    CarrierRoute,
    MaintenanceWindow,
    Merchant,
    NumberPattern,
    ServicePromise,
    Shipment,
    User,
)
from shipments.models.carriers import check_page_address
from shipments.refresh.runner import work_off
from shipments.simulator.journeys import make_number
from tests.factories import Simulator, a_person, a_shipment, an_account

pytestmark = pytest.mark.django_db

LIST = reverse("admin:shipments_carrier_changelist")
ADD = reverse("admin:shipments_carrier_add")
TRY = reverse("admin:shipments_carrier_try")
INLINES = ("routes", "patterns", "promises", "windows")
ROUTE = {"gateway": "pitney_bowes", "wire_value": "OnTrac", "position": 10}
PATTERN = {
    "name": "OnTrac C", "pattern": r"C\d{14}", "sure": "likely", "position": 300, "is_active": "on", "note": "",
}  # fmt: skip
PROMISE = {"service": "", "days": 3, "counted": "business", "note": ""}
WINDOW = {
    "gateway": "pitney_bowes", "zone": "America/Phoenix", "starts": "01:00", "ends": "02:30", "reason": "Backups",
}  # fmt: skip


def page_of(code: str) -> str:
    return reverse("admin:shipments_carrier_change", args=[code])


def form(**over: Any) -> dict[str, Any]:
    """What a browser sends for a new carrier; `routes` and the like are the rows of the tables below, with their keys where
    they are there already."""
    rows = {name: over.pop(name, []) for name in INLINES}
    sent: dict[str, Any] = {
        "code": "ONTRAC",
        "name": "OnTrac",
        "is_active": "on",
        "tracking_url": "https://www.ontrac.example/tracking/?number={number}",
        "position": 90,
        **over,
    }
    for prefix, told in rows.items():
        sent[f"{prefix}-TOTAL_FORMS"] = len(told)
        sent[f"{prefix}-INITIAL_FORMS"] = sum("id" in row for row in told)
        for place, row in enumerate(told):
            sent |= {f"{prefix}-{place}-{name}": value for name, value in row.items()}
            sent[f"{prefix}-{place}-carrier"] = sent["code"] if "id" in row else ""
    return sent


def errors_of(response: Any) -> dict[str, list[str]]:
    """Everything the page says is wrong, by field; of the tables below as `routes-0-wire_value`."""
    context = response.context
    wrong = {name: list(told) for name, told in context["adminform"].form.errors.items()}
    for inline in context["inline_admin_formsets"]:
        for one in inline.formset.forms:
            wrong |= {f"{one.prefix}-{name}": list(told) for name, told in one.errors.items()}
        if inline.formset.non_form_errors():
            wrong[inline.formset.prefix] = list(inline.formset.non_form_errors())
    return wrong


@pytest.fixture
def looker(signed_in: Callable[[User], Client]) -> Client:
    """May look at carriers and no more."""
    user = a_person("auditor@example.com", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(
            codename__in=[
                "view_carrier", "view_carrierroute", "view_numberpattern", "view_servicepromise", "view_maintenancewindow",
            ]
        )
    )  # fmt: skip
    return signed_in(user)


# ---- A new carrier needs no code -----------------------------------------------------------------------------------


def test_a_new_carrier_behind_an_existing_gateway_needs_no_code(
    operator: Client,
    alice: User,
    merchant: Merchant,
    signed_in: Callable[[User], Client],
    calm: Simulator,
) -> None:
    assert operator.post(ADD, form(routes=[ROUTE], patterns=[PATTERN])).status_code == 302
    an_account(merchant, "pitney_bowes", base_url=calm.url)
    number = make_number("OnTrac", "ON_TIME", timezone.now() - timedelta(days=14))
    owner, buyer = signed_in(alice), Client()

    # Recognised, without a carrier being chosen.
    recognised = owner.post("/app/alpine/shipments/add/", {"numbers": number})
    assert [line.carrier for line in recognised.context["lines"]] == ["ONTRAC"]
    added = owner.post(
        "/app/alpine/shipments/add/",
        {"line-number": number, "line-order": "", "line-recipient": "", "carrier-1": "ONTRAC"},
        follow=True,
    )
    assert b"OnTrac" in added.content
    assert work_off() == 1

    parcel = Shipment.objects.get()
    assert (parcel.carrier_id, parcel.number, parcel.status, parcel.answered_by) == (
        "ONTRAC",
        number,
        "Delivered",
        "pitney_bowes",
    )
    assert parcel.scans.count() > 4
    shown = owner.get(f"/app/alpine/shipments/{parcel.public_id}/").content.decode()
    assert "Delivered" in shown
    assert "OnTrac Ground" in shown
    public = buyer.get(f"/m/alpine/track/{number}").content.decode()
    assert "OnTrac" in public
    assert "Delivered" in public
    assert f"https://www.ontrac.example/tracking/?number={number}" in public


# ---- What is said of a carrier -------------------------------------------------------------------------------------


def test_everything_of_a_new_carrier_is_stored_and_written_down(operator: Client) -> None:
    sent = form(scans_in_part="on", routes=[ROUTE], patterns=[PATTERN], promises=[PROMISE], windows=[WINDOW])

    response = operator.post(ADD, sent)

    assert response.status_code == 302
    carrier = Carrier.objects.get(code="ONTRAC")
    assert (carrier.name, carrier.scans_once, carrier.scans_in_part) == ("OnTrac", False, True)
    assert list(carrier.routes.values_list("gateway", "wire_value", "position")) == [
        ("pitney_bowes", "OnTrac", 10)
    ]
    pattern = carrier.patterns.get()
    assert (pattern.name, pattern.pattern, pattern.is_built_in) == ("OnTrac C", r"C\d{14}", False)
    promise = carrier.promises.get()
    assert (promise.service, promise.days, promise.counted) == ("", 3, Counted.BUSINESS)
    window = carrier.windows.get()
    assert (window.zone, window.starts, window.ends) == ("America/Phoenix", time(1), time(2, 30))
    assert sorted(AuditEntry.objects.values_list("verb", "model")) == [
        ("added", "shipments.Carrier"),
        ("added", "shipments.CarrierRoute"),
        ("added", "shipments.MaintenanceWindow"),
        ("added", "shipments.NumberPattern"),
        ("added", "shipments.ServicePromise"),
    ]


def test_a_carrier_without_a_gateway_is_said_not_to_be_asked(operator: Client) -> None:
    response = operator.post(ADD, form(), follow=True)

    assert "OnTrac has no gateway, so it cannot be asked." in response.content.decode()
    assert "nobody: it cannot be asked" in operator.get(LIST).content.decode()
    assert "Its parcels say so until you add one below." in operator.get(page_of("ONTRAC")).content.decode()


@pytest.mark.parametrize(
    ("sent", "field", "told"),
    [
        ({"code": "usps"}, "code", "There is a carrier with this code already, perhaps in other capitals."),
        ({"code": "on trac"}, "code", "A code is made of letters, digits, dashes and underscores."),
        ({"code": "X" * 21}, "code", "Ensure this value has at most 20 characters (it has 21)."),
        ({"code": ""}, "code", "This field is required."),
        ({"name": "fedex"}, "name", "Another carrier has this name already."),
        ({"tracking_url": "http://a.example/{number}"}, "tracking_url", "An address is like https://www.example.com/track/{number}."),
        ({"position": -1}, "position", "Ensure this value is greater than or equal to 0."),
        ({"position": "x"}, "position", "Enter a whole number."),
        (
            {"routes": [{**ROUTE, "wire_value": "FedEx"}]}, "routes-0-wire_value",
            "Another carrier is asked about under this value already.",
        ),
        ({"routes": [{**ROUTE, "wire_value": ""}]}, "routes-0-wire_value", "Say what the gateway calls this carrier."),
        ({"routes": [{**ROUTE, "wire_value": "On Trac"}]}, "routes-0-wire_value", "A wire value is one word without blanks."),
        ({"routes": [{**ROUTE, "gateway": "usps"}]}, "routes-0-wire_value", "This gateway is asked about numbers alone: leave it empty."),
        (
            {"routes": [{**ROUTE, "gateway": "dhl"}]}, "routes-0-gateway",
            "Select a valid choice. dhl is not one of the available choices.",
        ),
        ({"routes": [ROUTE, {**ROUTE, "wire_value": "Other"}]}, "routes", "Please correct the duplicate data for gateway."),
        ({"patterns": [{**PATTERN, "pattern": r"(\d+)+X"}]}, "patterns-0-pattern", "Sign 4: “+” cannot stand here."),
        ({"patterns": [{**PATTERN, "pattern": ""}]}, "patterns-0-pattern", r"Write a pattern, such as C\d{14}."),
        ({"patterns": [{**PATTERN, "sure": ""}]}, "patterns-0-sure", "Say how sure a number of this shape is the carrier's."),
        ({"patterns": [PATTERN, PATTERN]}, "patterns", "Please correct the duplicate data for name."),
        ({"promises": [{**PROMISE, "days": 0}]}, "promises-0-days", "Ensure this value is greater than or equal to 1."),
        ({"promises": [{**PROMISE, "days": 61}]}, "promises-0-days", "Ensure this value is less than or equal to 60."),
        (
            {"promises": [{**PROMISE, "service": "Ground"}, {**PROMISE, "service": "GROUND"}]}, "promises-1-service",
            "There is a row for this service already.",
        ),
        ({"promises": [PROMISE, PROMISE]}, "promises-1-service", "There is a row for this service already."),
        ({"windows": [{**WINDOW, "zone": "Arizona"}]}, "windows-0-zone", "A time zone is an IANA name such as America/New_York."),
        ({"windows": [{**WINDOW, "ends": "01:00"}]}, "windows-0-ends", "A window ends at another time than it starts."),
        ({"windows": [{**WINDOW, "starts": "25:00"}]}, "windows-0-starts", "Enter a valid time."),
    ],
)  # fmt: skip
def test_a_bad_value_is_told_at_its_field_and_nothing_is_stored(
    operator: Client, sent: dict[str, Any], field: str, told: str
) -> None:
    before = Carrier.objects.count()

    response = operator.post(ADD, form(**sent))

    assert response.status_code == 200
    wrong = errors_of(response)
    # Where one row repeats another, the row is marked as well as the table.
    assert [name for name in wrong if not name.endswith("__all__")] == [field]
    assert wrong[field][0].startswith(told)
    assert (Carrier.objects.count(), CarrierRoute.objects.count()) == (before, before + 1)


@pytest.mark.parametrize(
    "address",
    [
        "https://www.ups.com/track?tracknum={number}",
        "https://pitneybowes.shipment.co/track/{number}",
        "https://a.example:8443/{number}/en",
    ],
)
def test_an_address_of_a_carriers_page_is_taken(address: str) -> None:
    check_page_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://www.ups.com/track", "https://www.ups.com/{number}/{number}", "https://{number}.example.com/", "https://{number}/",
        "http://www.ups.com/{number}", "HTTPS://www.ups.com/{number}", "javascript:alert({number})", "https:///{number}",
        "https://user@www.ups.com/{number}", "https://localhost/{number}", "https://[::1/{number}", "https://10.0.0.1/{number}",
        "https://www.ups.com:port/{number}", "https://www.ups.com/{number} x", 'https://www.ups.com/"{number}',
        "https://www.ups.com/{number}{carrier}", "https://www.ups.com/<{number}>", "//www.ups.com/{number}", "{number}",
        "https://www.ups.com\\@evil.example/{number}", "https://www.ups.com?{number", "https://evil.example\n/{number}",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        check_page_address(address)


# ---- Formats whose rule is in code ---------------------------------------------------------------------------------


def built_in(row: NumberPattern, **over: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "pattern": "",
        "sure": "",
        "position": row.position,
        "is_active": "on",
        "note": "",
        **over,
    }


def test_the_formats_in_code_stand_in_the_table_in_their_order() -> None:
    rows = NumberPattern.objects.order_by("position").values_list("carrier", "name")
    assert list(rows) == [(str(carrier), name) for carrier, name in BUILT_IN]


def test_a_format_in_code_is_switched_off_and_ordered_and_keeps_its_rule(operator: Client) -> None:
    rows = list(NumberPattern.objects.filter(carrier="UPS").order_by("position"))
    sent = form(
        code="UPS", name="UPS", tracking_url="",
        routes=[{"id": CarrierRoute.objects.get(carrier="UPS").pk, "gateway": "pitney_bowes", "wire_value": "UPS", "position": 20}],
        patterns=[
            built_in(rows[0], is_active="", position=7, pattern=r"\d{12}", name="Mine", DELETE="on"),
            built_in(rows[1], DELETE="on"),
        ],
    )  # fmt: skip

    response = operator.post(page_of("UPS"), sent)

    assert response.status_code == 302
    first, second = NumberPattern.objects.filter(carrier="UPS").order_by("position")
    assert (first.pk, first.name, first.pattern, first.is_active, first.position) == (
        rows[0].pk,
        "UPS 1Z",
        "",
        False,
        7,
    )
    assert second.pk == rows[1].pk
    entry = AuditEntry.objects.get(model="shipments.NumberPattern")
    assert (entry.verb, entry.before, entry.after) == (
        "changed",
        {"is_active": True, "position": rows[0].position},
        {"is_active": False, "position": 7},
    )


# ---- A number on trial ---------------------------------------------------------------------------------------------


def test_a_number_is_tried_against_what_is_saved_and_a_pattern_that_is_not(operator: Client) -> None:
    shown = operator.get(TRY, {"number": "1Z0927XA0340576884", "pattern": r"1Z[0-9A-Z]{16}"}).content.decode()
    assert ">UPS</a>" in shown
    assert "<td>likely</td><td>does not fit</td>" in shown
    assert "saved, it would recognise it" in shown

    missed = operator.get(TRY, {"number": "C12345678901234", "pattern": r"C\d{13}"}).content.decode()
    assert "no format fits it" in missed
    assert "does not fit" in missed


def test_a_bad_number_or_pattern_on_trial_is_told_at_its_field(operator: Client) -> None:
    response = operator.get(TRY, {"number": "<b>", "pattern": r"C\d+"})

    assert response.status_code == 400
    assert response.context["form"].errors == {
        "number": ["A tracking number has 4 to 34 letters and digits, and nothing else."],
        "pattern": [response.context["form"].errors["pattern"][0]],
    }
    assert "“+” cannot stand here" in response.content.decode()
    assert "&lt;b&gt;" in response.content.decode()


# ---- Who may, and what it costs ------------------------------------------------------------------------------------


def test_who_may_only_look_sees_all_of_it_and_changes_nothing(looker: Client) -> None:
    assert looker.get(LIST).status_code == 200
    assert "UPS Waybill" in looker.get(page_of("UPS")).content.decode()
    assert looker.get(TRY, {"number": "1Z0927XA0340576884"}).status_code == 200

    assert looker.post(page_of("UPS"), form(code="UPS", name="Mine")).status_code == 403
    assert looker.post(ADD, form()).status_code == 403
    assert Carrier.objects.filter(name__in=["Mine", "OnTrac"]).count() == 0


def test_staff_without_a_permission_and_strangers_may_not_try_numbers(
    signed_in: Callable[[User], Client],
) -> None:
    staff = signed_in(a_person("staff@example.com", is_staff=True))
    assert staff.get(TRY).status_code == 403
    assert Client().get(TRY).status_code == 302


@pytest.mark.parametrize("address", [LIST, ADD, page_of("FedEx"), f"{TRY}?number=771234567890"])
def test_pages_take_few_statements_whatever_there_is(
    operator: Client, address: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(30):
        carrier = Carrier.objects.create(code=f"C{n}", name=f"Carrier {n}")
        CarrierRoute.objects.create(carrier=carrier, gateway="pitney_bowes", wire_value=f"C{n}")
        for k in range(3):
            NumberPattern.objects.create(carrier=carrier, name=f"F{k}", pattern=rf"{k}\d{{11}}")
            ServicePromise.objects.create(carrier_id="FedEx", service=f"S{n}-{k}", days=2)
    a_shipment(carrier="FedEx", number="771234567890")

    with django_assert_max_num_queries(15):
        assert operator.get(address).status_code == 200


def test_a_carrier_with_parcels_is_switched_off_and_not_deleted(operator: Client) -> None:
    a_shipment(carrier="UPS", number="1Z0927XA0340576884")

    assert operator.post(reverse("admin:shipments_carrier_delete", args=["UPS"])).status_code == 403
    assert Carrier.objects.filter(code="UPS").exists()


def test_closed_hours_are_kept_of_windows_typed_here(operator: Client) -> None:
    operator.post(ADD, form(routes=[ROUTE], windows=[WINDOW]))
    window = MaintenanceWindow.objects.get(carrier="ONTRAC")
    from shipments.refresh.windows import reopens_at

    at = datetime(2026, 7, 1, 8, 15, tzinfo=UTC)
    assert reopens_at(starts=window.starts, ends=window.ends, zone=window.zone, now=at) == datetime(
        2026, 7, 1, 9, 30, tzinfo=UTC
    )
