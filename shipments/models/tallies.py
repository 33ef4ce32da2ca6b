"""How many parcels a merchant has in each status group, without counting them."""

from typing import ClassVar

from django.db import connection, models

from shipments.enums import Lifecycle, StatusGroup
from shipments.models.merchants import Merchant
from shipments.models.shipments import lifecycle_choices


class TallyManager(models.Manager["Tally"]):
    """Reads and compacts the tallies; the database writes them."""

    def counts(self, merchant: Merchant | int) -> dict[tuple[Lifecycle, StatusGroup], int]:
        """The merchant's parcels by lifecycle and status group, exact as of this statement; what has none is left out."""
        rows = (
            self.filter(merchant=merchant)
            .values_list("lifecycle", "status_group")
            .annotate(total=models.Sum("parcels"))
            .order_by()
        )
        return {
            (Lifecycle(lifecycle), StatusGroup(group)): total for lifecycle, group, total in rows if total
        }

    def compact(self) -> None:
        """Put the rows of each count into one. Safe beside writers, who only add rows, and beside itself."""
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH crowded AS (
                    SELECT merchant_id, lifecycle, status_group FROM {table} GROUP BY 1, 2, 3 HAVING count(*) > 1
                ), gone AS (
                    DELETE FROM {table} AS tally USING crowded
                    WHERE (tally.merchant_id, tally.lifecycle, tally.status_group)
                        = (crowded.merchant_id, crowded.lifecycle, crowded.status_group)
                    RETURNING tally.merchant_id, tally.lifecycle, tally.status_group, tally.parcels
                )
                INSERT INTO {table} (merchant_id, lifecycle, status_group, parcels)
                SELECT merchant_id, lifecycle, status_group, sum(parcels) FROM gone GROUP BY 1, 2, 3 HAVING sum(parcels) <> 0
                """  # noqa: S608  (the only inserted text is our own table's name)
            )


class Tally(models.Model):
    """A change of one count. A trigger on the parcels' table adds a row per statement and count; their sum is the count.

    Added, never updated: writers of one merchant's parcels would otherwise wait for each other at one row. Without a
    constraint to the merchant: the trigger also writes while one is deleted. What is left of it then adds up to nothing,
    and goes with the next `compact`.
    """

    merchant = models.ForeignKey(Merchant, models.DO_NOTHING, related_name="+", db_constraint=False)
    lifecycle = models.CharField(max_length=10, choices=lifecycle_choices)
    status_group = models.CharField(max_length=10)
    parcels = models.IntegerField()

    objects: ClassVar[TallyManager] = TallyManager()

    class Meta:
        verbose_name = "tally"
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.parcels:+d} {self.lifecycle} {self.status_group}"
