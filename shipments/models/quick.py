"""Many rows read and written in one statement, at a fraction of what Django's own ways cost.

Django looks at every value of every row with several calls, and writes it into the text of the statement. Here all rows of a
statement are one JSON value, which the database takes apart. Neither defaults nor checks of the model are applied; those of the
database are. For the rows a carrier's answers are made of, which come by the thousand, and for nothing else.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models.base import ModelState
from psycopg.types.datetime import TimestamptzLoader

Model = TypeVar("Model", bound=models.Model)


def bare(model: type[Model], values: dict[str, Any], *, stored_in: str | None = None) -> Model:
    """A row with these columns (`merchant_id`, not `merchant`): all that will be asked of it. `stored_in` is the database
    a stored one comes from."""
    row = model.__new__(model)
    row.__dict__ = values
    state = ModelState()
    state.adding, state.db = stored_in is None, stored_in
    values["_state"] = state
    return row


def read(
    model: type[Model], by: str, keys: Sequence[int], names: tuple[str, ...] | None = None
) -> list[Model]:
    """The rows whose column `by` is one of the keys, in the order of their own keys; whole, or these columns, to which
    belongs the key. Another column costs a statement when it is asked for, as after `only`."""
    columns, names, texts = _read_columns(model, names)
    key = model._meta.pk.column
    with connection.cursor() as cursor:
        # Django's loader of instants is written in Python; the database is told to speak UTC anyway.
        cursor.cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        cursor.execute(
            f"SELECT {columns} FROM {model._meta.db_table} WHERE {by} = ANY(%s) ORDER BY {key}",  # noqa: S608  (our own names)
            [list(keys)],
        )
        found = cursor.fetchall()
    rows = []
    # Asking the connection costs as much as making the row.
    alias = connection.alias
    for told in found:
        values = dict(zip(names, told, strict=True))
        for name in texts:
            if (text := values[name]) is not None:
                values[name] = {} if text == "{}" else json.loads(text)
        rows.append(bare(model, values, stored_in=alias))
    return rows


def insert(
    model: type[models.Model], rows: Sequence[Mapping[str, Any]], *, or_leave: bool = False
) -> list[int]:
    """Store new rows, each given by its columns, the same for all; their keys, in the same order.

    With `or_leave` rows that break a unique constraint are left out; where there are fewer keys than rows, they say nothing
    about which.
    """
    if not rows:
        return []
    columns, types = _columns(model, tuple(rows[0]))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {model._meta.db_table} ({columns})
            SELECT {columns} FROM ROWS FROM (json_to_recordset(%s) AS ({types})) WITH ORDINALITY AS fresh
            ORDER BY ordinality {"ON CONFLICT DO NOTHING" if or_leave else ""} RETURNING id
            """,  # noqa: S608  (our own names)
            [_ENCODER.encode(rows)],
        )
        return [row[0] for row in cursor.fetchall()]


def overwrite(model: type[models.Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write these columns of stored rows; `pk` says of which. All rows name the same columns."""
    told = list(rows)
    names = tuple(name for name in told[0] if name != "pk") if told else ()
    if not names:
        return
    key = model._meta.pk.column
    columns, types = _columns(model, names)
    changes = ", ".join(f"{column} = fresh.{column}" for column in columns.split(", "))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {model._meta.db_table} AS stored SET {changes}
            FROM json_to_recordset(%s) AS fresh (pk bigint, {types}) WHERE stored.{key} = fresh.pk
            """,  # noqa: S608  (our own names)
            [_ENCODER.encode(told)],
        )


@cache
def _columns(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, str]:
    """The columns, and the columns with their types, as SQL."""
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = [connection.ops.quote_name(field.column) for field in fields]
    types = [
        field.rel_db_type(connection) if field.is_relation else field.db_type(connection) for field in fields
    ]
    return ", ".join(columns), ", ".join(
        f"{column} {kind}" for column, kind in zip(columns, types, strict=True)
    )


@cache
def _read_columns(
    model: type[models.Model], names: tuple[str, ...] | None
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The columns as SQL, their names in Python, and those of them that come as JSON texts."""
    fields: Sequence[Any] = model._meta.concrete_fields
    if names is not None:
        fields = [model._meta.get_field(name) for name in names]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    texts = [field.attname for field in fields if isinstance(field, models.JSONField)]
    return columns, tuple(field.attname for field in fields), tuple(texts)


def _plain(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written.")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False)
