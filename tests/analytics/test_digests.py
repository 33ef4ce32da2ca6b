"""The daily digest."""

import threading
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from shipments.analytics import digests
from shipments.analytics.digests import LATEST, send_digests
from shipments.enums import Reason
from shipments.models import Mail, Membership, Merchant, User
from tests.analytics.test_alerts import an_item
from tests.factories import a_person, a_shipment

pytestmark = pytest.mark.django_db

# Eight in the morning in New York.
NOW = datetime(2026, 3, 6, 13, 0, tzinfo=UTC)


@pytest.fixture
def member(alice: User) -> Membership:
    """Alice, who wishes a digest at eight and had yesterday's."""
    alice.memberships.update(digest_at=time(8), digest_sent_on=date(2026, 3, 5))
    return alice.memberships.get()


def needs_somebody(merchant: Merchant, reason: Reason = Reason.EXCEPTION, *, hours_ago: float = 48) -> None:
    moment = NOW - timedelta(hours=hours_ago)
    an_item(a_shipment(merchant, order_number="A-77"), reason, since=moment, found_at=moment)


def test_a_digest_counts_by_reason_tells_what_is_new_and_lists_the_worst(member: Membership) -> None:
    needs_somebody(member.merchant, Reason.EXCEPTION)
    for hours_ago in (2, 30, 50):
        needs_somebody(member.merchant, Reason.LATE, hours_ago=hours_ago)
    for _ in range(8):
        needs_somebody(member.merchant, Reason.SILENT)

    assert send_digests(NOW) == 1

    mail = Mail.objects.get()
    assert (mail.to, mail.subject) == ("alice@example.com", "12 parcels need somebody · Alpine Outfitters")
    assert mail.kind == "digest"
    assert mail.unsubscribe_url == "http://localhost:8000/app/alpine/settings/alerts/"
    head, _rest = mail.text.split("The worst of them:")
    assert head.splitlines() == [
        "12 parcels need somebody · Alpine Outfitters",
        "1 is new since the last digest.",
        "",
        "1  Problem reported",
        "3  Late (1 new)",
        "8  Gone quiet",
        "",
    ]
    for body in (mail.text, mail.html):
        assert body.count("order A-77") == 10
        assert body.index("Problem reported") < body.index("Late")
        assert "And 2 more parcels." in body
        assert "http://localhost:8000/app/alpine/settings/alerts/" in body
    assert Membership.objects.get(pk=member.pk).digest_sent_on == date(2026, 3, 6)


def test_it_comes_once_a_day(member: Membership) -> None:
    needs_somebody(member.merchant)

    sent = [send_digests(NOW + timedelta(minutes=5 * run)) for run in range(-2, 3)]

    assert sent == [0, 0, 1, 0, 0]
    assert send_digests(NOW + timedelta(days=1)) == 1


def test_nothing_to_do_is_no_mail_and_what_comes_later_that_day_waits_for_the_next(
    member: Membership,
) -> None:
    assert send_digests(NOW) == 0
    needs_somebody(member.merchant, hours_ago=0)

    assert send_digests(NOW + timedelta(hours=1)) == 0
    assert send_digests(NOW + timedelta(days=1)) == 1


@pytest.mark.parametrize(
    ("column", "value"), [("done_at", NOW), ("snoozed_until", NOW + timedelta(minutes=1))]
)
def test_what_is_done_or_put_off_is_not_counted(member: Membership, column: str, value: datetime) -> None:
    an_item(a_shipment(member.merchant), Reason.EXCEPTION, **{column: value})

    assert send_digests(NOW) == 0


def test_another_merchants_parcels_are_not_counted(member: Membership, charlie: User) -> None:
    needs_somebody(charlie.memberships.get().merchant)

    assert send_digests(NOW) == 0


def test_a_digest_that_is_too_late_is_left_out(member: Membership) -> None:
    needs_somebody(member.merchant)

    assert send_digests(NOW + LATEST + timedelta(minutes=1)) == 0
    assert send_digests(NOW + timedelta(days=1)) == 1


def test_a_late_queue_still_sends_it(member: Membership) -> None:
    needs_somebody(member.merchant)

    assert send_digests(NOW + LATEST) == 1


def test_a_digest_minutes_before_midnight_is_sent_minutes_after_it(member: Membership) -> None:
    needs_somebody(member.merchant)
    Membership.objects.update(digest_at=time(23, 58))
    midnight = datetime(2026, 3, 7, 5, 0, tzinfo=UTC)

    assert send_digests(midnight - timedelta(minutes=3)) == 0
    assert send_digests(midnight + timedelta(minutes=2)) == 1
    assert Membership.objects.get(pk=member.pk).digest_sent_on == date(2026, 3, 6)


