"""A database with every migration, made once: what tests write to is a copy of it."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone
from psycopg import sql

# Any number that nobody else locks by.
LOCK = 0x7E57


def make() -> str:
    """Its name. It stays for the next run, and is made anew when a migration was added, changed or taken away.

    Several processes may ask at once: one makes it, the others wait. What it lacks nevertheless (a right that came
    with a new model) is put into the copy by the `migrate` that Django runs there.
    """
    name = f"test_{connection.settings_dict['NAME']}_migrated"
    digest = _digest()
    with connection._nodb_cursor() as cursor:
        # Until this connection ends.
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
        )
        if cursor.fetchone() != (digest,):
            _migrate(name)
            # The last step: a database that was left half-way has no digest.
            cursor.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(digest))
            )
    return name


@contextmanager
def copied() -> Iterator[str]:
    """The name of another database that begins as what `make` has made, and is dropped at the end."""
    # Made already, where a test before has asked for pytest's own database.
    template = connection.settings_dict["TEST"].get("TEMPLATE") or make()
    name = f"test_copied_{secrets.token_hex(4)}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)
    try:
        yield name
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _digest() -> str:
    """Of what the migrations do: themselves, the keys they encrypt with, and the month, as they make the audit's."""
    digest = hashlib.sha256(f"{timezone.now():%Y-%m} {settings.CREDENTIAL_KEYS}".encode())
    for config in apps.get_app_configs():
        for path in sorted(Path(config.path, "migrations").glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _migrate(name: str) -> None:
    before, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    own_name, test["NAME"] = test["NAME"], name
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        connection.creation.destroy_test_db(before, verbosity=0, keepdb=True)
    finally:
        test["NAME"] = own_name
