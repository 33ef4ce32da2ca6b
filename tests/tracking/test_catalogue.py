"""Carriers as rows: who is asked about them, under which name, and what their numbers look like."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from shipments.carriers.base import Question
from shipments.enums import Gateway, Status
from shipments.models import Carrier, CarrierAccount, CarrierRoute, Merchant, NumberPattern, Watch
from shipments.refresh import routing
from shipments.refresh.runner import ask_now, refresh_leased, work_off
from shipments.simulator.journeys import make_number
from shipments.tracking.adding import BadParcel, read_parcel
from shipments.tracking.catalogue import Catalogue, Routes
from shipments.tracking.gateway import choose_account
from tests.factories import Simulator, a_shipment, an_account

pytestmark = pytest.mark.django_db


def ontrac(*, with_route: bool = True, **over: Any) -> Carrier:
    carrier = Carrier.objects.create(code="ONTRAC", name="OnTrac", **over)
    if with_route:
        CarrierRoute.objects.create(carrier=carrier, gateway="pitney_bowes", wire_value="OnTrac", position=20)
    NumberPattern.objects.create(carrier=carrier, name="OnTrac C", pattern=r"C\d{14}", sure="likely")
    return carrier


NUMBER = "C50880112345670"


def chosen(shipment: Any) -> CarrierAccount | None:
    return choose_account(shipment, CarrierAccount.objects.order_by("pk"), Routes.read())


# ---- Seeded


def test_the_routes_seeded_are_those_there_have_always_been() -> None:
    routes = Routes.read()
    assert routes.gateways("USPS") == (Gateway.USPS, Gateway.PITNEY_BOWES)
    for code in ("IMB", "FDR", "NEWGISTICS", "PBCS", "PBI", "FedEx", "UPS"):
        assert routes.gateways(code) == (Gateway.PITNEY_BOWES,)
        assert routes.wire_value(code, "pitney_bowes") == code
    assert (routes.wire_value("USPS", "usps"), routes.wire_value("USPS", "pitney_bowes")) == ("", "USPS")
    assert routes.gateways("DHL") == ()


def test_all_of_it_is_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ontrac()
    with django_assert_num_queries(1):
        catalogue = Catalogue.read()
    assert list(catalogue.offered)[-1] == "ONTRAC"
    assert read_parcel(NUMBER, catalogue=catalogue).carrier == "ONTRAC"


# ---- Which account asks


def test_the_order_of_the_routes_decides_between_two_gateways(merchant: Merchant) -> None:
    pitney, usps = an_account(merchant, "pitney_bowes"), an_account(merchant, "usps")
    parcel = a_shipment(merchant)
    assert chosen(parcel) == usps

    CarrierRoute.objects.filter(carrier="USPS", gateway="usps").update(position=30)
    assert chosen(parcel) == pitney


def test_own_accounts_go_before_the_better_gateway(merchant: Merchant) -> None:
    an_account(None, "usps")
    own = an_account(merchant, "pitney_bowes")
    assert chosen(a_shipment(merchant)) == own


def test_a_route_that_is_taken_away_is_no_way_any_more_pinned_or_not(merchant: Merchant) -> None:
    an_account(merchant, "usps")
    CarrierRoute.objects.filter(carrier="USPS", gateway="usps").delete()
    assert chosen(a_shipment(merchant)) is None
    assert chosen(a_shipment(merchant, gateway="usps")) is None


def test_a_leased_parcel_whose_route_has_gone_is_not_asked_about_there(merchant: Merchant) -> None:
    account = an_account(merchant, "usps")
    parcel = a_shipment(merchant)
    lease, leased = Watch.objects.lease([parcel.pk], timezone.now(), length=timedelta(minutes=5))
    assert list(leased) == [parcel.pk]
    CarrierRoute.objects.filter(carrier="USPS", gateway="usps").delete()

    assert refresh_leased(account.pk, lease, [parcel.pk]) == []

    watch = Watch.objects.get()
    assert (watch.account_id, watch.lease, watch.checked_at) == (None, None, None)


# ---- Nobody can be asked


@pytest.mark.parametrize(
    ("with_route", "gateway", "told"),
    [
        (False, "", "Carrier ONTRAC cannot be asked: no gateway is set up for it. An operator adds one in the back-office."),
        (True, "", "No active account can ask about carrier ONTRAC. Add one for this merchant."),
        (True, "usps", "Carrier ONTRAC is not asked about through usps. Unset the parcel's gateway."),
        (True, "pitney_bowes", "No active pitney_bowes account can ask about this parcel. Add one, or unset the parcel's gateway."),
    ],
)  # fmt: skip
def test_a_parcel_nobody_can_ask_about_says_why(
    merchant: Merchant, with_route: bool, gateway: str, told: str
) -> None:
    ontrac(with_route=with_route)
    an_account(merchant, "usps")
    a_shipment(merchant, carrier="ONTRAC", number=NUMBER, gateway=gateway)

    routing.route(timezone.now())

    watch = Watch.objects.get()
    assert (watch.account, watch.error_kind, watch.error_text) == (None, "no-account", told)


def test_a_carrier_without_a_gateway_takes_parcels_and_pins_none() -> None:
    ontrac(with_route=False)
    parcel = read_parcel(NUMBER)
    assert (parcel.carrier, parcel.warning) == (
        "ONTRAC",
        "OnTrac cannot be asked yet: no gateway is set up for it.",
    )
    with pytest.raises(BadParcel, match="Carrier ONTRAC cannot be asked through any gateway yet"):
        read_parcel(NUMBER, gateway="pitney_bowes")


def test_a_carrier_switched_off_is_recognised_by_nobody_and_followed_on(
    merchant: Merchant, calm: Simulator
) -> None:
    carrier = ontrac()
    number = make_number("OnTrac", "ON_TIME", timezone.now() - timedelta(days=14))
    an_account(merchant, "pitney_bowes", base_url=calm.url)
    parcel = a_shipment(merchant, carrier="ONTRAC", number=number)
    carrier.is_active = False
    carrier.save()

    with pytest.raises(BadParcel, match="No carrier's numbers look like this one"):
        read_parcel(number)
    assert work_off() == 1
    parcel.refresh_from_db()
    assert parcel.status == Status.DELIVERED


# ---- The wire value


def test_a_gateway_hears_its_own_name_for_a_carrier_and_rules_go_by_ours(
    merchant: Merchant, calm: Simulator
) -> None:
    # As if Pitney Bowes had renamed UPS: what the simulator calls UPS, a carrier of ours under another code.
    CarrierRoute.objects.filter(carrier="UPS").delete()
    brown = Carrier.objects.create(code="BROWN", name="Brown")
    CarrierRoute.objects.create(carrier=brown, gateway="pitney_bowes", wire_value="UPS")
    an_account(merchant, "pitney_bowes", base_url=calm.url)
    number = make_number("UPS", "ON_TIME", timezone.now() - timedelta(days=14))
    parcel = a_shipment(merchant, carrier="BROWN", number=number)

    (entry,), nobody = ask_now([parcel])

    assert nobody == []
    assert (entry.error, entry.shipment.status) == (None, "Delivered")
    assert Question(1, number, "BROWN", wire_value="UPS").asked_as == "UPS"
    assert Question(1, number, "BROWN").asked_as == "BROWN"


def test_a_gateway_is_named_once_per_carrier_and_without_a_value_by_many() -> None:
    for code in ("UPS", "FedEx"):
        CarrierRoute.objects.create(carrier_id=code, gateway="usps")

    with pytest.raises(IntegrityError, match="route_once_per_gateway"), transaction.atomic():
        CarrierRoute.objects.create(carrier_id="UPS", gateway="usps")


def test_two_carriers_are_not_asked_about_under_one_value() -> None:
    carrier = ontrac()
    route = CarrierRoute(
        carrier=Carrier.objects.create(code="LSO", name="LSO"), gateway="pitney_bowes", wire_value="OnTrac"
    )
    with pytest.raises(ValidationError) as refused:
        route.full_clean()
    assert refused.value.message_dict == {
        "wire_value": ["Another carrier is asked about under this value already."]
    }
    with pytest.raises(IntegrityError, match="route_wire_value_is_one_carriers"), transaction.atomic():
        route.save()
    carrier.routes.get().full_clean()


# ---- A pattern that went bad


def test_a_pattern_that_cannot_be_read_any_more_is_off_and_hurts_nobody() -> None:
    ontrac()
    NumberPattern.objects.filter(name="OnTrac C").update(pattern=r"(C\d+)+")

    with pytest.raises(BadParcel, match="No carrier's numbers look like this one"):
        read_parcel(NUMBER)
    assert read_parcel("1Z5R89390357567127").carrier == "UPS"
