"""Queries that are written once a process and planned once a connection.

Django takes up to a millisecond to write the SQL of a query over a wide table, at every call, and PostgreSQL half of one to plan
it: ten times as long as it takes to answer one by a key. The few that stand behind every look at a public page are kept.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models.base import ModelState
from django.db.models.query import get_related_populators
from psycopg.pq import Format

Model = TypeVar("Model", bound=models.Model)


class _Cursor(ServerBindingCursor):
    """Knows its statement also where that is prepared, for whoever captures statements."""

    def _send_query_prepared(self, name: bytes, pgq: Any, *, binary: bool | None = None) -> None:
        self._query = pgq
        super()._send_query_prepared(name, pgq, binary=binary)  # type: ignore[misc]  # the stubs know no base


@contextmanager
def prepared_cursor() -> "Iterator[Any]":
    """A cursor whose statements the database plans once for each connection, if the settings let it (`TRACKINGSITE_DB_PREPARE`)."""
    # Looked up once: the proxy Django offers looks it up at each use.
    database: Any = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    # Django's other cursors put values into the text of a statement, which makes each of them another one.
    with database._prepare_cursor(_Cursor(database.connection)) as cursor:  # type: ignore[call-arg]
        yield cursor


class Prepared(Generic[Model]):
    """A query by one value: called with it, the rows, as the queryset would give them.

    `query` makes the queryset; what it makes of `sample` is kept, with the sample's place for the value. The sample is a
    value that stands nowhere else in the query. Prefetches and annotations are not for such queries.
    """

    def __init__(self, query: "Callable[[Any], models.QuerySet[Model]]", sample: Any) -> None:
        self._query = query
        self._sample = sample
        self._written: _Written[Model] | None = None

    def __call__(self, value: Any) -> list[Model]:
        written = self._written = self._written or _Written(self._query(self._sample), self._sample)
        return written.rows(value)


class _Written(Generic[Model]):
    """The SQL of a query, and how its rows become models."""

    def __init__(self, query: "models.QuerySet[Model]", sample: Any) -> None:
        compiler = query.query.get_compiler(connection=connection)
        self._compiler = compiler
        self._sql, params = compiler.as_sql()
        # What the database is given may be another object than the sample, and only equal to it.
        self._places = [place for place, param in enumerate(params) if param == sample]
        if len(self._places) != 1:
            raise ValueError("The sample must stand in the query, and only once.")
        self._params = list(params)
        self._converters = compiler.get_converters([column for column, *_rest in compiler.select])
        about: Any = compiler.klass_info
        fields = about["select_fields"]
        self._model = about["model"]
        if (self._model.__init__, self._model.from_db.__func__) != (
            models.Model.__init__,
            models.Model.from_db.__func__,  # type: ignore[attr-defined]
        ):
            raise ValueError(f"{self._model.__name__} is made in a way of its own.")
        self._names = [compiler.select[index][0].target.attname for index in fields]
        self._own = slice(fields[0], fields[-1] + 1)
        self._related = get_related_populators(about, compiler.select, connection.alias)  # type: ignore[call-arg]  # the stubs are of another version

    def rows(self, value: Any) -> "list[Model]":
        params = self._params.copy()
        params[self._places[0]] = value
        with prepared_cursor() as cursor:
            if not self._converters:
                # Numbers and moments arrive as they are, not spelled: reading them takes half the time. What Django
                # converts it expects spelled.
                cursor.cursor.format = Format.BINARY
            cursor.execute(self._sql, params)
            found = cursor.fetchall()
        rows = self._compiler.apply_converters(found, self._converters) if self._converters else found
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        # As Django makes a model with deferred fields, without its going through all columns of the table for each row.
        one = self._model.__new__(self._model)
        one._state = ModelState()
        one._state.adding, one._state.db = False, DEFAULT_DB_ALIAS
        one.__dict__.update(zip(self._names, row[self._own], strict=True))
        for populator in self._related:
            populator.populate(row, one)
        return one