@pytest.mark.parametrize(
    ("at", "first_run", "sent"),
    [
        # 8 March: there is no half past two; at 7:00 UTC it becomes three.
        (time(2, 30), datetime(2026, 3, 8, 6, 50, tzinfo=UTC), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        # 1 November: half past one twice, at 5:30 and 6:30 UTC.
        (time(1, 30), datetime(2026, 11, 1, 5, 20, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    ],
)
def test_a_night_in_which_the_clock_is_moved_has_one_digest(
    member: Membership, at: time, first_run: datetime, sent: datetime
) -> None:
    needs_somebody(member.merchant)
    before = (first_run - timedelta(days=1)).date()
    Membership.objects.update(digest_at=at, digest_sent_on=before)
    runs = [first_run + timedelta(minutes=5 * run) for run in range(40)]

    assert [now for now in runs if send_digests(now)] == [sent]


def test_who_has_never_had_one_hears_of_the_last_day(alice: User) -> None:
    alice.memberships.update(digest_at=time(8))
    merchant = alice.memberships.get().merchant
    needs_somebody(merchant, hours_ago=23)
    needs_somebody(merchant, hours_ago=25)

    send_digests(NOW)

    assert "1 is new since the last digest." in Mail.objects.get().text


def test_who_chose_an_hour_that_has_passed_gets_the_first_one_tomorrow(alice: User) -> None:
    member = alice.memberships.get()
    needs_somebody(member.merchant)
    member.choose_alerts(time(8), [], NOW + timedelta(hours=2))

    assert send_digests(NOW + timedelta(hours=2)) == 0
    assert send_digests(NOW + timedelta(days=1)) == 1


def test_who_chose_an_hour_to_come_gets_the_first_one_today(alice: User) -> None:
    member = alice.memberships.get()
    needs_somebody(member.merchant)
    member.choose_alerts(time(8), [], NOW - timedelta(hours=2))

    assert send_digests(NOW) == 1


def test_a_digest_that_fails_stays_due_and_no_other_waits(
    member: Membership, charlie: User, caplog: pytest.LogCaptureFixture
) -> None:
    other = charlie.memberships.get()
    assert member.merchant_id < other.merchant_id
    Membership.objects.filter(pk=other.pk).update(digest_at=time(8), digest_sent_on=date(2026, 3, 5))
    for merchant in (member.merchant, other.merchant):
        needs_somebody(merchant)
    # A clock that an operator's update brought in past the form.
    Merchant.objects.filter(pk=member.merchant_id).update(time_zone="Mars/Olympus")

    assert send_digests(NOW) == 1

    assert Mail.objects.get().to == "charlie@example.com"
    assert (
        f"A digest of merchant {member.merchant_id} could not be written: ZoneInfoNotFoundError"
        in caplog.text
    )

    Merchant.objects.filter(pk=member.merchant_id).update(time_zone="America/New_York")
    assert send_digests(NOW) == 1
    assert sorted(Mail.objects.values_list("to", flat=True)) == ["alice@example.com", "charlie@example.com"]


def test_what_a_digest_fails_at_midway_leaves_it_due(
    member: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_somebody(member.merchant)
    monkeypatch.setattr(digests, "_lines", lambda *_rest: 1 // 0)

    assert send_digests(NOW) == 0

    member.refresh_from_db()
    assert member.digest_sent_on == date(2026, 3, 5)
    monkeypatch.undo()
    assert send_digests(NOW) == 1


def test_a_closed_account_gets_none(member: Membership) -> None:
    needs_somebody(member.merchant)
    User.objects.update(is_active=False)

    assert send_digests(NOW) == 0


@pytest.mark.parametrize("parcels", [3, 60])
def test_a_digest_takes_the_same_statements_whatever_the_parcels(
    member: Membership, parcels: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(parcels):
        needs_somebody(member.merchant)

    # Members; savepoint, claim, counts, parcels, savepoint, mail and the two releases.
    with django_assert_num_queries(9):
        send_digests(NOW)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one(alice: User) -> None:
    alice.memberships.update(digest_at=time(8), digest_sent_on=date(2026, 3, 5))
    merchant = alice.memberships.get().merchant
    a_person("mary@example.com", merchant, "manager").memberships.update(digest_at=time(8))
    needs_somebody(merchant)
    sent = []
    start = threading.Barrier(4)

    def worker() -> None:
        start.wait()
        sent.append(send_digests(NOW))
        connections.close_all()

    workers = [threading.Thread(target=worker) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()

    assert sum(sent) == 2
    assert sorted(Mail.objects.values_list("to", flat=True)) == ["alice@example.com", "mary@example.com"]
