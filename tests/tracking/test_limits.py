"""What a merchant may have, however it gets in: kept to also by two who add at once."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shipments.bulk import acting, importing
from shipments.enums import Deed, EndReason, Lifecycle, WorkState
from shipments.models import BadRow, Invitation, Membership, Merchant, Shipment, User, Watch
from shipments.tracking.adding import BadParcel, NoRoom, Wanted, add_parcel, add_parcels, read_parcel
from shipments.tracking.correcting import start_again
from shipments.tracking.limits import Room, followed
from tests.factories import (
    a_bulk_action,
    a_draft,
    a_merchant,
    a_person,
    a_shipment,
    an_account,
    an_impb,
    an_invitation,
)

pytestmark = pytest.mark.django_db


def limit(merchant: Merchant, **limits: int | None) -> Merchant:
    Merchant.objects.filter(pk=merchant.pk).update(**limits)
    merchant.refresh_from_db()
    return merchant


def add(merchant: Merchant, many: int = 1) -> None:
    add_parcels(merchant, [Wanted(read_parcel(an_impb())) for _ in range(many)])


# ---- Parcels followed ------------------------------------------------------------------------------------------------


def test_the_last_one_fits_and_the_next_one_does_not(merchant: Merchant) -> None:
    limit(merchant, most_parcels=2)
    add(merchant, 2)

    with pytest.raises(NoRoom) as refusal:
        add(merchant)

    assert Shipment.objects.count() == 2
    assert str(refusal.value) == (
        "Nothing was added: this is 1 new parcel, and there is room for 0. At most 2 parcels may be followed at a time for "
        "this merchant. Close or archive some that are done, or ask whoever runs this site for more."
    )


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (Room(0, 1), "At most 1 parcel may be followed at a time"),
        (Room(0, 2), "At most 2 parcels may be followed at a time"),
        (Room(0, 1, a_day=True), "At most 1 new parcel a day may be added"),
        (Room(0, 1_200, a_day=True), "At most 1,200 new parcels a day may be added"),
    ],
)
def test_a_limit_of_one_is_told_as_one(room: Room, words: str) -> None:
    assert room.refusal.startswith(words)


def test_several_are_added_all_or_none(merchant: Merchant) -> None:
    limit(merchant, most_parcels=2)
    add(merchant)

    with pytest.raises(NoRoom, match="these are 2 new parcels, and there is room for 1"):
        add(merchant, 2)

    assert Shipment.objects.count() == 1


def test_what_has_ended_makes_room_and_what_is_known_needs_none(merchant: Merchant) -> None:
    limit(merchant, most_parcels=1)
    number = an_impb()
    first = add_parcel(merchant, read_parcel(number)).shipment
    assert add_parcel(merchant, read_parcel(number)).is_new is False
    Shipment.objects.filter(pk=first.pk).close()

    add(merchant)

    assert followed(merchant.pk) == 1


def test_without_a_limit_nothing_is_counted(merchant: Merchant, django_assert_num_queries: Any) -> None:
    add(merchant, 3)
    with django_assert_num_queries(8):
        add(merchant)


def test_the_limit_of_one_merchant_is_nobody_elses(merchant: Merchant) -> None:
    limit(merchant, most_parcels=1)
    add(merchant)
    add(a_merchant(), 3)
    assert Shipment.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_two_who_add_at_the_limit_at_once_add_one(merchant: Merchant) -> None:
    limit(merchant, most_parcels=3)
    add(merchant, 2)
    parcels = [read_parcel(an_impb()) for _ in range(8)]
    start = threading.Barrier(len(parcels))
    refused: list[str] = []

    def work(parcel: Any) -> None:
        start.wait()
        try:
            add_parcel(merchant, parcel)
        except NoRoom:
            refused.append(parcel.number)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[parcel]) for parcel in parcels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (Shipment.objects.count(), len(refused)) == (3, 7)


def test_reopening_and_restoring_need_room(
    merchant: Merchant, mary: User, signed_in: Callable[[User], Client]
) -> None:
    closed, archived = a_shipment(merchant), a_shipment(merchant)
    Shipment.objects.filter(pk=closed.pk).close()
    Shipment.objects.filter(pk=archived.pk).archive()
    limit(merchant, most_parcels=1)
    add(merchant)
    browser = signed_in(mary)

    for shipment, deed in ((closed, "shipment-reopen"), (archived, "shipment-restore")):
        page = browser.post(reverse(deed, args=["alpine", shipment.public_id]), follow=True).content.decode()
        assert "At most 1 parcel may be followed at a time" in page

    assert followed(merchant.pk) == 1


def test_a_deed_on_many_reopens_as_many_as_fit(merchant: Merchant) -> None:
    for _ in range(4):
        a_shipment(merchant)
    Shipment.objects.filter(merchant=merchant).close()
    limit(merchant, most_parcels=3)
    action = a_bulk_action(merchant, deed=Deed.REOPEN, argument={})

    acting.work(action.pk)

    action.refresh_from_db()
    assert (action.state, action.done, action.changed) == (WorkState.DONE, 4, 3)
    assert followed(merchant.pk) == 3


def test_a_number_used_again_takes_the_place_of_the_old_parcel(merchant: Merchant) -> None:
    old = a_shipment(merchant, mailing_date=datetime(2026, 3, 1, tzinfo=UTC).date())
    limit(merchant, most_parcels=1)

    new = start_again(old, mailing_date=datetime(2026, 6, 1, tzinfo=UTC).date(), now=timezone.now())

    old.refresh_from_db()
    assert (old.lifecycle, new.lifecycle, followed(merchant.pk)) == (Lifecycle.ENDED, Lifecycle.ACTIVE, 1)
    other = a_shipment(merchant, lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)
    with pytest.raises(BadParcel, match="At most 1 parcel may"):
        start_again(other, mailing_date=datetime(2026, 6, 1, tzinfo=UTC).date(), now=timezone.now())


# ---- New ones a day ----------------------------------------------------------------------------------------------------


def test_so_many_new_parcels_a_day_on_the_merchants_clock(merchant: Merchant) -> None:
    limit(merchant, most_new_parcels=2)
    add(merchant, 2)

    with pytest.raises(NoRoom, match="At most 2 new parcels a day"):
        add(merchant)

    Shipment.objects.update(created_at=timezone.now() - timedelta(days=1))
    add(merchant, 2)
    assert Shipment.objects.count() == 4


def test_archived_ones_were_added_that_day_too(merchant: Merchant) -> None:
    limit(merchant, most_new_parcels=1)
    add(merchant)
    Shipment.objects.all().archive()

    with pytest.raises(NoRoom, match="At most 1 new parcel a day"):
        add(merchant)


# ---- Imports -----------------------------------------------------------------------------------------------------------


def a_file(rows: int) -> str:
    return "Tracking number\n" + "".join(f"{an_impb()}\n" for _ in range(rows))


def imported(merchant: Merchant, content: str) -> Any:
    job = a_draft(content, merchant, columns=["number"])
    job.start(timezone.now())
    importing.work_on(job.pk)
    job.refresh_from_db()
    return job


def test_an_import_keeps_to_the_limit_and_gives_the_other_rows_back(merchant: Merchant) -> None:
    limit(merchant, most_parcels=3)
    add(merchant)

    job = imported(merchant, a_file(5))

    assert (job.state, job.good, job.double, job.bad) == (WorkState.DONE, 2, 0, 3)
    rows = BadRow.objects.filter(job=job).order_by("row")
    assert [row.row for row in rows] == [4, 5, 6]
    assert {row.reason for row in rows} == {
        "At most 3 parcels may be followed at a time for this merchant. Close or archive some that are done, or ask "
        "whoever runs this site for more."
    }
    assert Watch.objects.filter(merchant=merchant).count() == 3


def test_rows_of_known_parcels_need_no_room(merchant: Merchant) -> None:
    limit(merchant, most_parcels=2)
    content = a_file(2)
    imported(merchant, content)

    job = imported(merchant, content)

    assert (job.good, job.double, job.bad) == (0, 2, 0)


def test_an_import_that_goes_on_after_midnight_counts_for_the_day_it_began(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(merchant, most_new_parcels=3)
    monkeypatch.setattr(importing, "STEP", 2)
    job = a_draft(a_file(5), merchant, columns=["number"])
    job.start(timezone.now() - timedelta(days=1))

    importing.work_on(job.pk)

    job.refresh_from_db()
    assert (job.good, job.bad) == (3, 2)
    # Today has all its room.
    add(merchant, 3)


def test_so_many_imports_at_a_time_and_rows_of_one(
    merchant: Merchant, mary: User, signed_in: Callable[[User], Client]
) -> None:
    limit(merchant, most_imports=1, most_import_rows=2)
    browser = signed_in(mary)
    running = a_draft(a_file(2), merchant, columns=["number"])
    waiting = a_draft(a_file(1), merchant, columns=["number"])
    large = a_draft(a_file(3), merchant, columns=["number"])

    def start(job: Any) -> str:
        page = browser.post(reverse("import-start", args=["alpine", job.public_id]), follow=True)
        job.refresh_from_db()
        return page.content.decode()

    assert "At most 2 rows may be in one import for this merchant, and this file has 3." in start(large)
    start(running)
    assert "At most 1 import at a time may run" in start(waiting)

    assert (running.state, waiting.state, large.state) == (
        WorkState.WAITING,
        WorkState.DRAFT,
        WorkState.DRAFT,
    )
    importing.work_on(running.pk)
    start(waiting)
    assert waiting.state == WorkState.WAITING


# ---- Forms and commands --------------------------------------------------------------------------------------------------


def test_the_form_says_so_and_loses_nothing(
    merchant: Merchant, mary: User, signed_in: Callable[[User], Client]
) -> None:
    limit(merchant, most_parcels=1)
    numbers = [an_impb(), an_impb()]

    response = signed_in(mary).post(
        reverse("shipment-add", args=["alpine"]), {"line-number": numbers, "line-order": ["", ""]}
    )

    page = response.content.decode()
    assert response.status_code == 400
    assert "Nothing was added: these are 2 new parcels, and there is room for 1." in page
    assert all(number in page for number in numbers)
    assert Shipment.objects.exists() is False


def test_the_command_says_so(merchant: Merchant) -> None:
    limit(merchant, most_parcels=1)
    add(merchant)

    with pytest.raises(CommandError, match="merchant alpine: Nothing was added: this is 1 new parcel"):
        call_command("track", an_impb(), "--merchant", "alpine", stdout=StringIO())


def test_so_many_parcels_an_hour_are_asked_about_by_hand(
    merchant: Merchant, mary: User, alice: User, signed_in: Callable[[User], Client]
) -> None:
    an_account(merchant)
    limit(merchant, most_asked=1)
    first, second = a_shipment(merchant), a_shipment(merchant)
    later = timezone.now() + timedelta(hours=3)
    Watch.objects.update(due_at=later)

    signed_in(mary).post(reverse("shipment-refresh", args=["alpine", first.public_id]))
    page = signed_in(alice).post(reverse("shipment-refresh", args=["alpine", second.public_id]), follow=True)

    assert "At most 1 parcel an hour may be asked about by hand" in page.content.decode()
    assert Watch.objects.get(shipment=first).by_hand is True
    assert Watch.objects.get(shipment=second).due_at == later


# ---- People ------------------------------------------------------------------------------------------------------------


def test_so_many_people_invited_ones_included(
    merchant: Merchant, alice: User, signed_in: Callable[[User], Client]
) -> None:
    limit(merchant, most_people=2)
    browser = signed_in(alice)
    address = reverse("people", args=["alpine"])
    browser.post(address, {"email": "one@example.com", "role": "viewer"})

    response = browser.post(address, {"email": "two@example.com", "role": "viewer"})

    assert response.status_code == 400
    assert "At most 2 people may belong to this merchant, invited ones included." in response.content.decode()
    assert Invitation.objects.get().email == "one@example.com"
    # The same address again is the same person.
    again = browser.post(address, {"email": "one@example.com", "role": "manager"})
    assert again.status_code == 302


def test_who_comes_when_the_limit_was_lowered_is_told_and_keeps_the_invitation(
    merchant: Merchant, alice: User, client: Client
) -> None:
    invitation = an_invitation(merchant, "one@example.com")
    limit(merchant, most_people=1)
    one = a_person("one@example.com")
    client.force_login(one)
    client.get(reverse("join-link", args=[invitation.token]))

    response = client.post(reverse("join"))

    assert response.status_code == 409
    assert "has as many people as it may have" in response.content.decode()
    assert Membership.objects.filter(user=one).exists() is False
    invitation.refresh_from_db()
    assert invitation.accepted_at is None
