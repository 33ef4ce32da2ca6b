"""Written down in the database: backups that were made, rehearsed and brought back. For the audit, and for the health page."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from django.db import Error, transaction

from shipments.backups.manifest import Manifest
from shipments.models import AuditEntry, Backup

Say = Callable[[str], object]


def note_made(backup: Path, manifest: Manifest, *, dropped: int, say: Say) -> None:
    """A backup was made, and so many older ones were deleted."""

    def note() -> None:
        made = Backup.objects.note(
            manifest.made_at, name=backup.name, rows=manifest.rows, size=manifest.database_bytes
        )
        _record("backup made", made, {"rows": made.rows, "older_ones_deleted": dropped})

    _written(note, "The backup is whole, and is not on the health page and in the audit", say)


def note_rehearsed(backup: Path, manifest: Manifest, *, faults: int, say: Say) -> None:
    """A copy was restored into a scratch database and compared: so many faults."""

    def note() -> None:
        # One that was made elsewhere, or lies under another name, is known by its moment.
        known = Backup.objects.filter(made_at=manifest.made_at).first()
        if known is not None:
            known.note_check(faults, datetime.now(UTC))
        _record("backup rehearsed", known or _unknown(backup, manifest), {"faults": faults})

    _written(note, "The rehearsal is not on the health page and in the audit", say)


def note_restored(backup: Path, manifest: Manifest, *, mails: str, settled: int, say: Say) -> None:
    """The database we are connected to was brought back, and is whole. Its own backup is the last one it knows of. `settled`
    mails that were waiting were held, sent or dropped, as `mails` says."""

    def note() -> None:
        restored, _made = Backup.objects.update_or_create(
            made_at=manifest.made_at,
            defaults={
                "name": backup.name[:100],
                "rows": manifest.rows,
                "bytes": manifest.database_bytes,
                "checked_at": datetime.now(UTC),
                "faults": 0,
            },
        )
        _record("restored", restored, {"rows": manifest.rows, "mails": mails, "mails_settled": settled})

    _written(note, "The database is restored and whole, and that is not in the audit", say)


def _unknown(backup: Path, manifest: Manifest) -> Backup:
    return Backup(
        made_at=manifest.made_at, name=backup.name[:100], rows=manifest.rows, bytes=manifest.database_bytes
    )


def _record(verb: str, row: Backup, after: dict[str, object]) -> None:
    AuditEntry.objects.record(
        verb,
        row,
        source="command",
        after={"made_at": row.made_at.isoformat(timespec="seconds"), "name": row.name, **after},
    )


def _written(note: Callable[[], None], otherwise: str, say: Say) -> None:
    """What was done stands on the disk whether or not it can be written down: on a standby nothing can be written, and in a schema of
    before there is no room for it."""
    try:
        with transaction.atomic():
            note()
    except Error as exc:
        # Its words may name values.
        say(f"{otherwise}: the database would not have it written down ({type(exc).__name__}).")
