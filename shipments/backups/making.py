"""A backup: a dump by `pg_dump`, and the manifest of exactly what is in it, both of one moment."""

import fcntl
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import LockNotAvailable

from shipments.backups import catalogue, contents, sealed
from shipments.backups.manifest import DUMP, FILE, Manifest, digests_of_files
from shipments.backups.programs import BackupError, clients, running, server_major
from shipments.backups.progress import Progress

_NAME = "trackingsite-"
_UNFINISHED = ".unfinished"
# Neither the dump nor we wait longer for a migration that holds a table.
_LOCK_PATIENCE = "60s"


def make(folder: Path, *, now: datetime, jobs: int, say: Callable[[str], object]) -> Path:
    """Back the database up into a folder of its own inside `folder`; which one. It appears there whole or not at all.

    Everybody goes on working meanwhile: all is read as of one moment, by one snapshot.
    """
    with _alone_in(folder):
        backup = folder / f"{_NAME}{now:%Y%m%dT%H%M%SZ}"
        draft = folder / f".{backup.name}{_UNFINISHED}"
        for left in folder.glob(f".{_NAME}*{_UNFINISHED}"):
            shutil.rmtree(left)
        if backup.exists():
            raise BackupError(f"{backup} is there already. Try again in a second.")
        draft.mkdir(mode=0o700)
        try:
            _fill(draft, now=now, jobs=jobs, say=say)
            _to_disk(draft)
            draft.rename(backup)
        except OperationalError as exc:
            if isinstance(exc.__cause__, LockNotAvailable):
                raise BackupError(
                    f"Somebody, such as a migration, has held a table for more than {_LOCK_PATIENCE}. Try again when that is over."
                ) from exc
            raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return backup


def drop_old(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` backups in the folder; which were. Whatever is no backup of ours stays."""
    with _alone_in(folder):
        finished = sorted(each for each in folder.glob(f"{_NAME}*") if (each / FILE).is_file())
        old = finished[:-keep]
        for each in old:
            shutil.rmtree(each)
        return old


def _fill(draft: Path, *, now: datetime, jobs: int, say: Callable[[str], object]) -> None:
    major = server_major()
    programs, dump_major = clients(major)
    keys = sealed.ring()
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_PATIENCE}'")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        # Sequences know no snapshot: read before the dump reads them, they are never ahead of it.
        sequences = {each.name: each.last for each in catalogue.sequences(cursor)}
        cursor.execute("SELECT pg_export_snapshot()")
        dump = [
            *(str(programs / "pg_dump"), "--format=directory", f"--file={draft / DUMP}", f"--jobs={jobs}"),
            *(
                "--no-unlogged-table-data",
                f"--lock-wait-timeout={_LOCK_PATIENCE}",
                f"--snapshot={cursor.fetchone()[0]}",
            ),
        ]
        with running(dump):
            windows = _read_windows(cursor, say)
            by_key = {
                column.label: dict(sealed.read(column, keys, Progress(say, column.label).told).by_key)
                for column in sealed.columns()
            }
            manifest = Manifest(
                made_at=now,
                version=version(),
                server_major=major,
                dump_major=dump_major,
                database_bytes=contents.size_of_database(),
                migrations=catalogue.applied_migrations(cursor),
                tables=windows,
                parts=catalogue.parts(cursor),
                sequences=sequences,
                ring=list(keys),
                sealed=by_key,
                site_key=sealed.slow_fingerprint(settings.SECRET_KEY),
                files={},
            )
            say("Waiting for pg_dump ...")
    manifest.files.update(digests_of_files(draft))
    manifest.write(draft)


def _read_windows(
    cursor: CursorWrapper, say: Callable[[str], object]
) -> dict[str, dict[str, contents.Window]]:
    contents.spell_alike(cursor)
    found = {}
    for table in contents.tables(cursor):
        progress = Progress(say, table.name, table.about)
        found[table.name] = dict(contents.windows(cursor, table, progress.told))
    return found


def version() -> str:
    """This version of the product."""
    told = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())
    return str(told["project"]["version"])


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and refuse a second backup in it; the kernel lets go of the lock when its holder dies."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise BackupError(f"Nothing can be written into {folder}: {exc.strerror}.") from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupError(f"Another backup is being made in {folder}. Nothing was done.") from None
    finally:
        os.close(handle)


def _to_disk(draft: Path) -> None:
    """See that every byte is on the disk before the backup gets its name."""
    for file in draft.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
