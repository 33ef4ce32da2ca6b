"""What the nightly lesson reads from stored scans, keeps, and gives the planner."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, connections
from django.test.utils import CaptureQueriesContext

from shipments import queueing, tasks
from shipments.enums import Status
from shipments.models import LearnedChances, ScanEvent, Shipment, Watch
from shipments.refresh import chances, learned
from shipments.refresh.learning import Sharpened
from shipments.refresh.planner import plan_due
from tests.factories import a_budget, a_merchant, a_shipment, an_account

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A Wednesday, noon in Chicago, the clock of parcels whose place nobody knows.
NOW = datetime(2026, 6, 10, 17, tzinfo=UTC)


@pytest.fixture(autouse=True)
def a_new_process(monkeypatch):
    """One that has not read any lesson: times of lessons are the same in all tests."""
    monkeypatch.setattr(learned, "_latest", (None, Sharpened({})))


def a_journey(
    *after: tuple[float, Status], days_ago: float = 3, merchant=None, checked_at=NOW, **over
) -> Shipment:
    """A parcel added so many days ago, with scans so many hours after that."""
    added = NOW - days_ago * DAY
    shipment = a_shipment(merchant, created_at=added, due_at=NOW + DAY, **over)
    Watch.objects.filter(pk=shipment.pk).update(checked_at=checked_at)
    ScanEvent.objects.bulk_create(a_scan(shipment, added + hours * HOUR, status) for hours, status in after)
    return shipment


def a_scan(shipment: Shipment, at: datetime, status: Status, **over) -> ScanEvent:
    told = {
        "fingerprint": f"{at:%d%H%M%S}{status}",
        "local_date": at.date(),
        "local_time": at.time(),
        "at": at,
        "ordered_at": at,
        "known_by": "place",
        "status": status,
    }
    return ScanEvent(shipment=shipment, merchant=shipment.merchant, **{**told, **over})


def labels_waited(sharpened: Sharpened) -> float:
    """How much news of labels is expected, as a share of what the tables expect."""
    plain = chances.calendar(Status.MANIFEST, False, None, 0, "")
    return sum(sharpened.calendar(Status.MANIFEST, False, None, 0, "").rates) / sum(plain.rates)


def test_without_a_lesson_the_tables_speak():
    assert labels_waited(learned.sharpened()) == pytest.approx(1.0)


def test_labels_that_nobody_scans_are_learned():
    merchant = a_merchant()
    for _ in range(30):
        a_journey((0.0, Status.MANIFEST), merchant=merchant)
    assert learned.learn(NOW) == 30
    row = LearnedChances.objects.get()
    assert (row.parcels, row.learned_at) == (30, NOW)
    assert labels_waited(learned.sharpened()) < 0.3


def test_labels_that_are_scanned_at_once_are_learned():
    merchant = a_merchant()
    for _ in range(30):
        a_journey((1.0, Status.ACCEPTANCE), (30.0, Status.DELIVERED), merchant=merchant)
    learned.learn(NOW)
    assert labels_waited(learned.sharpened()) > 2


def test_what_nobody_could_know_does_not_count():
    merchant = a_merchant()
    # Added long ago; never asked about; asked before anything was to be seen.
    a_journey((0.0, Status.MANIFEST), merchant=merchant, days_ago=30)
    a_journey((0.0, Status.MANIFEST), merchant=merchant, checked_at=None)
    a_journey((0.0, Status.MANIFEST), merchant=merchant, checked_at=NOW - 4 * DAY)
    assert learned.learn(NOW) == 0
    assert LearnedChances.objects.get().factors == {}


def test_a_scan_without_an_hour_leaves_its_parcel_out_and_one_taken_back_is_none():
    merchant = a_merchant()
    dated = a_journey((1.0, Status.ACCEPTANCE), merchant=merchant)
    ScanEvent.objects.filter(shipment=dated).update(local_time=None, at=None)
    assert learned.learn(NOW) == 0
    ScanEvent.objects.filter(shipment=dated).update(withdrawn_at=NOW)
    assert learned.learn(NOW) == 1
    # Without its scan it is a label that waited for three days.
    assert LearnedChances.objects.get().factors["all|label|other"] < 0.9


def test_a_lesson_takes_as_many_statements_for_many_parcels_as_for_few():
    merchant = a_merchant()

    def statements(more: int) -> int:
        for _ in range(more):
            a_journey((1.0, Status.ACCEPTANCE), merchant=merchant)
        with CaptureQueriesContext(connection) as queries:
            learned.learn(NOW)
        return len(queries)

    statements(1)
    assert statements(1) == statements(20)


def test_no_more_parcels_are_read_than_tell_enough(monkeypatch):
    monkeypatch.setattr(learned, "MOST_PARCELS", 5)
    monkeypatch.setattr(learned, "_AT_ONCE", 2)
    merchant = a_merchant()
    for _ in range(8):
        a_journey((1.0, Status.ACCEPTANCE), merchant=merchant)
    beats: list[int] = []
    assert learned.learn(NOW, beat=lambda: beats.append(1)) == 5
    assert len(beats) == 3


def test_a_new_lesson_reaches_a_process_that_knows_the_old_one():
    LearnedChances.objects.keep({"all|label|other": 2.0}, parcels=9, now=NOW)
    first = learned.sharpened()
    assert labels_waited(first) == pytest.approx(2.0)
    # Calendars are made once for each lesson.
    assert learned.sharpened() is first
    LearnedChances.objects.keep({"all|label|other": 0.5}, parcels=9, now=NOW + DAY)
    assert labels_waited(learned.sharpened()) == pytest.approx(0.5)
    LearnedChances.objects.all().delete()
    assert labels_waited(learned.sharpened()) == pytest.approx(1.0)


def test_there_is_one_row_and_no_other():
    LearnedChances.objects.keep({}, parcels=1, now=NOW)
    LearnedChances.objects.keep({}, parcels=2, now=NOW + DAY)
    assert LearnedChances.objects.get().parcels == 2
    with pytest.raises(IntegrityError, match="learned_chances_are_one_row"):
        LearnedChances.objects.create(id=2, learned_at=NOW, parcels=1, factors={})


def test_the_planner_ranks_by_what_was_learned():
    merchant = a_merchant()
    account = an_account(merchant)
    a_budget(account)
    swift, sleepy = ("Swift", Status.IN_TRANSIT), ("Sleepy", Status.IN_TRANSIT)
    known = {}
    for name, status in (swift, sleepy) * 40:
        shipment = a_shipment(
            merchant,
            due_at=NOW - HOUR,
            status=status,
            service_name=name,
            created_at=NOW - DAY,
            last_scan_at=NOW - 2 * HOUR,
        )
        Watch.objects.filter(pk=shipment.pk).update(
            checked_at=NOW - HOUR, wanted_by=NOW + HOUR, account=account
        )
        known[shipment.pk] = name
    factors = {f"service|moving|{which}|Swift": 9.0 for which in ("other", "round")}
    LearnedChances.objects.keep(factors, parcels=9, now=NOW)
    (batch,) = plan_due(NOW, limit=35)
    first = [known[pk] for pk in batch.shipment_ids]
    assert len(first) == 35
    assert set(first) == {"Swift"}


@pytest.mark.django_db(transaction=True)
def test_one_worker_learns_at_a_time():
    a_journey((1.0, Status.ACCEPTANCE))
    told: list[bool] = []

    def beside() -> None:
        try:
            tasks.learn_chances()
            told.append(LearnedChances.objects.exists())
        finally:
            connections.close_all()

    with queueing.alone(queueing.LEARN_CHANCES):
        other = threading.Thread(target=beside)
        other.start()
        other.join()
    tasks.learn_chances()
    assert told == [False]
    assert LearnedChances.objects.exists()
