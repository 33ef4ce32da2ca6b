"""Django's PostgreSQL backend, which starts the embedded server before it connects to it.

An entry of DATABASES says by `EMBEDDED_IN` (the server's folder) that the embedded server is meant;
without it this is the ordinary backend.
"""

from pathlib import Path
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from django.db.utils import OperationalError

from trackingsite.embedded_postgres import Embedded, EmbeddedPostgresError


class DatabaseWrapper(PostgresWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        if embedded := self._embedded():
            params["host"] = str(embedded.socket_folder)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        # At every connection, not only a process's first: a server that was killed comes back by itself.
        # Looking whether it runs costs two small reads.
        if embedded := self._embedded():
            try:
                embedded.start()
            except EmbeddedPostgresError as exc:
                raise OperationalError(str(exc)) from exc
            conn_params = {**conn_params, "host": str(embedded.socket_folder)}
        return super().get_new_connection(conn_params)

    def _embedded(self) -> Embedded | None:
        folder = self.settings_dict.get("EMBEDDED_IN")
        return Embedded(Path(folder)) if folder else None
