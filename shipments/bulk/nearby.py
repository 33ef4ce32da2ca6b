"""Some of the parcels that fit, found quickly wherever they lie.

PostgreSQL expects what fits a filter to lie evenly among the other parcels. Often it does not: a tag is of one season, a
name of no month in particular. Walking along the list in vain takes a second, and so does gathering all that fit
when they are many. So here a limited walk comes first, and everything is gathered only where that was in vain: one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, models
from django.db.models.expressions import RawSQL

from shipments.models.shipments import ShipmentQuerySet

# Neighbours in the list lie together on the disk: so many are walked past in the time that gathering a tenth of them takes.
NEIGHBOURS = 20_000
# Those of a partial index lie apart: each is on another page.
SCATTERED = 2_000

Ordering = list[models.OrderBy]


@dataclass(frozen=True, slots=True)
class Road:
    """Parcels with an index in the order in which they are walked past, and how many of them at most."""

    parcels: ShipmentQuerySet
    steps: int = NEIGHBOURS

    def where(self, wanted: models.Q) -> "Road":
        """The part of it that this is true of."""
        return replace(self, parcels=self.parcels.filter(wanted))


def near_first(
    found: ShipmentQuerySet,
    road: Road,
    columns: Sequence[str],
    *,
    walk: Ordering,
    gather: Ordering,
    limit: int,
) -> RawSQL:
    """These columns of up to `limit` parcels of `found`: of the first in the order `walk`, if a walk along the road, on
    which they are, comes upon enough; else of the first in the order `gather` of all that fit.

    `gather` is the same order in a form that no index has, or none.
    """
    passed, passed_params = _sql(road.parcels.order_by(*walk)[: road.steps])
    near, near_params = _sql(found.order_by(*walk).values(*columns)[:limit])
    too_few = RawSQL("(SELECT count(*) FROM near) < %s", [limit], output_field=models.BooleanField())
    everywhere, everywhere_params = _sql(found.filter(too_few).order_by(*gather).values(*columns)[:limit])
    # The limit of the road keeps PostgreSQL from looking for what fits by any other way than along it.
    table = f'"{found.model._meta.db_table}"'
    along = near.replace(f"FROM {table}", f"FROM passed AS {table}", 1)
    enough = "(SELECT count(*) FROM near) = %s"
    # The parts are statements Django has written, with their parameters.
    whole = f"""
        WITH passed AS ({passed}), near AS MATERIALIZED ({along})
        SELECT * FROM near WHERE {enough} UNION ALL ({everywhere})
    """  # noqa: S608
    return RawSQL(whole, [*passed_params, *near_params, limit, *everywhere_params])  # noqa: S611


def in_line(
    found: RawSQL | ShipmentQuerySet, columns: Sequence[str], *, key: str, downward: bool
) -> list[tuple[Any, ...]]:
    """These columns of the rows found, in the order of the column `key`, then of the id; those without it last in
    either direction.

    For what ends with a limit: what fits is read no further than to there, and only that is sorted. The key itself
    stays in the database: a thousand moments take six milliseconds to become Python's.
    """
    sql, params = (found.sql, found.params) if isinstance(found, RawSQL) else _sql(found)
    direction = "DESC" if downward else "ASC"
    shown = ", ".join(f'"{column}"' for column in columns)
    # A statement Django has written, with its parameters, and names of its own columns.
    line = f'SELECT {shown} FROM ({sql}) AS found ORDER BY "{key}" {direction} NULLS LAST, id {direction}'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(line, params)
        return list(cursor.fetchall())


def _sql(parcels: "models.QuerySet[Any, Any]") -> tuple[str, tuple[Any, ...]]:
    return parcels.query.sql_with_params()
