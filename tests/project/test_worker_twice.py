"""Whatever runs by the clock may run twice at once: two clusters, a queue that was behind, a task that was lost and found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.utils import timezone

from shipments import queueing, tasks
from shipments.enums import Lifecycle, StatusGroup
from shipments.models import Tally, Throttle
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*work: Callable[[], object]) -> list[object]:
    """What each gives, all begun in the same moment; the first error is raised."""
    start = Barrier(len(work))

    def run(one: Callable[[], object]) -> object:
        try:
            start.wait()
            return one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def audit_months() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'shipments\\_auditentry\\_2%%' AND relkind = 'r'"
        )
        return {row[0] for row in cursor.fetchall()}


def test_housekeeping_four_times_at_once_does_everything_once():
    merchant = a_merchant()
    for _ in range(20):
        a_shipment(merchant)
    counted = Tally.objects.all().count()
    assert counted > 1, "there is something to put together"
    Throttle.objects.bulk_create(
        Throttle(key=f"{n}", ends_at=timezone.now() - timedelta(hours=1)) for n in range(200)
    )
    months = audit_months()
    with transaction.atomic(), connection.cursor() as cursor:
        for month in sorted(months)[-6:]:
            cursor.execute(f"DROP TABLE {month}")

    at_once(*[tasks.housekeep] * 4)

    assert audit_months() == months
    assert list(Tally.objects.values_list("merchant", "lifecycle", "status_group", "parcels")) == [
        (merchant.pk, Lifecycle.ACTIVE, StatusGroup.UNKNOWN, 20)
    ]
    assert not Throttle.objects.exists()


def test_a_task_done_alone_is_left_by_whoever_comes_second_and_free_afterwards():
    with queueing.alone("tidy") as is_ours:
        assert is_ours

        def second() -> tuple[bool, bool]:
            with queueing.alone("tidy") as same, queueing.alone("other") as another:
                return same, another

        assert at_once(second) == [(False, True)]
    assert at_once(second) == [(True, True)]


def test_what_broke_off_leaves_the_task_free():
    with pytest.raises(ZeroDivisionError), queueing.alone("tidy"):
        raise ZeroDivisionError

    def again() -> bool:
        with queueing.alone("tidy") as is_ours:
            return is_ours

    assert at_once(again) == [True]
