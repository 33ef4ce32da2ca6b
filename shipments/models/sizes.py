"""How large the database's tables are, day by day, so that their growth can be seen."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

# A year and a month: growth beside the same season of last year.
KEPT = timedelta(days=400)


class TableSizeManager(models.Manager["TableSize"]):
    """Sizes, noted once a day."""

    def note(self, now: datetime) -> int:
        """Note how large every table is, if nobody has done so today; of how many tables that was.

        By the figures the database keeps of itself: nothing is counted. A table in parts (the audit) is one.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO shipments_tablesize ("on", name, bytes, "rows")
                SELECT %(on)s, name, bytes, "rows" FROM (
                    SELECT whole.relname AS name, sum(pg_total_relation_size(part.oid)) AS bytes,
                        sum(greatest(part.reltuples, 0))::bigint AS "rows"
                    FROM pg_class AS part
                    LEFT JOIN pg_inherits ON inhrelid = part.oid
                    JOIN pg_class AS whole ON whole.oid = coalesce(inhparent, part.oid)
                    WHERE part.relkind = 'r' AND part.relnamespace = current_schema()::regnamespace
                    GROUP BY whole.relname
                ) AS tables
                WHERE NOT EXISTS (SELECT FROM shipments_tablesize WHERE "on" = %(on)s)
                ON CONFLICT DO NOTHING
                """,
                {"on": now.date()},
            )
            return int(cursor.rowcount)

    def forget_old(self, now: datetime) -> int:
        """Drop what is older than `KEPT`."""
        return self.filter(on__lt=(now - KEPT).date()).delete()[0]


class TableSize(models.Model):
    """How large a table was on a day (UTC), with its indexes; `rows` is the database's own estimate.

    Here are also the permissions of the health page, which has no table of its own.
    """

    on = models.DateField(_("day"))
    name = models.CharField(_("table"), max_length=63)
    bytes = models.BigIntegerField(_("bytes"))
    rows = models.BigIntegerField(_("rows, estimated"))

    objects: ClassVar[TableSizeManager] = TableSizeManager()

    class Meta:
        verbose_name = _("size of a table")
        verbose_name_plural = _("sizes of tables")
        default_permissions = ()
        permissions = [
            ("view_health", "Can see how the installation fares"),
            ("change_health", "Can have failed tasks and waiting mails tried again"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["on", "name"], name="table_size_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.name} on {self.on}"
