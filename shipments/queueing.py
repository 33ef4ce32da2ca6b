"""The only door to the queue: tasks by name, with ids, and its figures."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Min, Q
from django_q.brokers import get_broker
from django_q.models import Failure, OrmQ, Schedule
from django_q.signals import pre_execute
from django_q.tasks import async_task

from trackingsite import logs

# Every name that may be queued; each is a function in shipments.tasks.
SWEEP = "sweep"
REFRESH = "refresh_leased"
TEST_ACCOUNT = "test_account"
HOUSEKEEP = "housekeep"
SEND_MAIL = "send_mail"
REVIEW_ATTENTION = "review_attention"
SEND_ALERTS = "send_alerts"
SEND_DIGESTS = "send_digests"
WORK_ON_BULK = "work_on_bulk"
WORK_ON_IMPORT = "work_on_import"
RESUME_IMPORTS = "resume_imports"
TALLY_FIGURES = "tally_figures"
FETCH_PROOFS = "fetch_proofs"
TELL_BUYERS = "tell_buyers"
TASKS = frozenset(
    {
        SWEEP,
        REFRESH,
        TEST_ACCOUNT,
        HOUSEKEEP,
        SEND_MAIL,
        REVIEW_ATTENTION,
        SEND_ALERTS,
        SEND_DIGESTS,
        WORK_ON_BULK,
        WORK_ON_IMPORT,
        RESUME_IMPORTS,
        TALLY_FIGURES,
        FETCH_PROOFS,
        TELL_BUYERS,
    }
)

# What runs without anybody asking: name of the task → minutes between two runs.
SCHEDULES = {
    SWEEP: 1,
    SEND_MAIL: 1,
    REVIEW_ATTENTION: 5,
    SEND_ALERTS: 1,
    SEND_DIGESTS: 5,
    RESUME_IMPORTS: 1,
    TALLY_FIGURES: 10,
    FETCH_PROOFS: 1,
    TELL_BUYERS: 1,
    HOUSEKEEP: 60,
}

# Tasks that failed within so long count as failing now.
FAILING = timedelta(hours=1)
# What failed, and how, is kept for whoever looks into it.
FAILURES_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Figures:
    """How the queue fares: tasks that wait, since when the first of them does, tasks a worker has, and those that failed
    within `FAILING`."""

    waiting: int
    waits_since: datetime | None
    begun: int
    failed: int


def enqueue(name: str, *ids: int | str) -> None:
    """Nudge the queue to run a task after the current transaction; a nudge that is lost costs time, not work."""
    if name not in TASKS:
        raise ValueError(f"{name!r} is not a task.")
    transaction.on_commit(partial(async_task, f"shipments.tasks.{name}", *ids, q_options={"task_name": name}))


def waiting() -> int:
    """How many tasks nobody has begun."""
    return int(get_broker().queue_size())


def figures(now: datetime) -> Figures:
    """How the queue fares, by two statements."""
    # A task's lock is when it was queued; one that a worker has is locked until it counts as lost.
    waiting = Q(lock__lte=now)
    tasks = OrmQ.objects.filter(key=get_broker().list_key).aggregate(
        waiting=Count("pk", filter=waiting),
        waits_since=Min("lock", filter=waiting),
        begun=Count("pk", filter=Q(lock__gt=now)),
    )
    failed = Failure.objects.filter(stopped__gt=now - FAILING).count()
    return Figures(**tasks, failed=failed)


def forget_failures(now: datetime) -> int:
    """Drop what is known of tasks that failed longer ago than `FAILURES_KEPT`; how many those were."""
    return int(Failure.objects.filter(stopped__lt=now - FAILURES_KEPT).delete()[0])


def name_tasks_in_logs() -> None:
    """Have every line that a task writes carry the task's name."""
    pre_execute.connect(_name_task, dispatch_uid="shipments.name_tasks_in_logs")


def _name_task(func: Callable[..., Any] | None, task: dict[str, Any], **_kwargs: Any) -> None:
    # Tasks that a schedule makes have names nobody chose.
    logs.begin(task=getattr(func, "__name__", task["name"]))


def create_schedules() -> None:
    """Make the schedules as the code wants them; safe to repeat and to run twice at once.

    Drops those of ours that the code no longer knows, and doubles: django-q2 does not keep names unique.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('shipments.create_schedules'))")
        for name, minutes in SCHEDULES.items():
            wanted = {
                "func": f"shipments.tasks.{name}",
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
            }
            kept = Schedule.objects.filter(name=name).order_by("pk").first()
            if kept is None:
                Schedule.objects.create(name=name, **wanted)
            else:
                Schedule.objects.filter(name=name).exclude(pk=kept.pk).delete()
                Schedule.objects.filter(pk=kept.pk).update(**wanted)
        Schedule.objects.filter(func__startswith="shipments.tasks.").exclude(name__in=SCHEDULES).delete()
