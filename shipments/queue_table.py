"""The queue as a table: which cluster takes which task, and what comes back when a cluster is gone. Used by django-q2.

A task's row says by its `key` where it stands, and by `lock` from when on it may be taken:

    trackingsite             nobody has begun it
    trackingsite to C        the same, and only cluster C takes it: by that its supervisor sees whether it works
    trackingsite by C        cluster C has it; when `lock` has passed, it was lost, and anybody takes it
    trackingsite again       it was given back by a cluster that is gone
    trackingsite again by C  a cluster has it for the second time; lost again, it waits for its `lock`

Given back it is once only: a task that kills whoever begins it must not do so over and over without a pause.
"""

from time import sleep

from django.db import connections
from django.db.models.functions import Now
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from shipments.clusters import this_cluster

_TABLE = OrmQ._meta.db_table

# By the clock of the database, which all hosts share.
_TAKE = f"""
    UPDATE {_TABLE} AS task
    SET lock = statement_timestamp() + %(retry)s * interval '1 second',
        key = CASE WHEN task.key = ANY(%(fresh)s) THEN %(by)s ELSE %(again_by)s END
    FROM (
        SELECT id FROM {_TABLE}
        WHERE lock <= statement_timestamp()
          AND (key = ANY(%(fresh)s) OR key = %(again)s OR starts_with(key, %(any_by)s) OR starts_with(key, %(any_again_by)s))
        ORDER BY id LIMIT %(bulk)s FOR UPDATE SKIP LOCKED
    ) AS next
    WHERE task.id = next.id
    RETURNING task.id, task.payload
"""  # noqa: S608  (the only inserted text is the table's name)


def to_cluster(queue: str, cluster: str) -> str:
    """The key of tasks that only this cluster takes."""
    return f"{queue} to {cluster}"


def by_cluster(queue: str, cluster: str) -> str:
    """The key of tasks that this cluster has."""
    return f"{queue} by {cluster}"


def given_back(queue: str) -> str:
    """The key of tasks that come from a cluster that is gone."""
    return f"{queue} again"


# django-q2 has no types.
class QueueTable(ORM):  # type: ignore[misc]
    """Hands out the oldest task first, each to one cluster."""

    def enqueue(self, task: str) -> int:
        """Put a task into the table; the key of its row."""
        row = OrmQ.objects.using(Conf.ORM).create(key=self.list_key, payload=task, lock=Now())
        return int(row.pk)

    def dequeue(self) -> list[tuple[int, str]] | None:
        """The next tasks, which are this cluster's from now on; None, after a pause, where there is none."""
        # Drops a connection that is too old or broken.
        self.get_connection(self.list_key)
        cluster, queue = this_cluster(), self.list_key
        again = given_back(queue)
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(
                _TAKE,
                {
                    "retry": Conf.RETRY,
                    "fresh": [queue, to_cluster(queue, cluster)],
                    "by": by_cluster(queue, cluster),
                    "again": again,
                    "again_by": by_cluster(again, cluster),
                    "any_by": by_cluster(queue, ""),
                    "any_again_by": by_cluster(again, ""),
                    "bulk": Conf.BULK,
                },
            )
            taken = cursor.fetchall()
        if not taken:
            sleep(Conf.POLL)
            return None
        return sorted(taken)

    def queue_size(self) -> int:
        """How many tasks may be taken by any cluster now."""
        rows = OrmQ.objects.using(Conf.ORM).filter(lock__lte=Now())
        return int(rows.exclude(key__startswith=to_cluster(self.list_key, "")).count())
