"""PostgreSQL's own `pg_dump` and `pg_restore`, run for the database that Django is connected to."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

from trackingsite.postgres.programs import EmbeddedPostgresError, choose_clients

# What a program says on its way out; more is noise.
_LAST_WORDS = 2000
_PATIENCE_AT_END = 10.0


class BackupError(Exception):
    """A backup could not be made, read or restored; the text says why, what is kept and what to do."""


def clients(major: int) -> tuple[Path, int]:
    """The folder with PostgreSQL's client programs for that major version or newer, and which they are."""
    try:
        found = choose_clients(major)
    except EmbeddedPostgresError as exc:
        raise BackupError(str(exc)) from exc
    return found.folder, found.major


def server_major() -> int:
    """The major version of the server we are connected to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        return int(cursor.fetchone()[0])


def environment() -> dict[str, str]:
    """How libpq reaches our database, as variables: what stands in a command line can be read by every user of the host.

    Nothing else of our environment is passed on but what libpq itself reads: it holds secrets.
    """
    params: Mapping[str, Any] = connection.get_connection_params()
    known = {
        default.keyword.decode(): default.envvar.decode()
        for default in psycopg.pq.Conninfo.get_defaults()
        if default.envvar
    }
    inherited = {
        name: value for name, value in os.environ.items() if name.startswith("PG") or name in {"PATH", "HOME"}
    }
    ours = {
        known[name]: str(value) for name, value in params.items() if name in known and value not in (None, "")
    }
    return {"PATH": os.defpath, **inherited, **ours, "LC_ALL": "C"}


def database_argument() -> str:
    """Our database by its name alone, for programs that want it in their command line."""
    return make_conninfo(dbname=str(connection.get_connection_params()["dbname"]))


@contextmanager
def running(command: list[str], *, may_complain: bool = False) -> Iterator["subprocess.Popen[bytes]"]:
    """The program, running while the block is; it must have ended well by the block's end, or BackupError says what it
    said. A block that is broken off ends the program. What it writes is for its user alone.

    One that `may_complain` may end with 1: it has gone on after errors, and somebody looks at what it made.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - the programs chosen above, and no shell
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            umask=0o077,
        )
        try:
            yield process
            process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(_PATIENCE_AT_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            raise
        if process.returncode not in ((0, 1) if may_complain else (0,)):
            said.seek(max(0, said.seek(0, os.SEEK_END) - _LAST_WORDS))
            words = said.read().decode(errors="replace").strip() or "it gave no reason"
            raise BackupError(f"{Path(command[0]).name} ended with {process.returncode}: {words}")
