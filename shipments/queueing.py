"""The only door to the queue: tasks by name, with ids, its figures, and the clusters that work on it."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, models, transaction
from django.db.models.functions import Now
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import Failure, OrmQ, Schedule
from django_q.signals import pre_execute
from django_q.tasks import async_task

from shipments.queue_table import by_cluster, given_back, to_cluster
from trackingsite import logs

# Tasks of a busy cluster that are done and will be noted in a moment.
_NOTED_NEXT = 10
# What was meant for a cluster that was never seen again.
_UNTAKEN_FOR = timedelta(hours=1)

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
LEARN_CHANCES = "learn_chances"
WORK_ON_REPLAY = "work_on_replay"
REMIND_OF_KEYS = "remind_of_keys"
MOVE_WATCHES = "move_watches"
WORK_ON_MERCHANT_EXPORT = "work_on_merchant_export"
RESUME_MERCHANT_EXPORTS = "resume_merchant_exports"
DELETE_MERCHANTS = "delete_merchants"
KEEP_AGES = "keep_ages"
ERASE_BUYERS = "erase_buyers"
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
        LEARN_CHANCES,
        WORK_ON_REPLAY,
        REMIND_OF_KEYS,
        MOVE_WATCHES,
        WORK_ON_MERCHANT_EXPORT,
        RESUME_MERCHANT_EXPORTS,
        DELETE_MERCHANTS,
        KEEP_AGES,
        ERASE_BUYERS,
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
    LEARN_CHANCES: 24 * 60,
    REMIND_OF_KEYS: 60,
    MOVE_WATCHES: 1,
    RESUME_MERCHANT_EXPORTS: 1,
    DELETE_MERCHANTS: 10,
    # Every hour it is night for somebody.
    KEEP_AGES: 60,
    ERASE_BUYERS: 5,
}

# Tasks that failed within so long count as failing now.
FAILING = timedelta(hours=1)
# What failed, and how, is kept for whoever looks into it.
FAILURES_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Figures:
    """How the queue fares: tasks that wait, since when the first of them does, tasks a worker has, and those that failed
    within `FAILING`; `failures` are all that failed and are kept."""

    waiting: int
    waits_since: datetime | None
    begun: int
    failed: int
    failures: int


def enqueue(name: str, *ids: int | str, only_for: str | None = None) -> None:
    """Nudge the queue to run a task after the current transaction; a nudge that is lost costs time, not work.

    With `only_for` no other cluster takes it.
    """
    if name not in TASKS:
        raise ValueError(f"{name!r} is not a task.")
    options = {"task_name": name}
    if only_for is not None:
        options["cluster"] = to_cluster(Conf.CLUSTER_NAME, only_for)
    transaction.on_commit(partial(async_task, f"shipments.tasks.{name}", *ids, q_options=options))


def waiting() -> int:
    """How many tasks nobody has begun, or somebody who is lost."""
    return int(get_broker().queue_size())


_FIGURES = f"""
SELECT * FROM (
    -- A task's lock is when it was queued; one that a worker has is locked until it counts as lost.
    SELECT count(*) FILTER (WHERE lock <= %(now)s), min(lock) FILTER (WHERE lock <= %(now)s), count(*) FILTER (WHERE lock > %(now)s)
    FROM {OrmQ._meta.db_table} WHERE NOT starts_with(key, %(nudges)s)
) AS tasks, (
    SELECT count(*) FILTER (WHERE stopped > %(lately)s), count(*) FROM {Failure._meta.db_table} WHERE NOT success
) AS failures
"""  # noqa: S608  (the tables' own names)


def figures(now: datetime) -> Figures:
    """How the queue fares, by one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FIGURES, {"now": now, "lately": now - FAILING, "nudges": to_cluster(Conf.CLUSTER_NAME, "")}
        )
        return Figures(*cursor.fetchone())


def forget_failures(now: datetime) -> int:
    """Drop what is known of tasks that failed longer ago than `FAILURES_KEPT`; how many those were."""
    return int(Failure.objects.filter(stopped__lt=now - FAILURES_KEPT).delete()[0])


