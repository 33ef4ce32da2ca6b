"""A suspended merchant: nothing is asked, nobody is told, pages stop, everything is kept, and nobody else pays for it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from shipments import tasks
from shipments.analytics import alerts, attention, digests
from shipments.bulk import acting, importing
from shipments.buyers import telling
from shipments.enums import Lifecycle, Reason, Status, WorkState
from shipments.keeping import suspending
from shipments.models import (
    Alert,
    AttentionItem,
    Import,
    Mail,
    Membership,
    Merchant,
    PrivateLink,
    ScanEvent,
    Shipment,
    Subscription,
    User,
    Watch,
    WatchMove,
)
from shipments.refresh import planner, routing, runner
from shipments.tracking.adding import NoRoom, add_parcel, read_parcel
from tests.factories import (
    a_bulk_action,
    a_draft,
    a_host,
    a_merchant,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_impb,
    ingested,
)

pytestmark = pytest.mark.django_db


def suspended(merchant: Merchant, because: str = "Unpaid since January.") -> Merchant:
    assert suspending.suspend(merchant, because, timezone.now()) is True
    return merchant


def due_of(merchant: Merchant) -> list[Any]:
    return list(Watch.objects.filter(merchant=merchant).order_by("pk").values_list("due_at", flat=True))


# ---- Asking ------------------------------------------------------------------------------------------------------------


def test_its_watches_are_put_away_and_everybody_elses_stay(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspending, "STEP", 2)
    mine = [a_shipment(merchant) for _ in range(5)]
    other = a_shipment()
    suspended(merchant)

    tasks.move_watches()

    assert due_of(merchant) == [None] * 5
    assert Watch.objects.get(shipment=other).due_at is not None
    assert WatchMove.objects.exists() is False
    assert {shipment.lifecycle for shipment in Shipment.objects.filter(merchant=merchant)} == {
        Lifecycle.ACTIVE
    }
    assert len(mine) == 5


def test_a_planner_asks_nothing_about_it_also_before_its_watches_are_put_away(merchant: Merchant) -> None:
    platform = an_account(None)
    a_shipment(merchant)
    other = a_shipment()
    suspended(merchant)

    (batch,) = planner.plan_due(timezone.now())

    assert (batch.account_id, batch.shipment_ids) == (platform.pk, (other.pk,))
    # And what it has come across is gone: the next one does not come across it again.
    assert due_of(merchant) == [None]


def test_what_was_routed_before_is_put_away_by_the_planner_that_finds_it(merchant: Merchant) -> None:
    an_account(None)
    mine, other = a_shipment(merchant), a_shipment()
    routing.route(timezone.now())
    assert Watch.objects.get(shipment=mine).account is not None
    suspended(merchant)

    (batch,) = planner.plan_due(timezone.now())

    assert batch.shipment_ids == (other.pk,)
    assert due_of(merchant) == [None]


def test_what_a_person_asked_for_is_put_away_too(merchant: Merchant) -> None:
    an_account(None)
    shipment = a_shipment(merchant)
    Watch.objects.ask_now([shipment.pk], timezone.now())
    suspended(merchant)

    assert planner.plan_due(timezone.now()) == []

    watch = Watch.objects.get(shipment=shipment)
    assert (watch.due_at, watch.by_hand) == (None, False)


def test_a_batch_that_is_queued_already_is_not_asked_about(merchant: Merchant) -> None:
    account = an_account(merchant)
    shipment = a_shipment(merchant)
    (batch,) = planner.plan_due(timezone.now())
    suspended(merchant)

    assert runner.refresh_leased(account.pk, batch.lease, batch.shipment_ids) == []

    watch = Watch.objects.get(shipment=shipment)
    assert (watch.due_at, watch.lease, watch.checked_at) == (None, None, None)


def test_its_parcels_come_back_one_after_the_other(merchant: Merchant) -> None:
    for _ in range(20):
        a_shipment(merchant)
    closed = a_shipment(merchant)
    Shipment.objects.filter(pk=closed.pk).close()
    suspended(merchant)
    tasks.move_watches()

    before = timezone.now()
    assert suspending.lift(merchant) is True
    tasks.move_watches()

    due = [at for at in due_of(merchant) if at is not None]
    assert len(due) == 20
    assert Watch.objects.get(shipment=closed).due_at is None
    spread = timedelta(minutes=1)
    assert all(before <= at <= timezone.now() + spread for at in due)
    assert max(due) - min(due) > spread / 4


@pytest.mark.parametrize(
    ("parcels", "spread"),
    [(0, timedelta(minutes=1)), (900_000, timedelta(hours=5)), (90_000_000, timedelta(hours=24))],
)
def test_over_how_long_they_come_back_grows_with_how_many_they_are(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch, parcels: int, spread: timedelta
) -> None:
    monkeypatch.setattr(suspending, "followed", lambda merchant_id: parcels)

    assert suspending.spread_of(merchant) == spread


def test_who_changes_their_mind_on_the_way_begins_anew(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspending, "STEP", 2)
    for _ in range(5):
        a_shipment(merchant)
    suspended(merchant)
    suspending._step(merchant.pk, timezone.now())
    assert due_of(merchant).count(None) == 2

    suspending.lift(merchant)
    tasks.move_watches()

    assert due_of(merchant).count(None) == 0


def test_twice_suspended_is_once(merchant: Merchant) -> None:
    suspended(merchant, "First.")
    assert suspending.suspend(merchant, "Second.", timezone.now()) is False
    merchant.refresh_from_db()
    assert merchant.suspended_because == "First."
    assert suspending.lift(merchant) is True
    assert suspending.lift(merchant) is False


# ---- Telling -----------------------------------------------------------------------------------------------------------


def test_no_digest_and_no_alert_is_written(merchant: Merchant, alice: User) -> None:
    shipment = a_shipment(merchant)
    Shipment.objects.filter(pk=shipment.pk).update(created_at=datetime(2026, 3, 1, tzinfo=UTC))
    ingested(shipment, a_snapshot(a_scan(status=Status.EXCEPTION)))
    local = timezone.now().astimezone(ZoneInfo(merchant.time_zone))
    Membership.objects.filter(user=alice).update(
        alert_reasons=[Reason.EXCEPTION.value], digest_at=local.time().replace(microsecond=0)
    )
    attention.review(timezone.now())
    assert Alert.objects.untold().count() == 1
    suspended(merchant)

    assert alerts.send_alerts(timezone.now()) == 0
    assert digests.send_digests(timezone.now()) == 0

    assert Mail.objects.exists() is False
    suspending.lift(merchant)
    # What was found before is no news any more; the digest says how things stand.
    assert alerts.send_alerts(timezone.now() + timedelta(minutes=10)) == 0
    assert digests.send_digests(timezone.now()) == 1


def test_attention_stays_as_it_was(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan(status=Status.EXCEPTION)))
    suspended(merchant)

    attention.review(timezone.now())
    attention.review(timezone.now(), [shipment.pk])
    assert AttentionItem.objects.exists() is False

    suspending.lift(merchant)
    attention.review(timezone.now())
    assert AttentionItem.objects.count() == 1


def test_buyers_are_not_told(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan()))
    Subscription.objects.create(
        merchant=merchant,
        shipment=shipment,
        email="rita@example.com",
        wants="from-now",
        language="en",
        sight=1,
        confirmed_at=timezone.now(),
        news_after=timezone.now() - timedelta(days=30),
        due_at=timezone.now(),
    )
    suspended(merchant)

    assert telling.tell_due(timezone.now()) is True

    assert Mail.objects.exists() is False
    assert Subscription.objects.get().due_at is None


def test_mails_that_wait_do_not_go_out_but_invitations_do(merchant: Merchant) -> None:
    for kind in ("alert", "buyer-news", "invitation"):
        Mail.objects.create(merchant=merchant, kind=kind, to="x@example.com", subject="x", text="x")
    Mail.objects.create(merchant=a_merchant(), kind="alert", to="x@example.com", subject="x", text="x")
    suspended(merchant)

    assert sorted(Mail.objects.filter(due_at__isnull=False).values_list("kind", flat=True)) == [
        "alert",
        "invitation",
    ]
    assert Mail.objects.filter(merchant=merchant, due_at=None).count() == 2


# ---- Adding ------------------------------------------------------------------------------------------------------------


def test_nothing_is_added(merchant: Merchant) -> None:
    suspended(merchant)

    with pytest.raises(NoRoom, match="suspended"):
        add_parcel(merchant, read_parcel(an_impb()))
    with pytest.raises(CommandError, match="The merchant is suspended: nothing is added"):
        call_command("track", an_impb(), "--merchant", "alpine", stdout=StringIO())

    assert Shipment.objects.exists() is False


def test_an_import_that_runs_ends_and_says_why(merchant: Merchant) -> None:
    job = a_draft(f"Tracking number\n{an_impb()}\n", merchant, columns=["number"])
    job.start(timezone.now())
    suspended(merchant)

    importing.work_on(job.pk)

    job.refresh_from_db()
    assert job.state == WorkState.FAILED
    assert job.error.startswith("The merchant was suspended when the import had come to row 0.")
    assert Shipment.objects.exists() is False


def test_a_deed_on_many_ends(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    action = a_bulk_action(merchant)
    suspended(merchant)

    acting.work(action.pk)

    action.refresh_from_db()
    assert (action.state, action.error) == (WorkState.FAILED, "suspended")
    shipment.refresh_from_db()
    assert shipment.tags == []


# ---- Pages -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["attention", "shipment-list", "import-list", "figures", "settings", "people"]
)
def test_its_pages_are_one_that_says_so(
    merchant: Merchant, bob: User, signed_in: Callable[[User], Client], settings: Any, address: str
) -> None:
    settings.OPERATOR_EMAIL = "desk@tracker.example"
    suspended(merchant)

    response = signed_in(bob).get(reverse(address, args=["alpine"]))

    page = response.content.decode()
    assert response.status_code == 403
    assert "Alpine Outfitters is suspended" in page
    assert "Unpaid since January." in page
    assert "desk@tracker.example" in page
    # What only owners can do is not offered to others.
    assert reverse("settings-export", args=["alpine"]) not in page


def test_what_is_sent_is_not_done(
    merchant: Merchant, mary: User, signed_in: Callable[[User], Client]
) -> None:
    shipment = a_shipment(merchant)
    suspended(merchant)
    tasks.move_watches()
    OrmQ.objects.all().delete()

    response = signed_in(mary).post(reverse("shipment-refresh", args=["alpine", shipment.public_id]))

    assert response.status_code == 403
    assert "What you have just sent was not done" in response.content.decode()
    assert due_of(merchant) == [None]
    assert OrmQ.objects.exists() is False


def test_a_fragment_has_the_whole_page_loaded_anew(
    merchant: Merchant, mary: User, signed_in: Callable[[User], Client]
) -> None:
    suspended(merchant)

    response = signed_in(mary).get(reverse("shipment-list", args=["alpine"]), headers={"HX-Request": "true"})

    assert (response.status_code, response["HX-Refresh"], response.content) == (403, "true", b"")


def test_strangers_still_find_nothing(
    merchant: Merchant, charlie: User, signed_in: Callable[[User], Client]
) -> None:
    suspended(merchant)

    assert signed_in(charlie).get(reverse("attention", args=["alpine"])).status_code == 404


def test_one_may_leave_and_go_on_to_another_merchant(
    merchant: Merchant, bob: User, signed_in: Callable[[User], Client]
) -> None:
    other = a_merchant(slug="other", name="Other Goods")
    Membership.objects.create(user=bob, merchant=other, role="viewer")
    suspended(merchant)
    browser = signed_in(bob)

    page = browser.get(reverse("attention", args=["alpine"])).content.decode()
    assert reverse("merchant-home", args=["other"]) in page
    assert browser.get(reverse("attention", args=["other"])).status_code == 200
    browser.post(reverse("people-leave", args=["alpine"]), {"sure": "yes"})

    assert Membership.objects.get(user=bob).merchant == other


# ---- Buyers ------------------------------------------------------------------------------------------------------------


def without_tokens(response: Any) -> str:
    """The page without what is another one each time."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())


