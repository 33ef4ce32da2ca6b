"""What stands in each table: exact numbers of rows, and digests by which a copy is compared, window by window.

The database does the work, and sends back a line a window. A digest is that of the *set* of rows: each row's SHA-256,
sorted, and of these the SHA-256 again. So it does not depend on where rows lie on the disk, nor on collations.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

# So many ids a statement: a fraction of a second each, a few megabytes for the server to sort.
WINDOW = 50_000
# The window of a table whose key is no number: all of it.
ALL = "all"

# How a row is spelled depends on these; both sides must spell alike.
_SPELLING = (
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL IntervalStyle = 'iso_8601'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
)

_TABLES = """
    SELECT c.relname,
        (SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
         WHERE i.indrelid = c.oid AND i.indisprimary AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)),
        greatest(c.reltuples, 0)::bigint
    FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relpersistence = 'p'
    ORDER BY c.relname
"""

_WINDOW = """
    SELECT count(*), encode(sha256(coalesce(string_agg(of_row, ''::bytea ORDER BY of_row), ''::bytea)), 'hex')
    FROM (SELECT sha256(convert_to(t::text, 'UTF8')) AS of_row FROM {table} t WHERE {those}) AS digests
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is part of a whole copy. `key` is the number its windows go by, None where it has none; `about` is
    how many rows the planner believes it has."""

    name: str
    key: str | None
    about: int


@dataclass(frozen=True, slots=True)
class Window:
    """So many rows, and the digest of them."""

    rows: int
    digest: str


def tables(cursor: CursorWrapper) -> list[Table]:
    """Every table with rows of its own, partitions included. Unlogged ones are left out: PostgreSQL itself empties them
    after a crash, so what they hold is nothing that must be kept."""
    cursor.execute(_TABLES)
    return [Table(*row) for row in cursor.fetchall()]


def spell_alike(cursor: CursorWrapper) -> None:
    """Have this transaction spell rows as every other one that digests them."""
    for setting in _SPELLING:
        cursor.execute(setting)


def windows(
    cursor: CursorWrapper, table: Table, told: Callable[[int], None] = lambda rows: None
) -> Iterator[tuple[str, Window]]:
    """Each window of the table that has rows, by its name: `0` holds the keys from 0 to 49,999, `1` the next ones.

    `told` hears how many rows were read so far. Inside a transaction in which `spell_alike` was called.
    """
    name = sql.Identifier(table.name)
    if table.key is None:
        window = _read(cursor, name, sql.SQL("true"))
        if window.rows:
            yield ALL, window
        return
    key = sql.Identifier(table.key)
    first, read = _next_key(cursor, name, key, None), 0
    while first is not None:
        number = first // WINDOW
        low, high = number * WINDOW, (number + 1) * WINDOW
        those = sql.SQL("{key} >= {low} AND {key} < {high}").format(
            key=key, low=sql.Literal(low), high=sql.Literal(high)
        )
        window = _read(cursor, name, those)
        read += window.rows
        told(read)
        yield str(number), window
        first = _next_key(cursor, name, key, high)


def span(window: str) -> str:
    """Where a window is, in words."""
    if window == ALL:
        return "all rows"
    low = int(window) * WINDOW
    return f"keys {low:,} to {low + WINDOW - 1:,}"


def _read(cursor: CursorWrapper, table: sql.Identifier, those: sql.Composable) -> Window:
    cursor.execute(sql.SQL(_WINDOW).format(table=table, those=those))
    rows, digest = cursor.fetchone()
    return Window(rows, digest)


def _next_key(
    cursor: CursorWrapper, table: sql.Identifier, key: sql.Identifier, since: int | None
) -> int | None:
    """The lowest key from `since` on: windows without rows cost nothing, however far apart the keys are."""
    those = sql.SQL("true") if since is None else sql.SQL("{} >= {}").format(key, sql.Literal(since))
    cursor.execute(
        sql.SQL("SELECT min({key}) FROM {table} WHERE {those}").format(key=key, table=table, those=those)
    )
    lowest: int | None = cursor.fetchone()[0]
    return lowest


def size_of_database() -> int:
    """Bytes on the server's disk."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
