"""A database of its own for a benchmark, beside the real one and gone afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection


@contextmanager
def scratch_database(purpose: str) -> Iterator[str]:
    """Make and migrate a database, point the connection to it, and drop it at the end; its name."""
    kept = connection.settings_dict["NAME"]
    name = f"{purpose}_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    use_database(name)
    try:
        call_command("migrate", verbosity=0)
        yield name
    finally:
        use_database(kept)
        with connection.cursor() as cursor:
            # Without FORCE, which may not end an autovacuum; the server itself asks that one to go.
            cursor.execute(f'DROP DATABASE "{name}"')


def use_database(name: str) -> None:
    """Let the connection go to this database from now on."""
    connection.close()
    connection.settings_dict["NAME"] = name
