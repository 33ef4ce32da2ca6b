"""A task for clusters under test, which leaves a trace each time it runs."""

from django.db import connection


def leave(name: str) -> None:
    """Put the name into the table `traces`, once more."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO traces (name) VALUES (%s)", [name])
