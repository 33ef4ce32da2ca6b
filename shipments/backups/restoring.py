"""A backup brought back into an empty database, and rehearsals of that in a scratch one beside the product's."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.db import Error, connection, connections
from psycopg import sql

from shipments.backups import catalogue
from shipments.backups.manifest import DUMP, Manifest
from shipments.backups.programs import BackupError, clients, database_argument, running, server_major
from shipments.backups.verifying import missing_keys
from shipments.models import Mail, Subscription

# All that a rehearsal may ever drop begins so.
REHEARSAL = "trackingsite_rehearsal_"
# What becomes of mails that waited when the backup was made, most of which have gone out since.
HOLD, SEND, DROP = "hold", "send", "drop"


def readable(backup: Path, *, keys_are_lost: bool = False) -> Manifest:
    """The manifest of a backup that can be restored by this version with this key ring, all of whose files are whole.

    BackupError says what is in the way, before anything is done. With `keys_are_lost` missing keys are not.
    """
    manifest = Manifest.read(backup)
    damaged = manifest.damaged_files(backup)
    if damaged:
        raise BackupError(
            f"{len(damaged)} of {len(manifest.files)} files of {backup} are missing or not as they were written, such as "
            f"{damaged[0]}. Take another copy of this backup, or another backup."
        )
    unknown = sorted(set(manifest.migrations) - set(catalogue.known_migrations()))
    if unknown:
        raise BackupError(
            f"The backup was made by version {manifest.version}, with migrations this one does not know, such as {unknown[-1]}. "
            "Install the version that made it, or a newer one."
        )
    if not keys_are_lost and (missing := missing_keys(manifest)):
        raise BackupError(
            f"{missing} If it is lost for good, say --keys-are-lost: all else is restored, and these values must be entered anew."
        )
    return manifest


def restore(backup: Path, manifest: Manifest, *, jobs: int, say: Callable[[str], object]) -> None:
    """Fill the database we are connected to, which must be empty, from the backup."""
    if not catalogue.is_empty():
        raise BackupError(
            "The database is not empty, and nothing was changed in it. Make an empty one and name it with DATABASE_URL; the "
            "embedded database is put aside with `manage.py database stop` and by moving its folder, `postgres` in TRACKINGSITE_DATA."
        )
    server = server_major()
    programs, major = clients(max(server, manifest.dump_major))
    # A newer pg_restore begins by a setting that an older server does not know. It goes on, and what it made is verified.
    is_ahead = major > server
    say("Restoring ...")
    with running(
        [
            *(str(programs / "pg_restore"), f"--dbname={database_argument()}", f"--jobs={jobs}"),
            *("--no-owner", "--no-privileges", "--no-comments", *(() if is_ahead else ("--exit-on-error",))),
            str(backup / DUMP),
        ],
        may_complain=is_ahead,
    ):
        pass
    say("Counting anew for the planner ...")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def settle_mails(mails: str, *, told_until: datetime | None) -> tuple[int, int]:
    """Hold, send or drop the mails that waited when the backup was made, and take it that buyers were told of all that
    happened until then (None: of nothing since the backup). How many mails that were, and how many subscriptions.

    Parcels are asked about again and come to milestones that were told before the loss: without a moment until which they
    were, each is told a second time.
    """
    waiting = Mail.objects.exclude(due_at=None)
    settled = {HOLD: waiting.hold, DROP: waiting.drop, SEND: waiting.count}[mails]()
    if told_until is None:
        return settled, 0
    return settled, Subscription.objects.take_as_told(told_until)


@contextmanager
def scratch_database() -> Iterator[str]:
    """Everything inside talks to an empty database of its own on the same server; it is dropped at the end, come what may."""
    scratch, own = REHEARSAL + secrets.token_hex(4), connection.settings_dict["NAME"]
    try:
        _run(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(scratch)))
    except Error as exc:
        raise BackupError(
            f"No scratch database could be made for the rehearsal: {str(exc).strip()} Give the role CREATEDB, or restore into "
            "an empty database of another server."
        ) from exc
    try:
        _use(scratch)
        yield scratch
    finally:
        _use(own)
        _run(sql.SQL("DROP DATABASE {}").format(sql.Identifier(scratch)))


def _use(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = name


def _run(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