def test_its_numbers_are_as_if_nobody_knew_them(merchant: Merchant, client: Client) -> None:
    shipment = a_shipment(merchant)
    unknown = an_impb()
    suspended(merchant)

    known = client.get(reverse("public-parcel", args=[shipment.number]))
    other = client.get(reverse("public-parcel", args=[unknown]))

    assert (known.status_code, other.status_code) == (404, 404)
    assert without_tokens(known).replace(shipment.number, "") == without_tokens(other).replace(unknown, "")
    assert "Alpine" not in known.content.decode()
    several = client.get(
        reverse("public-track"), {"number": f"{shipment.number}\n{unknown}"}
    ).content.decode()
    assert several.count("Not found") == 2


def test_a_number_that_another_merchant_has_too_shows_that_ones_parcel(
    merchant: Merchant, client: Client
) -> None:
    number = an_impb()
    a_shipment(merchant, number=number)
    a_shipment(a_merchant(slug="other"), number=number)
    suspended(merchant)

    response = client.get(reverse("public-parcel", args=[number]))

    assert response.status_code == 200


def test_private_links_frames_and_host_names_end(merchant: Merchant, client: Client) -> None:
    shipment = a_shipment(merchant)
    link = PrivateLink.objects.make(shipment)
    host = a_host(merchant)
    assert client.get(link.get_absolute_url()).status_code == 200
    assert client.get("/m/alpine/").status_code == 200
    assert client.get("/", headers={"host": host.host}).status_code == 200
    suspended(merchant)

    assert client.get(link.get_absolute_url()).status_code == 404
    assert client.get("/m/alpine/").status_code == 404
    answer = client.get("/", headers={"host": host.host})
    assert (answer.status_code, answer.content) == (404, b"Not found.\n")

    suspending.lift(merchant)
    assert client.get(link.get_absolute_url()).status_code == 200
    assert client.get("/m/alpine/").status_code == 200


def test_whoever_gets_mails_can_still_end_them(merchant: Merchant, client: Client) -> None:
    shipment = a_shipment(merchant)
    subscription = Subscription.objects.create(
        merchant=merchant,
        shipment=shipment,
        email="rita@example.com",
        wants="from-now",
        language="en",
        sight=1,
        confirmed_at=timezone.now(),
        news_after=timezone.now(),
    )
    token = subscription.stop_link_token()
    suspended(merchant)

    assert client.post(reverse("mail-stop", args=[token])).status_code == 200

    subscription.refresh_from_db()
    assert subscription.unsubscribed_at is not None


def test_everything_is_kept(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan()))
    a_person("olga@example.com", merchant, "owner")
    suspended(merchant)
    tasks.move_watches()
    tasks.housekeep()

    assert (Shipment.objects.count(), ScanEvent.objects.count(), Membership.objects.count()) == (1, 1, 1)
    assert Import.objects.count() == 0
