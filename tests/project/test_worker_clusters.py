"""Many clusters on one queue: who takes which task, and who is seen to be hung."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest
from django.db import connection
from django.utils import timezone
from django_q import scheduler as django_q_scheduler
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule

from shipments import clusters, queueing, tasks
from shipments.management.commands.worker import Cluster, Pulse
from shipments.models import Heartbeat
from shipments.queue_table import QueueTable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_cluster(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let this process belong to the cluster of that name."""

    def belong(cluster: str) -> None:
        monkeypatch.setenv(clusters.CLUSTER_VARIABLE, cluster)

    return belong


def taken() -> list[str]:
    """The names of the tasks that are handed out now."""
    names = []
    while rows := get_broker().dequeue():
        names += [OrmQ.objects.get(pk=pk).name() for pk, _payload in rows]
    return names


def time_passes(by: timedelta) -> None:
    for row in OrmQ.objects.all():
        OrmQ.objects.filter(pk=row.pk).update(lock=row.lock - by)


def test_the_queue_is_the_products_own():
    assert isinstance(get_broker(), QueueTable)


def test_the_oldest_task_is_handed_out_first():
    for name in (queueing.SWEEP, queueing.SEND_MAIL, queueing.HOUSEKEEP):
        queueing.enqueue(name)
    # Rewritten rows stand at the end of a table.
    OrmQ.objects.filter(pk=OrmQ.objects.order_by("pk")[0].pk).update(key="trackingsite")
    assert taken() == ["sweep", "send_mail", "housekeep"]
    assert queueing.waiting() == 0


def test_each_task_is_handed_to_one_of_many_clusters():
    for _ in range(40):
        queueing.enqueue(queueing.SWEEP)
    at_once = Barrier(8)

    def take_all(_n: int) -> list[int]:
        try:
            at_once.wait()
            mine = []
            while rows := get_broker().dequeue():
                mine += [pk for pk, _payload in rows]
            return mine
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        handed_out = [pk for mine in pool.map(take_all, range(8)) for pk in mine]
    assert sorted(handed_out) == sorted(OrmQ.objects.values_list("pk", flat=True))


def test_what_is_meant_for_one_cluster_is_taken_by_no_other(as_cluster: Callable[[str], None]):
    queueing.enqueue(queueing.SWEEP, only_for="host/a")
    assert queueing.is_waiting_for("host/a")
    assert not queueing.is_waiting_for("host/b")
    assert queueing.waiting() == 0, "it is nobody else's work"

    as_cluster("host/b")
    assert taken() == []
    as_cluster("host/a")
    assert taken() == ["sweep"]
    assert not queueing.is_waiting_for("host/a")


def test_what_a_killed_cluster_had_is_given_back_at_once(as_cluster: Callable[[str], None]):
    queueing.enqueue(queueing.SWEEP)
    queueing.enqueue(queueing.SEND_MAIL)
    as_cluster("host/a")
    assert get_broker().dequeue() is not None
    as_cluster("host/b")
    assert taken() == ["send_mail"]
    assert queueing.waiting() == 0

    # It was never started, so nothing of it lives.
    Cluster("queue cluster", ["true"], cluster="host/a").kill()

    assert queueing.waiting() == 1
    assert taken() == ["sweep"], "and what another cluster has stays with it"


def test_a_task_that_kills_every_cluster_is_given_back_only_once(as_cluster: Callable[[str], None]):
    queueing.enqueue(queueing.SWEEP)
    as_cluster("host/a")
    assert taken() == ["sweep"]
    assert queueing.give_back("host/a") == 1
    assert taken() == ["sweep"]

    assert queueing.give_back("host/a") == 0
    assert taken() == []

    # Then it waits as whatever was lost does, and may be lost again.
    for _ in range(2):
        time_passes(timedelta(seconds=201))
        assert queueing.waiting() == 1
        assert taken() == ["sweep"]
        assert queueing.give_back("host/a") == 0


def test_a_cluster_that_notes_nothing_of_what_it_has_done_is_known_by_what_it_holds(
    as_cluster: Callable[[str], None],
):
    # Two workers, as many tasks at hand, one on its way, and ten that are just being noted.
    for _ in range(15):
        queueing.enqueue(queueing.SWEEP)
    as_cluster("host/a")
    assert len(taken()) == 15
    assert not queueing.holds_too_much("host/a")
    queueing.enqueue(queueing.SWEEP)
    assert taken() == ["sweep"]
    assert queueing.holds_too_much("host/a")
    assert not queueing.holds_too_much("host/b")

    queueing.give_back("host/a")
    assert len(taken()) == 16
    assert not queueing.holds_too_much("host/a"), "started anew, it is judged by what it takes anew"


def test_what_a_lost_cluster_had_comes_back_by_itself(as_cluster: Callable[[str], None]):
    queueing.enqueue(queueing.SWEEP)
    as_cluster("host/a")
    assert taken() == ["sweep"]
    as_cluster("elsewhere/b")
    time_passes(timedelta(seconds=190))
    assert taken() == []
    time_passes(timedelta(seconds=11))
    assert taken() == ["sweep"]


