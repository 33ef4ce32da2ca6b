"""What our tables hold, told as a whole: for tests that say that nothing has changed."""

from collections import defaultdict
from collections.abc import Collection

from django.apps import apps
from django.db import connection
from psycopg import sql


def everything(*, but: Collection[str] = ()) -> dict[str, list[str]]:
    """All rows by the names of their models, as the database writes them; by one statement, since it is asked often."""
    tables = {
        model.__name__: model._meta.db_table
        for model in apps.get_app_config("shipments").get_models()
        if model.__name__ not in but
    }
    statement = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, told::text FROM {} AS told").format(name, sql.Identifier(table))
        for name, table in tables.items()
    )
    rows: dict[str, list[str]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(statement)
        for name, row in cursor.fetchall():
            rows[name].append(row)
    return {name: sorted(told) for name, told in rows.items()}
