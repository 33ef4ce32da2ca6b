"""Databases for one benchmark, beside the product's and gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

# All that a benchmark may ever drop begins so.
PREFIX = "benchmark_"


@contextmanager
def scratch_database(name: str) -> Iterator[str]:
    """Everything inside talks to a fresh, migrated database on the same server; it is dropped at the end, come what may.
    Gives its whole name, for processes that are to use it too."""
    scratch = PREFIX + name
    own = connection.settings_dict["NAME"]
    # Without FORCE, which may not end an autovacuum (the server itself asks that one to go), and would take the database
    # of a benchmark that runs from under it.
    drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(scratch))
    _run(drop)
    _run(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(scratch)))
    use_database(scratch)
    try:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        yield scratch
    finally:
        use_database(own)
        _run(drop)


def use_database(name: str) -> None:
    """Let all that this process asks go to this database from now on."""
    connections.close_all()
    connection.settings_dict["NAME"] = name


def _run(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
