"""Settings: merchant, thresholds, my alerts."""

from collections.abc import Callable
from datetime import date, time
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from shipments.enums import Reason
from shipments.models import AuditEntry, Mail, Membership, Merchant, User
from shipments.outbound.mail import send_due
from shipments.web.settings_pages import MOST_TEST_MAILS
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

MERCHANT = "/app/alpine/settings/"
ATTENTION = "/app/alpine/settings/attention/"
ALERTS = "/app/alpine/settings/alerts/"
TEST = "/app/alpine/settings/alerts/test/"
CALLED = {
    "name": "Alpine Outfitters",
    "time_zone": "America/New_York",
    "language": "en",
    "link_days": "180",
    "order_on_links": "",
}
THRESHOLDS = {
    "first_scan_days": "4",
    "silent_days": "3",
    "silent_days_abroad": "5",
    "pickup_days": "3",
    "late_days": "1",
}


@pytest.fixture
def owner(alice: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(alice)


# ---- The merchant


def test_an_owner_changes_name_clock_language_and_private_links(
    owner: Client, alice: User, merchant: Merchant
) -> None:
    response = owner.post(
        MERCHANT,
        {
            "name": " Alpine Supplies ",
            "time_zone": "America/Denver",
            "language": "es",
            "link_days": "30",
            "order_on_links": "on",
        },
    )

    assert response.headers["Location"] == MERCHANT
    merchant.refresh_from_db()
    assert (merchant.name, merchant.time_zone, merchant.language) == (
        "Alpine Supplies",
        "America/Denver",
        "es",
    )
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.row, entry.person, entry.merchant) == (
        "changed",
        "shipments.Merchant",
        str(merchant.pk),
        alice.pk,
        merchant.pk,
    )
    assert entry.before == {
        "name": "Alpine Outfitters",
        "time_zone": "America/New_York",
        "language": "en",
        "link_days": 180,
        "order_on_links": False,
    }
    assert entry.after == {
        "name": "Alpine Supplies",
        "time_zone": "America/Denver",
        "language": "es",
        "link_days": 30,
        "order_on_links": True,
    }


def test_what_did_not_change_is_neither_written_nor_audited(owner: Client, merchant: Merchant) -> None:
    assert owner.post(MERCHANT, CALLED).status_code == 302
    assert AuditEntry.objects.count() == 0

    owner.post(MERCHANT, CALLED | {"name": "Alpine"})
    assert (AuditEntry.objects.get().before, AuditEntry.objects.get().after) == (
        {"name": "Alpine Outfitters"},
        {"name": "Alpine"},
    )


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("America/Chicago", "America/Chicago"),
        ("america/chicago", "America/Chicago"),
        ("chicago", "America/Chicago"),
        ("New York", "America/New_York"),
        ("  Los  Angeles ", "America/Los_Angeles"),
        ("UTC", "UTC"),
    ],
)
def test_a_zone_is_understood_by_its_name_or_its_town(
    owner: Client, merchant: Merchant, typed: str, zone: str
) -> None:
    owner.post(MERCHANT, CALLED | {"time_zone": typed})

    merchant.refresh_from_db()
    assert merchant.time_zone == zone


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"name": " "}, "This field is required."),
        ({"name": "x" * 201}, "at most 200 characters (it has 201)"),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
        ({"time_zone": ""}, "This field is required."),
        (
            {"time_zone": "Amercia/New_York"},
            "There is no time zone “Amercia/New_York”. Did you mean America/New_York?",
        ),
        (
            {"time_zone": "Wonderland"},
            "There is no time zone “Wonderland”. Choose one of the list, such as America/New_York.",
        ),
        ({"time_zone": "../../etc/passwd"}, "There is no time zone “../../etc/passwd”."),
        ({"time_zone": "<script>"}, "There is no time zone “&lt;script&gt;”."),
        ({"language": "fr"}, "Select a valid choice. fr is not one of the available choices."),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_the_page_goes_on_showing_what_is(
    owner: Client, merchant: Merchant, over: dict[str, str], says: str
) -> None:
    response = owner.post(MERCHANT, CALLED | over)

    page = response.content.decode()
    assert response.status_code == 400
    assert says in page
    assert 'aria-invalid="true"' in page
    assert "<title>Settings · Alpine Outfitters</title>" in page
    merchant.refresh_from_db()
    assert (merchant.name, merchant.time_zone, merchant.language) == (
        CALLED["name"],
        CALLED["time_zone"],
        CALLED["language"],
    )
    assert AuditEntry.objects.count() == 0


