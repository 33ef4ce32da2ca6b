"""What the database is made of besides rows: tables, columns, constraints, indexes, triggers, functions, partitions,
sequences, and which migrations made them."""

import re
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

# Casts, brackets and blanks.
_SPELLING = re.compile(
    r"::(?:character varying|timestamp with time zone|double precision|\w+)(?:\(\d+\))?(?:\[\])*|[()\s]"
)

# Each row: what it is and its name, and how it is defined. A part that is there but does no work says so in its
# definition, which then differs. NOT NULL is told with its column: from PostgreSQL 18 on it is a constraint, too.
_PARTS = """
    WITH ours AS (
        SELECT oid, relname, relkind, relispartition, relpartbound, relpersistence FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
    )
    SELECT CASE WHEN relispartition THEN 'partition ' ELSE 'table ' END || relname,
        concat_ws(' ', CASE relkind WHEN 'p' THEN 'partitioned' END, CASE relpersistence WHEN 'u' THEN 'unlogged' END,
            pg_get_expr(relpartbound, oid))
    FROM ours
    UNION ALL
    SELECT 'column ' || o.relname || '.' || a.attname,
        concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
            nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''), pg_get_expr(d.adbin, d.adrelid))
    FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL
    SELECT 'constraint ' || o.relname || '.' || k.conname,
        pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE ' (its rows were never checked)' END
    FROM ours o JOIN pg_constraint k ON k.conrelid = o.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    UNION ALL
    SELECT 'index ' || x.relname, pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
    FROM ours o JOIN pg_index i ON i.indrelid = o.oid JOIN pg_class x ON x.oid = i.indexrelid
    UNION ALL
    SELECT 'trigger ' || o.relname || '.' || t.tgname,
        pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' (not enabled)' END
    FROM ours o JOIN pg_trigger t ON t.tgrelid = o.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'function ' || p.oid::regprocedure, encode(sha256(convert_to(pg_get_functiondef(p.oid), 'UTF8')), 'hex')
    FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
"""

_AT_REST = """
    SELECT 'constraint ' || conrelid::regclass || '.' || conname, 'its rows were never checked'
    FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
    UNION ALL
    SELECT 'index ' || indexrelid::regclass, 'it is invalid and not used'
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT indisvalid
    UNION ALL
    SELECT 'trigger ' || tgrelid::regclass || '.' || tgname, 'it is switched off'
    FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT tgisinternal AND tgenabled <> 'O'
    ORDER BY 1
"""

_SEQUENCES = """
    SELECT s.relname, t.relname, a.attname
    FROM pg_class s
    JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
        AND d.deptype IN ('a', 'i')
    JOIN pg_class t ON t.oid = d.refobjid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE s.relnamespace = current_schema()::regnamespace AND s.relkind = 'S' AND s.relpersistence = 'p'
        AND t.relpersistence = 'p'
    ORDER BY s.relname
"""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Where the ids of a column come from: `last` is the last one given, 0 before the first; `highest` stands in the table."""

    name: str
    column: str
    last: int
    highest: int


def parts(cursor: CursorWrapper) -> dict[str, str]:
    """Everything the schema consists of, by kind and name, with its definition."""
    # Definitions name other schemas than this one alone.
    cursor.execute(_PARTS)
    return dict(sorted(cursor.fetchall()))


def is_alike(one: str, other: str) -> bool:
    """Whether two definitions say the same. PostgreSQL spells an expression in another way once it has been dumped and read
    again: with other casts and brackets."""
    return _bare(one) == _bare(other)


def _bare(definition: str) -> str:
    return _SPELLING.sub("", definition)


def parts_at_rest(cursor: CursorWrapper) -> list[tuple[str, str]]:
    """What is there and does no work: constraints never checked, invalid indexes, triggers switched off."""
    cursor.execute(_AT_REST)
    return list(cursor.fetchall())


def sequences(cursor: CursorWrapper) -> list[Sequence]:
    """Every sequence that gives ids. They stand outside of transactions: what is read is what is now."""
    cursor.execute(_SEQUENCES)
    found = []
    for name, table, column in cursor.fetchall():
        cursor.execute(
            sql.SQL(
                "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END, (SELECT coalesce(max({}), 0) FROM {})"
                " FROM {}"
            ).format(sql.Identifier(column), sql.Identifier(table), sql.Identifier(name))
        )
        last, highest = cursor.fetchone()
        found.append(Sequence(name, f"{table}.{column}", last, highest))
    return found


def applied_migrations(cursor: CursorWrapper) -> list[str]:
    """The migrations the database has been through, as `app.name`; none where there is no such table."""
    cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return []
    cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
    return [name for (name,) in cursor.fetchall()]


def known_migrations() -> list[str]:
    """The migrations of this version of the code, as `app.name`."""
    loader = MigrationLoader(None)
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    return sorted(f"{app}.{name}" for app, name in {*loader.disk_migrations, *replaced})


def pending_migrations() -> int:
    """How many migrations of this version the database has not been through."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def is_empty() -> bool:
    """Whether there is nothing in our database yet that a restore could meet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT NOT EXISTS (
                SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
                    AND c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f')
                    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
            )
            """
        )
        return bool(cursor.fetchone()[0])
