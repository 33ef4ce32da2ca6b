"""The audit's months: partitions that hold the entries of all merchants, and go as a whole."""

from datetime import UTC, date, datetime, timedelta

from django.db import OperationalError, connection, transaction

from shipments.models import AuditEntry

_TABLE = AuditEntry._meta.db_table


def older_than(before: datetime) -> list[date]:
    """The first days of the months that ended before this moment, the oldest first. What stands in the default partition
    belongs to no month that could be dropped."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass ORDER BY child.relname",
            [_TABLE],
        )
        names = [name.removeprefix(f"{_TABLE}_") for (name,) in cursor.fetchall()]
    months = [
        date.fromisoformat(f"{name.replace('_', '-')}-01")
        for name in names
        if name.replace("_", "").isdecimal()
    ]
    limit = before.astimezone(UTC).date()
    return [month for month in months if (month + timedelta(days=32)).replace(day=1) <= limit]


def drop(months: list[date]) -> list[date]:
    """Drop these months with all their entries; those that were dropped. A month somebody is reading or the whole audit
    somebody writes to this moment is left for the next time: nobody waits for this for longer than a moment."""
    dropped = []
    for month in months:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '200ms'")
                cursor.execute(f"DROP TABLE {_TABLE}_{month:%Y_%m}")
        except OperationalError:
            break
        dropped.append(month)
    return dropped
