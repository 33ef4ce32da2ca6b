"""Some of the parcels that fit, found quickly wherever they lie.

PostgreSQL expects what fits a filter to lie evenly among the other parcels. Often it does not: a tag is of one season, a
name of no month in particular. Walking along the list in vain takes a second, and so does gathering all that fit
when they are many. So here a limited walk comes first, and everything is gathered only where that was in vain: one statement.
"""

from typing import Any

from django.db import connection, models
from django.db.models.expressions import RawSQL

from shipments.models.shipments import ShipmentQuerySet

# Neighbours in the list lie together on the disk: so many are walked past in the time that gathering a tenth of them takes.
WALKED = 20_000

Ordering = list[models.OrderBy]


def near_first(
    found: ShipmentQuerySet,
    among: ShipmentQuerySet,
    column: str,
    *,
    walk: Ordering,
    gather: Ordering,
    limit: int,
) -> RawSQL:
    """The column of up to `limit` parcels of `found`: of the first in the order `walk`, if a walk past `WALKED` of those
    `among` which they are comes upon enough; else of the first in the order `gather` of all that fit.

    `walk` and `among` have an index of theirs; `gather` is the same order in a form that no index has, or none.
    """
    road, road_params = _sql(among.order_by(*walk)[:WALKED])
    near, near_params = _sql(found.order_by(*walk).values(column)[:limit])
    too_few = RawSQL("(SELECT count(*) FROM near) < %s", [limit], output_field=models.BooleanField())
    everywhere, everywhere_params = _sql(found.filter(too_few).order_by(*gather).values(column)[:limit])
    # The limit of the road keeps PostgreSQL from looking for what fits by any other way than along it.
    table = f'"{found.model._meta.db_table}"'
    along = near.replace(f"FROM {table}", f"FROM ({road}) AS {table}", 1)
    enough = "(SELECT count(*) FROM near) = %s"
    # The parts are statements Django has written, with their parameters.
    whole = f"WITH near AS MATERIALIZED ({along}) SELECT * FROM near WHERE {enough} UNION ALL ({everywhere})"  # noqa: S608
    return RawSQL(whole, [*road_params, *near_params, limit, *everywhere_params])  # noqa: S611


def values_of(found: RawSQL) -> list[Any]:
    """The column `near_first` finds."""
    with connection.cursor() as cursor:
        cursor.execute(found.sql, found.params)
        return [value for (value,) in cursor.fetchall()]


def _sql(parcels: "models.QuerySet[Any, Any]") -> tuple[str, tuple[Any, ...]]:
    return parcels.query.sql_with_params()
