"""What a test with transactions of its own leaves behind is taken away; what the migrations had put there stays."""

from collections.abc import Iterator

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

AUDIT = "shipments_auditentry"


class Seeds:
    """The rows the migrations left, and Django's of rights and models."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            self._tables = connection.introspection.django_table_names(
                only_existing=True, include_views=False
            )
            self._rows = {table: list(_read(cursor, table)) for table in _filled(cursor, self._tables)}

    def put_back(self) -> None:
        """These rows and no others, in one transaction.

        Django's own way makes rights and groups anew after each test, with other keys, and loses what migrations
        filled in. A test that left a transaction open is told so instead of waited for.
        """
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '20s'")
            cursor.execute(
                sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, self._tables)))
            )
            for table, rows in self._rows.items():
                with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                    for block in rows:
                        copy.write(block)
            _empty_audit(cursor)


def _empty_audit(cursor: CursorWrapper) -> None:
    """What empties all other tables is refused by the audit's months; most tests fill one of them."""
    cursor.execute("SELECT relid::regclass::text FROM pg_partition_tree(%s) WHERE isleaf", [AUDIT])
    for month in _filled(cursor, [name for (name,) in cursor.fetchall()]):
        for statement in (
            "ALTER TABLE {} DISABLE TRIGGER audit_is_not_emptied",
            "TRUNCATE {}",
            "ALTER TABLE {} ENABLE TRIGGER audit_is_not_emptied",
        ):
            cursor.execute(sql.SQL(statement).format(sql.Identifier(month)))


def _filled(cursor: CursorWrapper, tables: list[str]) -> list[str]:
    """Those of these tables that have a row."""
    questions = (
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(table), sql.Identifier(table))
        for table in tables
    )
    cursor.execute(sql.SQL(" UNION ALL ").join(questions))
    return [name for (name,) in cursor.fetchall()]


def _read(cursor: CursorWrapper, table: str) -> Iterator[bytes]:
    with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        yield from map(bytes, copy)
