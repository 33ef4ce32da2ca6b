"""The nightly work: what is due, what is left of it, and that nobody waits for it."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from shipments.enums import Kept, Status
from shipments.keeping import retention
from shipments.keeping.ages import Due, ages_of, due
from shipments.models import (
    Answer,
    AuditEntry,
    Merchant,
    Note,
    PromisedDay,
    Proof,
    ProofPicture,
    RetentionRule,
    ScanEvent,
    Shipment,
    Statement,
    Subscription,
    audit_months,
)
from tests.factories import a_merchant, a_shipment, ingested
from tests.keeping.people import MARK, a_known_parcel, over_since, what_the_carrier_says

NOW = datetime(2026, 11, 3, 8, tzinfo=UTC)
# Three o'clock in New York.
NIGHT = NOW


def a_rule(kind: Kept, days: int | None, merchant: Merchant | None = None) -> RetentionRule:
    return RetentionRule.objects.update_or_create(kind=kind, merchant=merchant, defaults={"days": days})[0]


@pytest.mark.django_db
def test_nothing_is_erased_that_nobody_has_decided_on() -> None:
    shipment = a_known_parcel()
    over_since(shipment, 3000, NOW)
    assert retention.keep_ages(NIGHT) is True
    shipment.refresh_from_db()
    assert (shipment.erased_parts, shipment.recipient_name) == (0, f"Ada {MARK}")
    assert due(NOW) == []


@pytest.mark.django_db
def test_of_personal_data_the_summary_is_left_and_a_timeline_without_words() -> None:
    a_rule(Kept.PERSONAL, 540)
    shipment = a_known_parcel()
    over_since(shipment, 541, NOW)
    before = Shipment.objects.get(pk=shipment.pk)
    retention.keep_ages(NIGHT)

    after = Shipment.objects.get(pk=shipment.pk)
    assert (after.status, after.delivered_on, after.destination_city) == (
        Status.DELIVERED,
        before.delivered_on,
        "OLNEY",
    )
    assert after.last_location == "OLNEY, MD"
    assert (after.number, after.number_as_typed) == (before.number, before.number)
    assert (after.recipient_name, after.signed_by, after.tags, after.details) == ("", "", [], {})
    assert after.erased_parts == 1 | 2 | 4
    said = {"at": NOW.isoformat(timespec="seconds"), "days": 540}
    assert after.erasures == {"personal": said, "answers": said, "proofs": said}
    assert list(
        after.scans.newest_first().values_list("status", "text", "city", "postal_code", "latitude")
    ) == [
        ("Delivered", "", "OLNEY", "", None),
        ("Unknown", "", "OLNEY", "", None),
        ("Acceptance", "", "DENVER", "", None),
    ]
    # Who is told of it may still be told when: of the address nothing is left.
    assert Subscription.objects.get().email is None
    assert not Note.objects.exists()
    assert Statement.objects.get().document is None
    assert len(Statement.objects.get().digest) == 64


@pytest.mark.django_db
def test_of_raw_answers_the_digests_are_left() -> None:
    a_rule(Kept.ANSWERS, 400)
    shipment = a_known_parcel()
    digest = Answer.objects.get().sha256
    over_since(shipment, 401, NOW)
    retention.keep_ages(NIGHT)

    answer = Answer.objects.get()
    assert (answer.body, answer.text, answer.unreadable, answer.sha256) == (None, "", [], digest)
    assert set(ScanEvent.objects.values_list("answer", flat=True)) == {answer.pk}
    shipment.refresh_from_db()
    assert (shipment.answer_id, shipment.erased_parts) == (answer.pk, 2)
    assert shipment.recipient_name == f"Ada {MARK}"


@pytest.mark.django_db
def test_of_proofs_it_is_left_that_there_were_some() -> None:
    a_rule(Kept.PROOFS, 200)
    shipment = a_known_parcel()
    over_since(shipment, 201, NOW)
    retention.keep_ages(NIGHT)

    picture = ProofPicture.objects.get()
    assert (picture.data, len(picture.sha256), len(picture.original_sha256)) == (None, 64, 64)
    assert Statement.objects.get().document is None
    assert not Proof.objects.filter(due_at__isnull=False).exists()
    shipment.refresh_from_db()
    assert (shipment.proof_url, shipment.erased_parts, shipment.signed_by) == ("", 4, f"A {MARK}")


@pytest.mark.django_db
def test_of_scans_the_parcels_own_columns_are_left() -> None:
    a_rule(Kept.SCANS, 365)
    shipment = a_known_parcel()
    PromisedDay.objects.create(shipment=shipment, merchant=shipment.merchant, told_at=NOW)
    over_since(shipment, 366, NOW)
    retention.keep_ages(NIGHT)

    after = Shipment.objects.get(pk=shipment.pk)
    assert not ScanEvent.objects.exists()
    assert not PromisedDay.objects.exists()
    assert (after.status, after.last_scan_at, after.first_scan_on) == (
        Status.DELIVERED,
        shipment.last_scan_at,
        shipment.first_scan_on,
    )
    assert after.erased_parts == 8


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "lifecycle", "is_due"),
    [
        (100, "ended", False),
        (101, "ended", True),
        (101, "archived", True),
        # Still asked about: only after a year of silence.
        (101, "active", False),
        (465, "active", False),
        (466, "active", True),
    ],
)
def test_an_age_counts_from_the_last_news_of_a_parcel_nobody_asks_about(
    days: int, lifecycle: str, is_due: bool
) -> None:
    a_rule(Kept.ANSWERS, 100)
    shipment = a_shipment(created_at=NOW - timedelta(days=2000))
    over_since(shipment, days, NOW, lifecycle)
    assert due(NOW) == [Due(Kept.ANSWERS, int(is_due))]
    retention.keep_ages(NIGHT)
    shipment.refresh_from_db()
    assert bool(shipment.erased_parts) is is_due
    assert due(NOW) == [Due(Kept.ANSWERS, 0)]


@pytest.mark.django_db
def test_without_any_news_it_counts_from_when_the_parcel_was_added() -> None:
    a_rule(Kept.ANSWERS, 100)
    old, young = (a_shipment(created_at=NOW - timedelta(days=days)) for days in (101, 99))
    Shipment.objects.update(lifecycle="ended", end_reason="too-old", changed_at=None)
    retention.keep_ages(NIGHT)
    assert list(Shipment.objects.filter(erased_parts=2)) == [old]
    assert list(Shipment.objects.filter(erased_parts=0)) == [young]


@pytest.mark.django_db
def test_a_merchants_own_rule_stands_above_the_platforms() -> None:
    own, plain, keeper = (a_merchant() for _ in range(3))
    a_rule(Kept.SCANS, 100)
    a_rule(Kept.SCANS, 50, own)
    a_rule(Kept.SCANS, None, keeper)
    ages = ages_of([own, plain, keeper])
    assert [(age.merchant_id, age.kind, age.days) for age in ages] == [
        (own.pk, Kept.SCANS, 50),
        (plain.pk, Kept.SCANS, 100),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(("hour", "is_done"), [(4, False), (5, True), (8, True), (9, False), (20, False)])
def test_it_is_done_at_night_on_the_merchants_clock(hour: int, is_done: bool) -> None:
    """New York is five hours behind in November: from one to five in the morning is six to ten, less one in summer time."""
    a_rule(Kept.SCANS, 100)
    shipment = a_shipment(a_merchant(time_zone="America/New_York"), created_at=NOW - timedelta(days=900))
    summer = datetime(2026, 7, 3, hour, tzinfo=UTC)
    over_since(shipment, 300, NOW)
    assert retention.keep_ages(summer) is True
    shipment.refresh_from_db()
    assert bool(shipment.erased_parts) is is_done


@pytest.mark.django_db
def test_what_is_left_is_for_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    a_rule(Kept.SCANS, 100)
    merchant = a_merchant()
    for _ in range(5):
        over_since(a_shipment(merchant), 300, NOW)
    assert retention.keep_ages(NIGHT, patience=0) is False
    assert Shipment.objects.filter(erased_parts=8).count() == 2
    assert due(NOW) == [Due(Kept.SCANS, 3)]
    assert retention.keep_ages(NIGHT) is True
    assert Shipment.objects.filter(erased_parts=8).count() == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("held", ["shipments_shipment", "shipments_answer"])
def test_a_row_that_somebody_holds_is_passed_by_and_found_again(held: str) -> None:
    a_rule(Kept.PERSONAL, 100)
    merchant = a_merchant()
    shipments = [a_shipment(merchant) for _ in range(3)]
    for shipment in shipments:
        ingested(shipment, what_the_carrier_says())
        over_since(shipment, 300, NOW)
    let_go, is_held = threading.Event(), threading.Event()
    theirs = shipments[1]
    column = "id" if held == "shipments_shipment" else "shipment_id"

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT FROM {held} WHERE {column} = %s FOR UPDATE", [theirs.pk])
            is_held.set()
            let_go.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert is_held.wait(10)
        assert retention.keep_ages(NIGHT) is True
        assert set(Shipment.objects.filter(erased_parts=7)) == {shipments[0], shipments[2]}
        assert ScanEvent.objects.filter(shipment=theirs, text__contains=MARK).exists()
    finally:
        let_go.set()
        holder.join(30)
    assert due(NOW) == [Due(Kept.PERSONAL, 1)]
    retention.keep_ages(NIGHT)
    assert Shipment.objects.filter(erased_parts=7).count() == 3


@pytest.mark.django_db
def test_the_audit_goes_by_whole_months_of_all_merchants() -> None:
    a_rule(Kept.AUDIT, 400)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE shipments_auditentry_2025_08 PARTITION OF shipments_auditentry FOR VALUES FROM ('2025-08-01') TO ('2025-09-01')"
        )
        cursor.execute(
            "CREATE TABLE shipments_auditentry_2025_09 PARTITION OF shipments_auditentry FOR VALUES FROM ('2025-09-01') TO ('2025-10-01')"
        )
    # 400 days before 3 November 2026 is 29 September 2025: September has not ended by then.
    assert due(NOW) == [Due(Kept.AUDIT, 1)]
    retention.keep_ages(NIGHT)
    assert str(next(iter(audit_months.months(AuditEntry._meta.db_table)))) == "2025-09"
    entry = AuditEntry.objects.get(verb="dropped")
    assert (entry.model, entry.before) == ("shipments.RetentionRule", {"months": "2025-08"})


@pytest.mark.django_db
def test_what_is_due_is_counted_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    from shipments.keeping import ages

    monkeypatch.setattr(ages, "MOST_COUNTED", 2)
    a_rule(Kept.SCANS, 100)
    merchant = a_merchant()
    for _ in range(3):
        over_since(a_shipment(merchant), 300, NOW)
    (figure,) = due(NOW)
    assert (figure.kind, figure.many, figure.is_more) == (Kept.SCANS, 2, True)


@pytest.mark.django_db
def test_a_rule_tells_before_it_is_stored_what_it_alone_makes_due() -> None:
    own, plain, keeper = (a_merchant() for _ in range(3))
    a_rule(Kept.ANSWERS, 30)
    a_rule(Kept.SCANS, None, keeper)
    mine = a_rule(Kept.SCANS, 400, own)
    for merchant, many in ((own, 1), (plain, 2), (keeper, 3)):
        for _ in range(many):
            over_since(a_shipment(merchant), 300, NOW)

    def told(merchant: Merchant | None, days: int | None) -> list[Due]:
        return due(NOW, as_if=RetentionRule(merchant=merchant, kind=Kept.SCANS, days=days))

    # The platform's holds for those alone who have none of their own, a merchant's for that one, whatever is stored.
    assert told(None, 100) == [Due(Kept.SCANS, 2)]
    assert told(own, 100) == [Due(Kept.SCANS, 1)]
    assert told(keeper, 100) == [Due(Kept.SCANS, 3)]
    assert told(own, 301) == [Due(Kept.SCANS, 0)]
    assert told(own, None) == []
    assert due(NOW, as_if=RetentionRule(kind=Kept.AUDIT, days=400)) == [Due(Kept.AUDIT, 0)]
    assert due(NOW) == [Due(Kept.ANSWERS, 6), Due(Kept.SCANS, 0)]
    assert mine.days == 400


@pytest.mark.django_db
def test_what_is_written_of_an_erased_parcel_goes_at_the_same_age() -> None:
    shipment, kept = a_known_parcel(), a_shipment()
    over_since(shipment, 300, NOW)
    a_rule(Kept.PERSONAL, 100)
    retention.keep_ages(NIGHT)
    assert not Note.objects.exists()

    def write(about: Shipment, days_ago: int) -> Note:
        return Note.objects.create(
            shipment=about, merchant=about.merchant, text=MARK, made_at=NOW - timedelta(days=days_ago)
        )

    old, young, elsewhere = write(shipment, 101), write(shipment, 99), write(kept, 101)
    retention.keep_ages(NIGHT)
    assert set(Note.objects.all()) == {young, elsewhere}
    assert old not in Note.objects.all()


@pytest.mark.django_db
def test_a_step_says_how_much_it_has_erased() -> None:
    a_rule(Kept.PERSONAL, 100)
    shipment = a_known_parcel()
    over_since(shipment, 300, NOW)
    (age,) = ages_of([shipment.merchant])
    walk = retention.Walk(age, NOW)
    counts = walk.step()
    assert counts == Counter(
        parcels=1, scans=3, answers=1, pictures=1, statements=1, addresses=2, mails=3, notes=1
    )
    assert walk.step() is None


@pytest.mark.django_db
def test_a_delivery_whose_proof_was_erased_needs_nobody() -> None:
    from shipments.analytics import attention
    from shipments.models import AttentionItem

    now = timezone.now()
    shipment = a_shipment(status="Delivered", delivered_at=now - timedelta(days=3), proof_due=True)
    attention.review(now, [shipment.pk])
    assert AttentionItem.objects.get().reason == "no-proof"
    AttentionItem.objects.all().delete()
    Shipment.objects.update(erased_parts=4)
    attention.review(now, [shipment.pk])
    assert not AttentionItem.objects.exists()
