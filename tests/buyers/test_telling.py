"""What buyers are told, when, and how often."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from shipments.buyers import letters, telling
from shipments.buyers.telling import tell_batch, tell_due
from shipments.enums import MILESTONE_OF, EndReason, Lifecycle, Milestone, Status, Wants
from shipments.models import Mail, Shipment, Subscription
from shipments.models.subscriptions import Consent
from tests.buyers.parcels import (
    ARRIVED,
    ATTEMPT,
    NOW,
    NUMBER,
    ON_THE_WAY,
    OUT,
    a_parcel,
    news,
    subscribed,
    told,
)
from tests.factories import ACCEPTED, LABEL, OLNEY, a_scan, a_shipment, a_snapshot, ingested

pytestmark = pytest.mark.django_db


def a_subscription(*scans: Any, **over: Any) -> Subscription:
    return subscribed(a_parcel(*scans), **over)


def later(**span: int) -> datetime:
    return NOW + timedelta(**span)


def test_each_milestone_is_told_once_as_it_comes() -> None:
    parcel = a_subscription().shipment

    for minute, scan in ((30, OUT), (200, ATTEMPT), (250, ARRIVED)):
        news(parcel, scan, now=later(minutes=minute))
        assert tell_due(later(minutes=minute)) is True
        assert tell_due(later(minutes=minute)) is True

    assert told() == [
        "Out for delivery: USPS parcel …8490",
        "Delivery attempted: USPS parcel …8490",
        "Delivered: USPS parcel …8490",
    ]
    subscription = Subscription.objects.get()
    assert subscription.told == ["attempted", "delivered", "on-the-way", "out-for-delivery"]
    assert subscription.due_at is None


def test_of_several_milestones_in_one_answer_the_newest_is_told() -> None:
    parcel = a_subscription().shipment

    news(parcel, ARRIVED, ATTEMPT, OUT, now=later(hours=5))
    tell_due(later(hours=5))

    assert told() == ["Delivered: USPS parcel …8490"]


def test_a_label_is_no_news_and_the_first_sign_of_the_parcel_is() -> None:
    parcel = a_subscription(a_scan(*LABEL)).shipment
    assert Subscription.objects.get().told == []

    news(parcel, a_scan(*ACCEPTED), now=later(minutes=5))
    tell_due(later(minutes=5))
    news(parcel, ON_THE_WAY, now=later(minutes=10))
    tell_due(later(minutes=10))

    assert told() == ["With the carrier: USPS parcel …8490"]


def test_what_was_known_when_somebody_subscribed_is_no_news() -> None:
    parcel = a_subscription(OUT, a_scan(*ACCEPTED), now=later(hours=1)).shipment

    news(parcel, a_scan("2026-03-06 06:00", "07", "Arrived at Unit", Status.IN_TRANSIT), now=later(hours=2))

    assert Subscription.objects.get().due_at is None


def test_a_scan_from_before_the_subscription_that_nobody_knew_of_is_news_to_its_reader() -> None:
    """Scans reach us late: one posted at 10:20 and told at noon must not be lost to who subscribed at eleven."""
    parcel = a_subscription(now=later(hours=1)).shipment

    news(parcel, OUT, now=later(hours=2))
    tell_due(later(hours=2))

    assert told() == ["Out for delivery: USPS parcel …8490"]


def test_what_was_told_before_a_backup_was_restored_is_told_to_nobody_again() -> None:
    parcel = a_parcel()
    subscription, ended = subscribed(parcel), subscribed(parcel, email="ended@example.com")
    ended.stop(NOW)
    # A scan of 14:05 in Olney, told before the loss; the copy knows nothing of either.
    lost_at = datetime(2026, 3, 6, 19, 30, tzinfo=UTC)

    assert Subscription.objects.take_as_told(lost_at) == 1
    assert Subscription.objects.take_as_told(NOW) == 0
    news(parcel, ARRIVED, now=lost_at + timedelta(hours=1))
    tell_due(lost_at + timedelta(hours=1))
    assert told() == []

    # What follows is news.
    returned = a_scan("2026-03-06 15:00", "21", "Returned", Status.RETURN_TO_SENDER, place=OLNEY)
    news(parcel, returned, now=lost_at + timedelta(hours=2))
    tell_due(lost_at + timedelta(hours=2))
    assert len(told()) == 1
    subscription.refresh_from_db()
    assert Milestone.DELIVERED not in subscription.told


def test_who_wanted_what_had_happened_so_far_is_told_no_more() -> None:
    parcel = a_subscription(wants=Wants.SO_FAR).shipment

    news(parcel, OUT, now=later(minutes=30))

    assert Subscription.objects.get().due_at is None
    assert Mail.objects.get().kind == "buyer-so-far"


def test_who_has_ended_the_mails_is_told_no_more_not_even_what_waits_to_be_sent() -> None:
    subscription = a_subscription()
    news(subscription.shipment, OUT, now=later(minutes=30))
    tell_due(later(minutes=30))

    assert subscription.stop(later(minutes=31)) is True
    assert subscription.stop(later(minutes=32)) is False

    assert Mail.objects.exists() is False
    news(subscription.shipment, ARRIVED, now=later(hours=5))
    assert tell_batch(later(hours=5)) == 0


def test_the_same_answer_twice_and_news_of_no_milestone_tell_nobody() -> None:
    parcel = a_subscription().shipment
    news(parcel, OUT, now=later(minutes=30))
    tell_due(later(minutes=30))

    again = a_scan("2026-03-06 11:00", "OF", "Out for Delivery", Status.OUT_FOR_DELIVERY, place=OLNEY)
    news(parcel, again, now=later(minutes=60))
    news(parcel, now=later(minutes=90), delivery_location="OLNEY")

    assert Subscription.objects.get().due_at is None
    assert len(told()) == 1


def test_news_taken_back_before_it_was_told_is_not_told() -> None:
    parcel = a_subscription().shipment
    news(parcel, OUT, now=later(minutes=30))
    ingested(
        parcel,
        a_snapshot(ON_THE_WAY, a_scan(*ACCEPTED), a_scan(*LABEL)),
        minute=220,
        now=later(minutes=40),
    )

    assert tell_batch(later(minutes=41)) == 1

    assert told() == []
    assert Subscription.objects.get().due_at is None


def test_an_archived_parcel_is_not_told_of() -> None:
    parcel = a_subscription().shipment
    news(parcel, OUT, now=later(minutes=30))
    Shipment.objects.update(lifecycle=Lifecycle.ARCHIVED, end_reason=EndReason.BY_HAND)

    tell_due(later(minutes=31))

    assert told() == []


def test_a_status_without_scans_is_news_but_for_that_of_the_first_answer() -> None:
    """What the first answer tells was so before we knew the parcel: its import notifies nobody."""
    parcel = a_shipment(number=NUMBER)
    consent = Consent(parcel.pk, "robin@example.com", "yes", "parcels.csv, row 2")
    Subscription.objects.subscribe_with_consent(parcel.merchant, [consent], by_id=None, now=NOW)

    ingested(parcel, a_snapshot(status=Status.IN_TRANSIT), minute=190, now=later(minutes=10))
    assert Subscription.objects.get().due_at is None

    ingested(parcel, a_snapshot(status=Status.OUT_FOR_DELIVERY), minute=200, now=later(minutes=20))
    assert Subscription.objects.get().due_at == later(minutes=20)


def test_the_history_an_imported_parcel_brings_along_is_told_to_nobody_and_what_follows_is() -> None:
    parcel = a_shipment(number=NUMBER, destination_postal_code="20832")
    consent = Consent(parcel.pk, "robin@example.com", "yes", "parcels.csv, row 2")
    Subscription.objects.subscribe_with_consent(parcel.merchant, [consent], by_id=None, now=NOW)

    news(parcel, ON_THE_WAY, a_scan(*ACCEPTED), a_scan(*LABEL), now=later(minutes=10))
    assert Subscription.objects.get().due_at is None

    out = a_scan("2026-03-06 10:40", "OF", "Out for Delivery", Status.OUT_FOR_DELIVERY, place=OLNEY)
    news(parcel, out, now=later(minutes=45))
    tell_due(later(minutes=45))
    # A merchant's own buyer is told who has sent the parcel.
    assert told() == [f"Out for delivery: parcel from {parcel.merchant.name} (USPS …8490)"]


# ---- Quiet hours ---------------------------------------------------------------------------------------------------


def test_news_of_the_night_waits_for_eight_on_the_buyers_clock() -> None:
    """Also that a parcel is out for delivery: who is asleep cannot do anything about it."""
    parcel = a_subscription().shipment
    # 6:30 in Olney, the next day.
    dawn = datetime(2026, 3, 7, 11, 30, tzinfo=UTC)
    out = a_scan("2026-03-07 06:25", "OF", "Out for Delivery", Status.OUT_FOR_DELIVERY, place=OLNEY)

    news(parcel, out, now=dawn)
    tell_due(dawn)

    assert told() == []
    eight = datetime(2026, 3, 7, 13, 0, tzinfo=UTC)
    assert Subscription.objects.get().due_at == eight
    assert tell_batch(eight - timedelta(seconds=1)) == 0
    tell_due(eight)
    assert told() == ["Out for delivery: USPS parcel …8490"]


def test_of_two_pieces_of_news_in_one_night_the_newer_is_told() -> None:
    parcel = a_subscription().shipment
    night = datetime(2026, 3, 7, 3, 0, tzinfo=UTC)
    attempt = a_scan("2026-03-06 21:30", "02", "Notice Left", Status.DELIVERY_ATTEMPT, place=OLNEY)
    arrived = a_scan("2026-03-06 22:30", "01", "Delivered", Status.DELIVERED, place=OLNEY)
    news(parcel, attempt, now=night)
    tell_due(night)
    news(parcel, arrived, now=night + timedelta(hours=1))
    tell_due(night + timedelta(hours=1))

    tell_due(datetime(2026, 3, 7, 13, 0, tzinfo=UTC))

    assert told() == ["Delivered: USPS parcel …8490"]


@pytest.mark.parametrize(
    ("over", "zone"),
    [
        ({"destination_postal_code": "96813"}, "Pacific/Honolulu"),
        ({"destination_postal_code": "", "destination_region": "CA"}, "America/Los_Angeles"),
        ({"destination_postal_code": ""}, "America/Denver"),
    ],
)
def test_the_clock_is_that_of_the_destination_else_of_the_last_scan(over: dict[str, Any], zone: str) -> None:
    parcel = a_parcel()
    for name, value in over.items():
        setattr(parcel, name, value)
    shown = list(parcel.scans.shown().newest_first())
    parcel.destination_country = ""
    if "destination_region" not in over:
        parcel.destination_region = ""

    assert telling.zone_of_buyer(parcel, shown) == zone
    assert telling.zone_of_buyer(parcel, []) in {zone, parcel.merchant.time_zone}


# ---- Many, at once, and cut short ----------------------------------------------------------------------------------


def test_a_mail_that_cannot_be_written_keeps_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (
        subscribed(a_parcel(number=number)) for number in ("94001118992231974200", "94001118992231974217")
    )
    for subscription in (first, second):
        news(subscription.shipment, OUT, now=later(minutes=30))
    write = letters.post_news

    def fails_for_the_first(subscription: Subscription, *args: Any, **kwargs: Any) -> None:
        if subscription.pk == first.pk:
            raise RuntimeError("robin@example.com")
        write(subscription, *args, **kwargs)

    monkeypatch.setattr(letters, "post_news", fails_for_the_first)
    tell_due(later(minutes=30))

    assert [mail.subscription_id for mail in Mail.objects.filter(kind="buyer-news")] == [second.pk]
    assert Subscription.objects.get(pk=first.pk).due_at == later(minutes=90)
    monkeypatch.undo()
    tell_due(later(minutes=90))
    assert Mail.objects.filter(kind="buyer-news").count() == 2


def test_telling_takes_as_many_statements_for_the_parcels_of_many_as_of_one() -> None:
    """Those that read; each mail is written by statements of its own."""

    def reads() -> int:
        with CaptureQueriesContext(connection) as captured:
            tell_batch(later(minutes=30))
        return sum('FROM "shipments_scanevent"' in query["sql"] for query in captured.captured_queries)

    for number in range(3):
        news(
            subscribed(a_parcel(number=f"9400111899223197{number:04d}")).shipment, OUT, now=later(minutes=30)
        )

    assert reads() == 1
    assert len(told()) == 3


def test_ingest_marks_however_many_by_one_statement_and_queues_one_task() -> None:
    parcel = a_parcel()
    for name in "abc":
        subscribed(parcel, email=f"{name}@example.com")
    OrmQ.objects.all().delete()

    with CaptureQueriesContext(connection) as captured:
        news(parcel, OUT, now=later(minutes=30))

    marking = [query for query in captured.captured_queries if "shipments_subscription" in query["sql"]]
    assert len(marking) == 1
    assert Subscription.objects.filter(due_at=later(minutes=30)).count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_it_tells_has_told_nothing_and_the_next_tells_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parcel = a_subscription().shipment
    news(parcel, OUT, now=later(minutes=30))

    class Killed(BaseException):
        pass

    def die() -> None:
        assert len(told()) == 1
        raise Killed

    monkeypatch.setattr(telling, "nudge_queue", die)
    with pytest.raises(Killed):
        tell_batch(later(minutes=30))
    monkeypatch.undo()

    assert told() == []
    tell_due(later(minutes=31))
    assert told() == ["Out for delivery: USPS parcel …8490"]


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_tell_each_subscriber_once() -> None:
    parcel = a_parcel()
    for number in range(12):
        subscribed(parcel, email=f"buyer-{number}@example.com")
    news(parcel, OUT, now=later(minutes=30))
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            start.wait(timeout=60)
            tell_due(later(minutes=30))
        except BaseException as exc:  # noqa: BLE001  (shown by the test's own thread)
            failures.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []
    sent = list(Mail.objects.filter(kind="buyer-news").values_list("to", flat=True))
    assert sorted(sent) == sorted(f"buyer-{number}@example.com" for number in range(12))


@pytest.mark.django_db(transaction=True)
def test_what_another_worker_has_taken_is_left_to_it() -> None:
    parcel = a_subscription().shipment
    news(parcel, OUT, now=later(minutes=30))
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Subscription.objects.select_for_update().get()
            taken.set()
            done.wait(timeout=120)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(timeout=60)
    with transaction.atomic():
        assert tell_batch(later(minutes=30)) == 0
    done.set()
    holder.join(timeout=60)

    assert tell_batch(later(minutes=30)) == 1


def test_every_milestone_belongs_to_a_status_and_every_status_but_two_to_one() -> None:
    assert set(MILESTONE_OF.values()) == set(Milestone)
    assert set(Status) - set(MILESTONE_OF) == {Status.MANIFEST, Status.UNKNOWN}
