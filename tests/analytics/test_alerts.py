"""Immediate alerts."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django_q.models import OrmQ
from pytest_django import DjangoAssertNumQueries

from shipments.analytics import alerts
from shipments.analytics.alerts import MOST_LISTED, PAUSE, send_alerts, tell
from shipments.analytics.letters import write_to
from shipments.enums import Reason
from shipments.models import Alert, AttentionItem, Mail, Membership, Merchant, Shipment, User
from shipments.models.notices import KEPT
from tests.factories import a_merchant, a_person, a_shipment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)
SINCE = NOW - timedelta(hours=2)
RANKS = {reason: rank for rank, reason in enumerate(Reason)}


def an_item(shipment: Shipment, *reasons: Reason, **over: Any) -> AttentionItem:
    """What needs somebody about the parcel, the worst reason first; the parcel was there before."""
    Shipment.objects.filter(pk=shipment.pk).update(created_at=SINCE - timedelta(days=3))
    return AttentionItem.objects.create(
        **{
            "shipment": shipment,
            "merchant": shipment.merchant,
            "reasons": [reason.value for reason in reasons],
            "reason": reasons[0],
            "rank": RANKS[reasons[0]],
            "since": SINCE,
            "found_at": NOW,
            **over,
        }
    )


def found(*items: AttentionItem) -> list[tuple[int, int, tuple[Reason, ...]]]:
    """As a review reports it: every reason of these items has just begun to hold."""
    return [
        (item.shipment_id, item.merchant_id, tuple(Reason(reason) for reason in item.reasons))
        for item in items
    ]


def subscribe(user: User, *reasons: Reason) -> None:
    user.memberships.update(alert_reasons=[reason.value for reason in reasons])


def mails() -> list[Mail]:
    return list(Mail.objects.order_by("pk"))


def test_one_parcel_is_one_mail_to_each_who_wished_for_it(alice: User, mary: User, bob: User) -> None:
    merchant = alice.memberships.get().merchant
    subscribe(alice, Reason.EXCEPTION)
    subscribe(mary, Reason.EXCEPTION, Reason.LATE)
    subscribe(bob, Reason.LATE)
    parcel = a_shipment(merchant, order_number="A-77", recipient_name="Robin Invented")

    assert tell(found(an_item(parcel, Reason.EXCEPTION)), NOW) == 1
    assert send_alerts(NOW) == 2

    to_alice, to_mary = mails()
    assert (to_alice.to, to_mary.to) == ("alice@example.com", "mary@example.com")
    assert to_alice.subject == f"Problem reported: {parcel.number}, order A-77 · Alpine Outfitters"
    assert (to_alice.kind, to_alice.merchant) == ("alert", merchant)
    assert to_alice.unsubscribe_url == "http://localhost:8000/app/alpine/settings/alerts/"
    for body in (to_alice.text, to_alice.html):
        assert parcel.number in body
        assert "order A-77" in body
        assert f"http://localhost:8000/app/alpine/shipments/{parcel.public_id}/" in body
        assert "http://localhost:8000/app/alpine/settings/alerts/" in body
        assert "since 6 March" in body
        assert "The carrier reports a problem." in body
        assert "Robin" not in body


def test_trouble_from_before_the_parcel_was_added_is_told_to_nobody(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    old, new = (an_item(a_shipment(alice.memberships.get().merchant), Reason.EXCEPTION) for _ in range(2))
    Shipment.objects.filter(pk=old.shipment_id).update(created_at=SINCE + timedelta(minutes=1))

    assert tell(found(old, new), NOW) == 1

    assert list(Alert.objects.values_list("shipment", flat=True)) == [new.shipment_id]


def test_the_same_news_is_told_once(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    item = an_item(a_shipment(alice.memberships.get().merchant), Reason.EXCEPTION)
    tell(found(item), NOW)
    send_alerts(NOW)

    assert tell(found(item), NOW + timedelta(hours=1)) == 0
    assert send_alerts(NOW + timedelta(hours=1)) == 0

    assert len(mails()) == 1


def test_a_reason_that_begins_anew_is_news(alice: User) -> None:
    subscribe(alice, Reason.SILENT)
    item = an_item(a_shipment(alice.memberships.get().merchant), Reason.SILENT)
    tell(found(item), NOW)
    send_alerts(NOW)

    item.since = NOW + timedelta(days=6)
    item.save()
    later = NOW + timedelta(days=7)
    assert tell(found(item), later) == 1
    assert send_alerts(later) == 1


def test_what_comes_back_with_news_after_it_was_done_is_told_again(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    parcel = a_shipment(alice.memberships.get().merchant, changed_at=SINCE)
    item = an_item(parcel, Reason.EXCEPTION)
    tell(found(item), NOW)
    send_alerts(NOW)

    # Done, then another problem of the same kind: the item comes back with the reason it had.
    Shipment.objects.update(changed_at=NOW + timedelta(hours=3))
    later = NOW + timedelta(hours=4)
    assert tell(found(item), later) == 1
    assert send_alerts(later) == 1


def test_a_burst_is_one_mail_with_the_worst_and_a_count_of_the_rest(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    merchant = alice.memberships.get().merchant
    subscribe(alice, Reason.EXCEPTION, Reason.LATE)
    late = [an_item(a_shipment(merchant), Reason.LATE) for _ in range(30)]
    worst = [an_item(a_shipment(merchant), Reason.EXCEPTION, Reason.LATE) for _ in range(MOST_LISTED)]
    with django_assert_num_queries(1):
        assert tell(found(*late, *worst), NOW) == 70

    assert send_alerts(NOW) == 1

    (mail,) = mails()
    assert mail.subject == "50 parcels need somebody · Alpine Outfitters"
    for body in (mail.text, mail.html):
        assert "And 30 more parcels." in body
        assert [item.shipment.number in body for item in worst] == [True] * MOST_LISTED
        assert [item.shipment.number in body for item in late] == [False] * 30
        assert body.count("Problem reported · Late") == MOST_LISTED
    assert Alert.objects.untold().count() == 0


def test_what_comes_soon_after_a_mail_waits_and_comes_together(alice: User) -> None:
    merchant = alice.memberships.get().merchant
    subscribe(alice, Reason.EXCEPTION)
    tell(found(an_item(a_shipment(merchant), Reason.EXCEPTION)), NOW)
    assert send_alerts(NOW) == 1
    for minute in (1, 2, 3):
        now = NOW + timedelta(minutes=minute)
        tell(found(an_item(a_shipment(merchant), Reason.EXCEPTION)), now)
        assert send_alerts(now) == 0

    assert send_alerts(NOW + PAUSE) == 1

    assert [mail.subject for mail in mails()][1] == "3 parcels need somebody · Alpine Outfitters"


def test_one_merchants_burst_delays_no_other(alice: User, charlie: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    subscribe(charlie, Reason.EXCEPTION)
    tell(found(an_item(a_shipment(alice.memberships.get().merchant), Reason.EXCEPTION)), NOW)
    send_alerts(NOW)
    tell(found(an_item(a_shipment(charlie.memberships.get().merchant), Reason.EXCEPTION)), NOW)

    assert send_alerts(NOW) == 1
    assert [mail.to for mail in mails()] == ["alice@example.com", "charlie@example.com"]


def test_it_is_kept_who_was_told_what(alice: User, mary: User, bob: User) -> None:
    merchant = alice.memberships.get().merchant
    subscribe(alice, Reason.EXCEPTION, Reason.LATE)
    subscribe(mary, Reason.LATE)
    both = an_item(a_shipment(merchant), Reason.EXCEPTION, Reason.LATE)
    passed = an_item(a_shipment(merchant), Reason.EXCEPTION)
    tell(found(both, passed), NOW)
    AttentionItem.objects.filter(pk=passed.pk).delete()

    send_alerts(NOW)

    told = {(alert.shipment_id, alert.reason): sorted(alert.told_to) for alert in Alert.objects.all()}
    assert told == {
        (both.shipment_id, "exception"): [alice.pk],
        (both.shipment_id, "late"): sorted([alice.pk, mary.pk]),
        (passed.shipment_id, "exception"): [],
    }


def test_of_a_burst_those_are_told_that_the_mail_names(alice: User) -> None:
    merchant = alice.memberships.get().merchant
    subscribe(alice, Reason.EXCEPTION)
    tell(found(*[an_item(a_shipment(merchant), Reason.EXCEPTION) for _ in range(MOST_LISTED + 3)]), NOW)

    send_alerts(NOW)

    named = Alert.objects.filter(told_to=[alice.pk]).values_list("shipment__number", flat=True)
    assert len(named) == MOST_LISTED
    assert all(number in mails()[0].text for number in named)
    assert Alert.objects.filter(told_to=[]).count() == 3


def test_a_merchant_whose_round_fails_keeps_its_news_and_no_other_waits(
    alice: User, mary: User, charlie: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = alice.memberships.get().merchant
    assert broken.pk < charlie.memberships.get().merchant_id
    for person in (alice, mary, charlie):
        subscribe(person, Reason.EXCEPTION)
    for person in (alice, charlie):
        shipment = a_shipment(person.memberships.get().merchant, recipient_name="Ada Sample")
        tell(found(an_item(shipment, Reason.EXCEPTION)), NOW)

    def fails_at_the_second(member: Membership, *rest: Any) -> None:
        if member.user == mary:
            raise ValueError("no mail about Ada Sample")
        write_to(member, *rest)

    monkeypatch.setattr(alerts, "write_to", fails_at_the_second)
    assert send_alerts(NOW) == 1

    assert [mail.to for mail in mails()] == ["charlie@example.com"]
    assert Alert.objects.untold().get().merchant_id == broken.pk
    assert f"Alerts of merchant {broken.pk} could not be written: ValueError" in caplog.text
    assert "Ada" not in caplog.text

    monkeypatch.undo()
    assert send_alerts(NOW) == 2
    assert sorted(mail.to for mail in mails()[1:]) == ["alice@example.com", "mary@example.com"]


@pytest.mark.parametrize(
    "dealt_with",
    [
        {"done_at": NOW},
        {"snoozed_until": NOW + timedelta(days=1)},
        # What was found has passed before anybody was told.
        {"reasons": [Reason.LATE], "reason": Reason.LATE},
    ],
)
def test_what_somebody_has_dealt_with_or_has_passed_is_not_told(
    alice: User, dealt_with: dict[str, Any]
) -> None:
    subscribe(alice, Reason.EXCEPTION)
    item = an_item(a_shipment(alice.memberships.get().merchant), Reason.EXCEPTION)
    tell(found(item), NOW)
    AttentionItem.objects.filter(pk=item.pk).update(**dealt_with)

    assert send_alerts(NOW) == 0
    assert Alert.objects.untold().count() == 0


def test_a_done_item_is_not_even_kept(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    item = an_item(a_shipment(alice.memberships.get().merchant), Reason.EXCEPTION, done_at=NOW)

    assert tell(found(item), NOW) == 0


def test_a_snooze_that_is_over_hides_nothing(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    item = an_item(
        a_shipment(alice.memberships.get().merchant),
        Reason.EXCEPTION,
        snoozed_until=NOW - timedelta(minutes=1),
    )
    tell(found(item), NOW)

    assert send_alerts(NOW) == 1


def test_news_nobody_wished_for_leaves_nothing(alice: User, charlie: User) -> None:
    subscribe(alice, Reason.LATE)
    subscribe(charlie, Reason.EXCEPTION)
    item = an_item(a_shipment(alice.memberships.get().merchant), Reason.EXCEPTION)

    assert tell(found(item), NOW) == 0
    assert (Alert.objects.count(), OrmQ.objects.count()) == (0, 0)


def test_who_subscribes_later_is_not_told_old_news(alice: User, mary: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    tell(found(an_item(a_shipment(alice.memberships.get().merchant), Reason.EXCEPTION)), NOW)
    send_alerts(NOW)
    subscribe(mary, Reason.EXCEPTION)

    assert send_alerts(NOW + timedelta(days=1)) == 0


def test_a_closed_account_gets_no_mail(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    User.objects.update(is_active=False)
    tell(found(an_item(a_shipment(alice.memberships.get().merchant), Reason.EXCEPTION)), NOW)

    assert send_alerts(NOW) == 0


def test_a_mail_is_in_the_merchants_language_and_on_its_clock() -> None:
    merchant = a_merchant(slug="sol", name="Sol & Mar", language="es", time_zone="Pacific/Auckland")
    carla = a_person("carla@example.com", merchant, "owner")
    subscribe(carla, Reason.LATE)
    tell(found(an_item(a_shipment(merchant, order_number="A&B <1>"), Reason.LATE)), NOW)

    send_alerts(NOW)

    (mail,) = mails()
    # Two in the morning of the next day there.
    assert "7 de marzo" in mail.text
    assert '<html lang="es">' in mail.html
    assert "A&amp;B &lt;1&gt;" in mail.html
    assert "Sol &amp; Mar" in mail.html
    assert "A&B <1>" in mail.text
    assert "Sol & Mar" in mail.text


def test_news_is_kept_for_three_months(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    merchant = alice.memberships.get().merchant
    tell(found(an_item(a_shipment(merchant), Reason.EXCEPTION)), NOW - KEPT - timedelta(hours=1))
    tell(found(an_item(a_shipment(merchant), Reason.EXCEPTION)), NOW - KEPT + timedelta(hours=1))

    assert Alert.objects.forget_old(NOW) == 1
    assert Alert.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_reviews_and_two_workers_at_once_write_one_mail(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    merchant = alice.memberships.get().merchant
    items = [an_item(a_shipment(merchant), Reason.EXCEPTION) for _ in range(20)]
    kept, written = [], []
    start = threading.Barrier(4)

    def review_and_send() -> None:
        start.wait()
        kept.append(tell(found(*items), NOW))
        start.wait()
        written.append(send_alerts(NOW))
        connections.close_all()

    workers = [threading.Thread(target=review_and_send) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()

    assert sorted(kept) == [0, 0, 0, 20]
    assert sorted(written) == [0, 0, 0, 1]
    assert Mail.objects.get().subject == "20 parcels need somebody · Alpine Outfitters"


@pytest.mark.django_db(transaction=True)
def test_while_one_round_is_written_another_waits_for_nothing_and_writes_nothing(alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    merchant = alice.memberships.get().merchant
    tell(found(an_item(a_shipment(merchant), Reason.EXCEPTION)), NOW)
    is_written, may_end, meanwhile = threading.Event(), threading.Event(), []

    def one_round() -> None:
        with transaction.atomic():
            send_alerts(NOW)
            is_written.set()
            may_end.wait(timeout=30)
        connections.close_all()

    def another() -> None:
        meanwhile.append(send_alerts(NOW + timedelta(seconds=1)))
        connections.close_all()

    first, second = threading.Thread(target=one_round), threading.Thread(target=another)
    first.start()
    assert is_written.wait(timeout=30)
    tell(found(an_item(a_shipment(merchant), Reason.EXCEPTION)), NOW)
    second.start()
    second.join(timeout=25)
    try:
        assert meanwhile == [0]
    finally:
        may_end.set()
        first.join()
        second.join()
    assert Mail.objects.count() == 1
    assert Alert.objects.untold().count() == 1


@pytest.mark.django_db(transaction=True)
def test_news_nudges_the_queue(merchant: Merchant, alice: User) -> None:
    subscribe(alice, Reason.EXCEPTION)
    tell(found(an_item(a_shipment(merchant), Reason.EXCEPTION)), NOW)

    assert OrmQ.objects.get().task["func"] == "shipments.tasks.send_alerts"