def test_a_cluster_that_is_stopped_leaves_nothing_for_itself_alone():
    queueing.enqueue(queueing.SWEEP, only_for="host/a")
    queueing.enqueue(queueing.SWEEP, only_for="host/b")
    queueing.enqueue(queueing.SWEEP)
    Cluster("queue cluster", ["true"], cluster="host/a").stop()
    assert sorted(OrmQ.objects.values_list("key", flat=True)) == ["trackingsite", "trackingsite to host/b"]


def test_two_clusters_of_one_host_have_a_pulse_each(as_cluster: Callable[[str], None]):
    now = timezone.now()
    host = clusters.this_host()
    as_cluster(f"{host}/a")
    Heartbeat.objects.beat(now)
    as_cluster(f"{host}/b")
    Heartbeat.objects.beat(now + timedelta(seconds=5))
    as_cluster(f"{host}2/c")
    Heartbeat.objects.beat(now + timedelta(seconds=9))

    assert Heartbeat.objects.last_beat(f"{host}/a") == now
    assert Heartbeat.objects.last_beat() == now + timedelta(seconds=5), "any of this host, and no other's"


def test_a_hung_cluster_is_found_beside_one_that_works(as_cluster: Callable[[str], None]):
    clock = [1000.0]
    said: list[str] = []
    pulses = {}
    for name in ("host/well", "host/hung"):
        pulses[name] = Pulse.of(name, said.append)
        pulses[name]._clock = lambda: clock[0]
        pulses[name]._changed_at = clock[0]
    found: dict[str, list[str]] = {"host/well": [], "host/hung": []}
    as_cluster("host/well")

    for _ in range(30):
        clock[0] += 2
        for name, pulse in pulses.items():
            if trouble := pulse.trouble(1000.0):
                found[name].append(trouble)
        # The one that works takes whatever it is given.
        while taken():
            Heartbeat.objects.beat(timezone.now())

    assert found["host/well"] == []
    assert found["host/hung"][0] == "has shown no sign of life for 46 s"
    assert list(OrmQ.objects.filter(key="trackingsite to host/hung").values_list("key", flat=True)) == [
        "trackingsite to host/hung"
    ]


def test_a_schedule_that_is_due_is_queued_once_by_two_clusters_at_once(monkeypatch: pytest.MonkeyPatch):
    queueing.create_schedules()
    Schedule.objects.update(next_run=timezone.now() - timedelta(seconds=1))
    inside = Event()
    queue_it = django_q_scheduler.async_task

    def slowly(*args: object, **kwargs: object) -> object:
        if not inside.is_set():
            inside.set()
            # Long enough for the other to look at the schedules too.
            Event().wait(0.5)
        return queue_it(*args, **kwargs)

    monkeypatch.setattr(django_q_scheduler, "async_task", slowly)

    def look(is_second: bool) -> None:
        try:
            if is_second:
                inside.wait(5)
            django_q_scheduler.scheduler()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(look, (False, True)))

    assert sorted(row.task["func"] for row in OrmQ.objects.all()) == sorted(
        f"shipments.tasks.{name}" for name in queueing.SCHEDULES
    )
    assert not Schedule.objects.filter(next_run__lte=timezone.now()).exists()


def test_a_scheduler_that_is_killed_half_way_has_queued_nothing(monkeypatch: pytest.MonkeyPatch):
    queueing.create_schedules()
    Schedule.objects.update(next_run=timezone.now() - timedelta(seconds=1))
    queue_it, queued = django_q_scheduler.async_task, []

    def breaks_off(*args: object, **kwargs: object) -> object:
        queued.append(args)
        if len(queued) == 5:
            raise SystemExit
        return queue_it(*args, **kwargs)

    monkeypatch.setattr(django_q_scheduler, "async_task", breaks_off)
    with pytest.raises(SystemExit):
        django_q_scheduler.scheduler()

    assert OrmQ.objects.count() == 0
    assert Schedule.objects.filter(next_run__lte=timezone.now()).count() == len(queueing.SCHEDULES)


def test_housekeeping_forgets_clusters_that_are_gone(as_cluster: Callable[[str], None]):
    now = timezone.now()
    as_cluster("host/gone")
    Heartbeat.objects.beat(now - timedelta(days=1, minutes=1))
    queueing.enqueue(queueing.SWEEP, only_for="host/gone")
    time_passes(timedelta(minutes=61))
    as_cluster("host/here")
    Heartbeat.objects.beat(now - timedelta(hours=23))
    queueing.enqueue(queueing.SWEEP, only_for="host/here")
    queueing.enqueue(queueing.SWEEP)

    tasks.housekeep()

    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"host/here"}
    assert sorted(OrmQ.objects.values_list("key", flat=True)) == ["trackingsite", "trackingsite to host/here"]
