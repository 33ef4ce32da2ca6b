"""`manage.py verify_restore [BACKUP]`: whether a restored copy is whole."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from shipments.backups.manifest import Manifest
from shipments.backups.programs import BackupError
from shipments.backups.verifying import verify

NOT_WHOLE = 3


class Command(BaseCommand):
    help = (
        "Compares the database with the manifest of the backup it was restored from, before anything has worked with it: rows, "
        "digests, keys, sequences, triggers, partitions, migrations. Without BACKUP it checks that the database agrees with "
        "itself, and so also one that is at work. Exit code 0 if it is whole, 3 if not."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "backup", type=Path, nargs="?", metavar="BACKUP", help="The folder with the manifest."
        )

    def handle(self, *, backup: Path | None, **options: Any) -> None:
        try:
            manifest = None if backup is None else Manifest.read(backup.absolute())
            report(manifest, self.stdout.write, self.stderr.write)
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        except Error as exc:
            raise CommandError(f"The database is in the way: {str(exc).strip()}") from exc


def report(manifest: Manifest | None, tell: Callable[[str], object], say: Callable[[str], object]) -> None:
    """Verify the database and tell what was found; CommandError with exit code 3 where it is not whole."""
    faults = tell_findings(manifest, tell, say)
    if faults:
        raise not_whole(faults)


def tell_findings(
    manifest: Manifest | None, tell: Callable[[str], object], say: Callable[[str], object]
) -> int:
    """Verify the database and tell what was found: how many faults, or that it is whole."""
    faults = 0
    for finding in verify(manifest, say):
        faults += finding.kind == "fault"
        tell(f"{'FAULT' if finding.kind == 'fault' else 'note '}  {finding.words}")
    if faults:
        return faults
    if manifest is None:
        tell(
            "The database agrees with itself: digests, keys, sequences, triggers and migrations. With a backup's folder its rows "
            "are compared, too."
        )
        return 0
    tell(
        f"The copy is whole: {manifest.rows:,} rows of {len(manifest.tables)} tables as of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"every digest, every key, every sequence."
    )
    return 0


def not_whole(faults: int) -> CommandError:
    """The end of a command that has found faults."""
    return CommandError(
        f"The copy is NOT whole: {faults} fault{'' if faults == 1 else 's'}, told above. Do not work with it; take another backup, or mend what is told "
        "and verify again.",
        returncode=NOT_WHOLE,
    )
