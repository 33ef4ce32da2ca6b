"""`manage.py demo`."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from shipments.facts.colours import DARK, LIGHT, is_readable, read_colour
from shipments.management.commands.demo import wanted_parcels
from shipments.models import (
    CarrierAccount,
    Import,
    Look,
    Membership,
    Merchant,
    Note,
    PrivateLink,
    SavedView,
    Shipment,
    User,
    Watch,
)
from shipments.refresh import runner
from shipments.simulator.steps import LIVE
from tests.factories import Simulator, a_merchant, a_person

pytestmark = pytest.mark.django_db

NOWHERE = "http://127.0.0.1:9"


def demo(url: str = NOWHERE) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(call_command("demo", simulator_url=url, stdout=StringIO()))
    return made


def test_the_demo_has_people_accounts_parcels_and_links(
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        made = demo(f"{NOWHERE}/")

    merchant = Merchant.objects.get(slug="demo")
    assert {(user["email"], user["role"]) for user in made["users"]} == {
        ("owner@demo.example", "owner"),
        ("manager@demo.example", "manager"),
        ("viewer@demo.example", "viewer"),
        ("operator@demo.example", "operator"),
    }
    assert set(Membership.objects.values_list("user__email", "role")) == {
        ("owner@demo.example", "owner"),
        ("manager@demo.example", "manager"),
        ("viewer@demo.example", "viewer"),
    }
    assert User.objects.get(is_superuser=True, is_staff=True).email == "operator@demo.example"
    assert sorted(
        CarrierAccount.objects.values_list(
            "merchant", "gateway", "environment", "base_url", "cadence_seconds"
        )
    ) == [
        (merchant.pk, "pitney_bowes", "production", NOWHERE, 20),
        (merchant.pk, "usps", "production", NOWHERE, 20),
    ]
    assert Shipment.objects.filter(merchant=merchant).count() > 300
    assert Shipment.objects.values("carrier").distinct().count() == 8
    # Imported ones have their first turn a little later.
    assert Watch.objects.due(timezone.now() + timedelta(hours=1)).count() == Shipment.objects.count()
    (public,), (private,) = made["tracking_links"], made["private_links"]
    assert Shipment.objects.with_number(public.removeprefix("/track/")).get().merchant == merchant
    assert private == PrivateLink.objects.get().get_absolute_url()
    assert {task.name() for task in OrmQ.objects.all()} == {"sweep", "review_attention", "tally_figures"}


@pytest.mark.parametrize("email", ["owner@demo.example", "operator@demo.example"])
def test_the_printed_passwords_are_the_right_ones(email: str) -> None:
    (printed,) = [user["password"] for user in demo()["users"] if user["email"] == email]

    assert User.objects.get(email=email).check_password(printed) is True


def test_again_adds_nothing_but_live_parcels() -> None:
    first = demo()
    counts = [model.objects.count() for model in (Merchant, User, Membership, CarrierAccount, PrivateLink)]
    numbers = set(Shipment.objects.values_list("number", flat=True))
    secrets = set(User.objects.values_list("email", "password"))

    again = demo("http://127.0.0.1:10")

    assert [
        model.objects.count() for model in (Merchant, User, Membership, CarrierAccount, PrivateLink)
    ] == counts
    # Where the clock has just passed a live parcel's start, one more may have come.
    assert len(set(Shipment.objects.values_list("number", flat=True)) - numbers) <= 1
    assert set(User.objects.values_list("email", "password")) == secrets
    assert set(CarrierAccount.objects.values_list("base_url", flat=True)) == {"http://127.0.0.1:10"}
    assert again["private_links"] == first["private_links"]


def test_the_past_weeks_are_renewed_once_a_week_and_the_live_parcels_by_the_clock() -> None:
    merchant = a_merchant()
    begun = merchant.created_at

    def wanted(after: timedelta, *, live: bool) -> set[str]:
        parcels = wanted_parcels(merchant, begun + after)
        return {parcel.number for parcel in parcels if (parcel.scenario in LIVE) is live}

    hour, week = timedelta(hours=1), timedelta(days=7)
    assert wanted(hour, live=False) == wanted(week - hour, live=False)
    assert wanted(hour, live=False).isdisjoint(wanted(week, live=False))
    assert len(wanted(2 * hour, live=True) - wanted(hour, live=True)) >= 6


def test_a_person_of_that_name_is_not_made_an_operator() -> None:
    a_person("operator@demo.example")

    demo()

    assert User.objects.filter(is_superuser=True).exists() is False


def test_the_demo_comes_alive(calm: Simulator) -> None:
    made = demo(calm.url)
    runner.work_off()

    (link,) = made["tracking_links"]
    shown = Shipment.objects.with_number(link.removeprefix("/track/")).get()
    assert shown.status != "Unknown"
    assert shown.scans.count() >= 1
    statuses = set(Shipment.objects.values_list("status", flat=True))
    assert {"Delivered", "InTransit", "Manifest", "ReturnToSender"} <= statuses
    assert Client().get(link).status_code == 200
    assert Client().get(made["private_links"][0]).status_code == 200


def test_a_server_on_the_internet_has_no_demo(settings: Any) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False

    with pytest.raises(CommandError, match="TRACKINGSITE_ALLOW_PRIVATE_HOSTS"):
        demo()

    assert (Merchant.objects.exists(), User.objects.exists()) == (False, False)


def test_a_wrong_address_is_named() -> None:
    with pytest.raises(CommandError, match=r"^simulator url: An address is https://host") as refused:
        demo("127.0.0.1:8901")

    assert refused.value.returncode == 2


def test_the_demo_shows_what_people_make_of_parcels_once() -> None:
    demo()
    demo()

    job = Import.objects.get()
    assert (job.state, job.good, job.bad) == ("done", 12, 3)
    assert sorted(SavedView.objects.values_list("name", flat=True)) == [
        "Late with UPS",
        "Needs me",
        "VIP, not delivered",
    ]
    assert Note.objects.count() == 4
    look = Look.objects.get()
    assert (look.merchant.slug, look.support_url) == ("demo", "mailto:help@demo.example")
    assert is_readable(read_colour(look.colour), LIGHT) is True
    assert is_readable(read_colour(look.colour), DARK) is False
    assert Shipment.objects.filter(tags__contains=["vip"]).count() == 10
    assert Shipment.objects.filter(proof_due=True).count() > 3
    assert Shipment.objects.filter(resolution="returned").exists() is True
