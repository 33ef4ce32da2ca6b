"""A database for one benchmark, beside the product's and gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

# All that a benchmark may ever drop begins so.
PREFIX = "benchmark_"


@contextmanager
def scratch_database(name: str) -> Iterator[None]:
    """Everything inside talks to a fresh, migrated database on the same server; it is dropped at the end, come what may."""
    scratch = PREFIX + name
    own = connection.settings_dict["NAME"]
    _run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(scratch)))
    _run(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(scratch)))
    _use(scratch)
    try:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        yield
    finally:
        _use(own)
        _run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(scratch)))


def _use(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = name


def _run(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