# Failures are read from so many tasks, the newest; a task that fails every minute would else be a page of its own.
MOST_FAILURES = 200


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that failed: `ids` are its arguments, `told` is its traceback, which only whoever hides values may show.

    `is_known`: one of ours, with nothing but ids, so that it can be queued again. `row` is where it stands.
    """

    key: str
    name: str
    ids: tuple[int | str, ...]
    at: datetime
    told: str
    is_known: bool
    row: models.Model


def failures() -> list[Failed]:
    """The newest failed tasks, up to `MOST_FAILURES`; the old ones are forgotten."""
    return [_failed(row) for row in Failure.objects.order_by("-stopped")[:MOST_FAILURES]]


def _failed(row: Failure) -> Failed:
    name, ids = str(row.func).rpartition(".")[2], tuple(row.args or ())
    is_known = (
        name in TASKS
        and row.func == f"shipments.tasks.{name}"
        and not row.kwargs
        and all(type(one) in (int, str) for one in ids)
    )
    return Failed(row.pk, name, ids if is_known else (), row.stopped, str(row.result or ""), is_known, row)


def retry_failures(keys: Iterable[str]) -> list[Failed]:
    """Queue these failed tasks again, each task with the same ids once, and forget that they failed; those that were queued.

    What is none of ours stays where it is. Of two who do this at once, one does it.
    """
    with transaction.atomic():
        rows = list(Failure.objects.filter(pk__in=list(keys)).order_by("pk").select_for_update())
        ours = [failed for failed in map(_failed, rows) if failed.is_known]
        once = {(failed.name, failed.ids): failed for failed in ours}
        for name, ids in once:
            enqueue(name, *ids)
        Failure.objects.filter(pk__in=[failed.key for failed in ours]).delete()
    return list(once.values())


def drop_failures(keys: Iterable[str]) -> list[Failed]:
    """Forget that these tasks failed; those that had."""
    with transaction.atomic():
        rows = list(Failure.objects.filter(pk__in=list(keys)).order_by("pk").select_for_update())
        failed = [_failed(row) for row in rows]
        Failure.objects.filter(pk__in=[one.key for one in failed]).delete()
    return failed


def mask_in_failures(words: re.Pattern[str], mask: str) -> int:
    """Replace words in what is known of tasks that failed: a message of the database repeats the values it refused. In how
    many that was."""
    many = 0
    for row in Failure.objects.order_by("pk").select_for_update():
        told = str(row.result or "")
        masked = words.sub(mask, told)
        if masked != told:
            row.result = masked
            row.save(update_fields=["result"])
            many += 1
    return many


def name_tasks_in_logs() -> None:
    """Have every line that a task writes carry the task's name."""
    pre_execute.connect(_name_task, dispatch_uid="shipments.name_tasks_in_logs")


def _name_task(func: Callable[..., Any] | None, task: dict[str, Any], **_kwargs: Any) -> None:
    # Tasks that a schedule makes have names nobody chose.
    logs.begin(task=getattr(func, "__name__", task["name"]))


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether nobody else is at this task, on any host; until the block ends nobody will be."""
    key = f"shipments.tasks.{name}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [key])
        (is_ours,) = cursor.fetchone()
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [key])


# ---- Clusters ----------------------------------------------------------------------------------------------------


def is_waiting_for(cluster: str) -> bool:
    """Whether something is meant for this cluster alone that it has not taken."""
    return bool(OrmQ.objects.filter(key=to_cluster(Conf.CLUSTER_NAME, cluster), lock__lte=Now()).exists())


def holds_too_much(cluster: str) -> bool:
    """Whether this cluster has more tasks than it can have begun: it does not note those that are done."""
    held = OrmQ.objects.filter(key=by_cluster(Conf.CLUSTER_NAME, cluster)).count()
    return bool(held > Conf.WORKERS + Conf.QUEUE_LIMIT + Conf.BULK + _NOTED_NEXT)


def give_back(cluster: str) -> int:
    """Let others take at once what this cluster had when it was killed; how many tasks that were.

    Call it when every process of the cluster is dead. What was lost before comes back by itself, later.
    """
    had = OrmQ.objects.filter(key=by_cluster(Conf.CLUSTER_NAME, cluster))
    return int(had.update(key=given_back(Conf.CLUSTER_NAME), lock=Now()))


def retire(cluster: str) -> None:
    """Drop what only this cluster would take: it is not started again."""
    OrmQ.objects.filter(key=to_cluster(Conf.CLUSTER_NAME, cluster)).delete()


def forget_untaken() -> None:
    """Drop what was meant for clusters that were never seen again."""
    to_any = OrmQ.objects.filter(key__startswith=to_cluster(Conf.CLUSTER_NAME, ""))
    to_any.filter(lock__lt=Now() - _UNTAKEN_FOR).delete()


# ---- Schedules ---------------------------------------------------------------------------------------------------


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
