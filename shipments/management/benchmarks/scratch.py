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

    Gives the database's own name, for `talk_to` where a benchmark has several.
    """
    scratch = PREFIX + name
    own = connection.settings_dict["NAME"]
    _run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(scratch)))
    _run(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(scratch)))
    talk_to(scratch)
    try:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        yield scratch
    finally:
        talk_to(own)
        _run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(scratch)))


def talk_to(name: str) -> None:
    """Have Django's connection be one to this database from here on."""
    connections.close_all()
    connection.settings_dict["NAME"] = name


def _run(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