def test_a_viewer_sees_the_values_and_no_form(viewer: Client) -> None:
    page = viewer.get(MERCHANT).content.decode()

    assert "America/New_York" in page
    assert "An owner can change this." in page
    assert 'name="time_zone"' not in page


def test_the_zones_can_be_searched_by_what_people_call_them(owner: Client) -> None:
    page = owner.get(MERCHANT).content.decode()

    assert '<option value="America/Denver">Mountain Time</option>' in page
    assert 'list="zones"' in page
    assert page.count("<option value=") < 600


# ---- Thresholds


def test_an_owner_sets_thresholds(owner: Client, merchant: Merchant) -> None:
    response = owner.post(
        ATTENTION, THRESHOLDS | {"silent_days": "7", "late_days": "2", "proof_always_due": "on"}
    )

    assert response.headers["Location"] == ATTENTION
    merchant.refresh_from_db()
    assert (merchant.silent_days, merchant.late_days, merchant.proof_always_due) == (7, 2, True)
    assert (merchant.first_scan_days, merchant.silent_days_abroad, merchant.pickup_days) == (4, 5, 3)
    entry = AuditEntry.objects.get()
    assert entry.before == {"silent_days": 3, "late_days": 1, "proof_always_due": False}
    assert entry.after == {"silent_days": 7, "late_days": 2, "proof_always_due": True}


@pytest.mark.parametrize("field", THRESHOLDS)
@pytest.mark.parametrize("typed", ["0", "366", "99999999999999999999", "-1", "1.5", "three", "", "\x00"])
def test_a_threshold_outside_its_bounds_is_refused_at_its_field(
    owner: Client, merchant: Merchant, field: str, typed: str
) -> None:
    response = owner.post(ATTENTION, THRESHOLDS | {field: typed})

    assert response.status_code == 400
    assert response.context["form"].errors == {field: ["Type a whole number from 1 to 365."]}
    assert response.content.decode().count("Type a whole number from 1 to 365.") == 1
    before = getattr(merchant, field)
    merchant.refresh_from_db()
    assert getattr(merchant, field) == before
    assert AuditEntry.objects.count() == 0


def test_each_threshold_says_what_it_counts_and_its_default(owner: Client) -> None:
    page = owner.get(ATTENTION).content.decode()

    assert "business days from the label to the carrier&#x27;s first scan" in page
    assert page.count("From 1 to 365; 4 unless you say otherwise.") == 1
    assert page.count("From 1 to 365; 3 unless you say otherwise.") == 2


def test_a_viewer_sees_the_thresholds_and_no_form(viewer: Client, merchant: Merchant) -> None:
    Merchant.objects.update(late_days=1, silent_days=9)

    page = viewer.get(ATTENTION).content.decode()

    assert "9 business days without a scan" in page
    assert "<dd>1 day past the promised day</dd>" in page
    assert 'name="silent_days"' not in page


# ---- My alerts


def test_each_chooses_for_themselves(viewer: Client, bob: User, alice: User) -> None:
    response = viewer.post(
        ALERTS, {"digest": "on", "digest_at": "07:00", "reasons": ["late", "exception", "late"]}
    )

    assert response.headers["Location"] == ALERTS
    mine = bob.memberships.get()
    assert (mine.digest_at, mine.alert_reasons) == (time(7), ["exception", "late"])
    hers = alice.memberships.get()
    assert (hers.digest_at, hers.alert_reasons) == (None, [])


def test_ones_alerts_are_of_one_merchant(viewer: Client, bob: User) -> None:
    other = bob.memberships.create(merchant=a_merchant(slug="bakery"), role="viewer")

    viewer.post(ALERTS, {"digest": "on", "digest_at": "07:00", "reasons": ["late"]})

    other.refresh_from_db()
    assert (other.digest_at, other.alert_reasons) == (None, [])


def test_all_of_it_can_be_ended(viewer: Client, bob: User) -> None:
    bob.memberships.update(digest_at=time(7), alert_reasons=["late"])

    viewer.post(ALERTS, {"digest_at": "07:00"})

    mine = bob.memberships.get()
    assert (mine.digest_at, mine.alert_reasons) == (None, [])


def test_the_page_shows_what_was_chosen(viewer: Client, bob: User) -> None:
    bob.memberships.update(digest_at=time(7, 30), alert_reasons=["late"])

    form = viewer.get(ALERTS).context["form"]

    assert form["digest"].value() is True
    assert form["digest_at"].value() == "07:30"
    assert ("07:30", "7:30 am") in form.fields["digest_at"].choices
    assert form["reasons"].value() == [Reason.LATE]


