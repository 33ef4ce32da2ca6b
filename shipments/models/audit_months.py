"""The audit's months: each is a partition of its own, made ahead, and dropped as one when it is old."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

logger = logging.getLogger(__name__)

# Younger months are never dropped: this one, and those of a whole year before it.
FEWEST_KEPT = 13
# Dropping a month waits for whoever writes an entry just now, and everybody after that waits for the dropping.
PATIENCE = "5s"
_GUARD = (
    "CREATE OR REPLACE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON {partition} "
    "FOR EACH STATEMENT EXECUTE FUNCTION shipments_audit_is_append_only()"
)


class InUse(Exception):
    """The audit was being written or read for longer than dropping may wait; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the audit that has a partition."""

    first: date
    table: str

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    def count(self) -> int:
        """How many entries are in it; reads all of it."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.table}")  # noqa: S608  (a name from the catalogue)
            many: int = cursor.fetchone()[0]
        return many


def after(first: date) -> date:
    """The first day of the month that follows."""
    return (first + timedelta(days=32)).replace(day=1)


def earlier(first: date, months: int) -> date:
    """The first day of the month so many months before."""
    years, month = divmod(first.year * 12 + first.month - 1 - months, 12)
    return date(years, month + 1, 1)


def youngest_droppable(now: datetime) -> date:
    """The first day of the month before which months may be dropped."""
    return earlier(now.astimezone(UTC).date().replace(day=1), FEWEST_KEPT - 1)


def make(table: str, now: datetime, *, ahead: int) -> None:
    """Make the partitions of this month and the `ahead` next ones, where they are missing.

    An entry of a month without a partition goes to the default one, and such a month cannot be made before `sort_out` has
    emptied that: months are made a year early, by the migration and by every housekeeping.
    """
    first = now.astimezone(UTC).date().replace(day=1)
    for _month in range(ahead + 1):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                _make_one(cursor, table, first)
        except IntegrityError:
            logger.warning(
                "The audit of %s stays in the default partition: it has entries there. drop_audit_months sorts them out.",
                f"{first:%Y-%m}",
            )
        first = after(first)


def months(table: str) -> list[Month]:
    """Every month that has a partition, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass "
            "AND inhrelid::regclass::text ~ '_[0-9]{4}_[0-9]{2}$' ORDER BY 1",
            [table],
        )
        partitions = [partition for (partition,) in cursor.fetchall()]
    return [
        Month(date(int(year), int(month), 1), partition)
        for partition in partitions
        for year, month in [partition.rsplit("_", 2)[1:]]
    ]


def droppable(table: str, before: datetime, now: datetime) -> list[Month]:
    """The months that ended before this moment, the oldest first, without those that are never dropped."""
    limit = min(before.astimezone(UTC).date(), youngest_droppable(now))
    return [month for month in months(table) if after(month.first) <= limit]


def drop(month: Month, *, patience: str = PATIENCE) -> None:
    """Drop a month with all its entries. InUse where the table cannot be had; call it in a transaction."""
    with _patience(patience) as cursor:
        cursor.execute(f"DROP TABLE {month.table}")


def sort_out(table: str) -> int:
    """Give the entries of the default partition months of their own; how many those were. InUse."""
    default = f"{table}_default"
    with transaction.atomic(), _patience(PATIENCE) as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            f"SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date FROM {default}"  # noqa: S608
        )
        firsts = [first for (first,) in cursor.fetchall()]
        if not firsts:
            return 0
        cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {default}")
        cursor.execute(f"ALTER TABLE {default} RENAME TO {table}_unsorted")
        cursor.execute(f"CREATE TABLE {default} PARTITION OF {table} DEFAULT")
        cursor.execute(_GUARD.format(partition=default))
        for first in firsts:
            _make_one(cursor, table, first)
        columns = "id, at, person, run_by, source, address, merchant, verb, model, row, before, after"
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}_unsorted"  # noqa: S608
        )
        moved: int = cursor.rowcount
        cursor.execute(f"DROP TABLE {table}_unsorted")
        return moved


def _make_one(cursor: CursorWrapper, table: str, first: date) -> None:
    partition = f"{table}_{first:%Y_%m}"
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [partition])
    if cursor.fetchone()[0]:
        return
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {partition} PARTITION OF {table} "
        f"FOR VALUES FROM ('{first} 00:00+00') TO ('{after(first)} 00:00+00')"
    )
    # The database copies triggers for rows to every month, but not this one.
    cursor.execute(_GUARD.format(partition=partition))


@contextmanager
def _patience(most: str) -> Iterator[CursorWrapper]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{most}'")
            yield cursor
    except OperationalError as exc:
        raise InUse(
            "The audit was in use for longer than dropping may hold others up; nothing was changed."
        ) from exc
