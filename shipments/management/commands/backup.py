"""`manage.py backup FOLDER`: everything in the database as of one moment, and a manifest to check copies by."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from shipments.backups import making, noting
from shipments.backups.manifest import Manifest
from shipments.backups.programs import BackupError
from shipments.backups.sealed import UNREADABLE
from trackingsite.processes import Stopped, stopped_by_signals


class Command(BaseCommand):
    help = (
        "Backs the database up into a new folder inside FOLDER, while everybody goes on working, and prints which. It has "
        "names and addresses in it. Keys are not in it: keep CREDENTIAL_KEYS and SECRET_KEY elsewhere."
    )
    # It reads what is there, also for whoever is about to mend what a check complains of.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, metavar="FOLDER", help="Where backups are kept; made if need be."
        )
        parser.add_argument(
            "--keep", type=int, metavar="N", help="Afterwards delete all but the newest N backups there."
        )
        parser.add_argument(
            "--jobs", type=int, default=2, metavar="N", help="Tables dumped at a time (default: 2)."
        )

    def handle(self, *, folder: Path, keep: int | None, jobs: int, **options: Any) -> None:
        for name, number in (("--keep", keep), ("--jobs", jobs)):
            if number is not None and number < 1:
                raise CommandError(f"{name} must be 1 or more.", returncode=2)
        try:
            with stopped_by_signals():
                backup = making.make(
                    folder.absolute(), now=datetime.now(UTC), jobs=jobs, say=self.stderr.write
                )
                dropped = [] if keep is None else making.drop_old(folder.absolute(), keep)
        except Stopped:
            raise CommandError("Stopped. No backup was made.") from None
        except (BackupError, Error) as exc:
            raise CommandError(f"{str(exc).strip()} No backup was made.") from exc
        manifest = Manifest.read(backup)
        for each in dropped:
            self.stderr.write(f"Deleted {each}.")
        noting.note_made(backup, manifest, dropped=len(dropped), say=self.stderr.write)
        unreadable = manifest.needed_keys.get(UNREADABLE, 0)
        if unreadable:
            self.stderr.write(
                f"{unreadable:,} encrypted values in it can be read with no key of the ring: find the key while you can."
            )
        self.stderr.write(
            f"{manifest.rows:,} rows of {len(manifest.tables)} tables. To read it, these keys are needed as well: "
            f"{', '.join(manifest.ring)} (see: manage.py rotate_credential_keys --check). Check it with: manage.py restore --rehearse {backup}"
        )
        self.stdout.write(str(backup))