@pytest.mark.parametrize(
    ("sent", "field", "says"),
    [
        ({"digest": "on"}, "digest_at", "Choose an hour for the digest."),
        (
            {"digest": "on", "digest_at": "25:00"},
            "digest_at",
            "Select a valid choice. 25:00 is not one of the available choices.",
        ),
        (
            {"reasons": ["boredom"]},
            "reasons",
            "Select a valid choice. boredom is not one of the available choices.",
        ),
    ],
)
def test_a_choice_that_is_none_is_refused_and_nothing_is_lost(
    viewer: Client, bob: User, sent: dict[str, Any], field: str, says: str
) -> None:
    bob.memberships.update(digest_at=time(7), alert_reasons=["late"])

    response = viewer.post(ALERTS, sent)

    assert response.status_code == 400
    assert response.context["form"].errors == {field: [says]}
    assert says in response.content.decode()
    mine = bob.memberships.get()
    assert (mine.digest_at, mine.alert_reasons) == (time(7), ["late"])


def test_a_new_hour_that_has_passed_today_begins_tomorrow(viewer: Client, bob: User) -> None:
    Merchant.objects.update(time_zone="UTC")

    viewer.post(ALERTS, {"digest": "on", "digest_at": "00:00"})

    assert bob.memberships.get().digest_sent_on == timezone.now().date()


def test_saving_the_same_hour_again_sends_no_second_digest_and_loses_none(viewer: Client, bob: User) -> None:
    bob.memberships.update(digest_at=time(0), digest_sent_on=date(2026, 3, 5))

    viewer.post(ALERTS, {"digest": "on", "digest_at": "00:00", "reasons": ["late"]})

    assert bob.memberships.get().digest_sent_on == date(2026, 3, 5)


def test_a_test_mail_goes_the_way_of_all_mails(
    viewer: Client, bob: User, mailoutbox: list[EmailMessage]
) -> None:
    response = viewer.post(TEST, follow=True)

    assert "A test mail to bob@example.com is on its way." in response.content.decode()
    assert send_due(timezone.now()) == 1
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (["bob@example.com"], "Mails reach you")
    assert "Change or end these mails: http://localhost:8000/app/alpine/settings/alerts/" in str(mail.body)
    assert mail.extra_headers["List-Unsubscribe"] == "<http://localhost:8000/app/alpine/settings/alerts/>"


def test_test_mails_do_not_fill_a_mailbox(viewer: Client, owner: Client) -> None:
    for _ in range(MOST_TEST_MAILS):
        viewer.post(TEST)

    response = viewer.post(TEST, follow=True)

    assert "3 test mails are on their way already. Try again in ten minutes." in response.content.decode()
    assert Mail.objects.count() == MOST_TEST_MAILS
    owner.post(TEST)
    assert Mail.objects.filter(to="alice@example.com").count() == 1


# ---- All of them


@pytest.mark.parametrize("address", [MERCHANT, ATTENTION, ALERTS])
@pytest.mark.parametrize("size", [0, 30])
def test_a_page_takes_the_statements_of_the_frame_and_no_more(
    owner: Client,
    alice: User,
    merchant: Merchant,
    address: str,
    size: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for at in range(size):
        a_shipment(merchant)
        alice.memberships.create(merchant=a_merchant(slug=f"other-{at}"), role="viewer")
    owner.get(address)

    with django_assert_num_queries(3):
        owner.get(address)


@pytest.mark.parametrize(
    ("address", "sent"),
    [(MERCHANT, CALLED | {"name": "Alpine"}), (ATTENTION, THRESHOLDS | {"late_days": "2"})],
)
def test_saving_takes_few_statements(
    owner: Client, address: str, sent: dict[str, str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    owner.get(address)

    # The frame; savepoint, the row, its change, the audit and the release.
    with django_assert_num_queries(8):
        owner.post(address, sent)


def test_the_rail_and_the_parts_say_where_one_is(owner: Client) -> None:
    page = owner.get(ATTENTION).content.decode()

    assert f'<a data-go="e" href="{MERCHANT}" aria-current="page">Settings</a>' in page
    assert f'<a href="{ATTENTION}" aria-current="page">Attention</a>' in page
    assert f'<a href="{ALERTS}">My alerts</a>' in page


def test_membership_of_two_members_is_changed_apart(owner: Client, viewer: Client) -> None:
    owner.post(ALERTS, {"reasons": ["exception"]})
    viewer.post(ALERTS, {"reasons": ["late"]})

    chosen = Membership.objects.order_by("user__email").values_list("alert_reasons", flat=True)
    assert list(chosen) == [["exception"], ["late"]]
