"""Queries that are written once a process.

Django takes up to a millisecond to write the SQL of a query over a wide table, at every call: more than the database takes
to answer one by a key. The few that stand behind every look at a public page are written once and kept.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler

Model = TypeVar("Model", bound=models.Model)


class Prepared(Generic[Model]):
    """A query by one value: called with it, the rows, as the queryset would give them.

    `query` makes the queryset; what it makes of `sample` is kept, with the sample's place for the value. The sample is a
    value that stands nowhere else in the query. Prefetches and annotations are not for such queries.
    """

    def __init__(self, query: "Callable[[Any], models.QuerySet[Model]]", sample: Any) -> None:
        self._query = query
        self._sample = sample
        self._written: tuple[SQLCompiler, str, tuple[Any, ...]] | None = None

    def __call__(self, value: Any) -> list[Model]:
        compiler, sql, params = self._written or self._write()
        with connection.cursor() as cursor:
            cursor.execute(sql, [value if param is self._sample else param for param in params])
            rows = cursor.fetchall()
        converters = compiler.get_converters([column for column, *_rest in compiler.select])
        if converters:
            rows = compiler.apply_converters(rows, converters)
        return self._models(compiler, rows)

    def _write(self) -> tuple[SQLCompiler, str, tuple[Any, ...]]:
        compiler = self._query(self._sample).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        # The database's own type has replaced the sample by an equal one.
        marked = tuple(self._sample if param == self._sample else param for param in params)
        if sum(param is self._sample for param in marked) != 1:
            raise ValueError("The sample must stand in the query, and only once.")
        self._written = compiler, sql, marked
        return self._written

    @staticmethod
    def _models(compiler: SQLCompiler, rows: Any) -> "list[Model]":
        about: Any = compiler.klass_info
        fields = about["select_fields"]
        names = [compiler.select[index][0].target.attname for index in fields]
        start, end = fields[0], fields[-1] + 1
        related = get_related_populators(about, compiler.select, connection.alias)
        found = []
        for row in rows:
            one = about["model"].from_db(connection.alias, names, row[start:end])
            for populator in related:
                populator.populate(row, one)
            found.append(one)
        return found
