"""`manage.py restore BACKUP`: a backup into an empty database, and then the proof that the copy is whole."""

from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from shipments.backups import noting, restoring
from shipments.backups.manifest import Manifest
from shipments.backups.programs import BackupError
from shipments.management.commands.verify_restore import not_whole, tell_findings
from trackingsite.processes import Stopped, stopped_by_signals


class Command(BaseCommand):
    help = (
        "Restores a backup into the database of DATABASE_URL, which must be empty, and checks that the copy is whole: exit code "
        "0 if it is, 3 if not. With --rehearse into a scratch database beside it, which is dropped again."
    )
    # The database is empty, and the key ring may be what this is about to say something of.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "backup", type=Path, metavar="BACKUP", help="The folder that `manage.py backup` printed."
        )
        parser.add_argument(
            "--rehearse", action="store_true", help="Restore into a scratch database, check it, drop it."
        )
        parser.add_argument(
            "--keys-are-lost", action="store_true", help="Restore although keys are missing for good."
        )
        parser.add_argument(
            "--hold-mails",
            action="store_true",
            help="Send none of the mails that were waiting when the backup was made: most have gone out since. The back-office "
            "lists them, and sends those you choose.",
        )
        parser.add_argument(
            "--jobs", type=int, default=2, metavar="N", help="Tables restored at a time (default: 2)."
        )

    def handle(
        self,
        *,
        backup: Path,
        rehearse: bool,
        keys_are_lost: bool,
        hold_mails: bool,
        jobs: int,
        **options: Any,
    ) -> None:
        if jobs < 1:
            raise CommandError("--jobs must be 1 or more.", returncode=2)
        say = self.stderr.write
        try:
            manifest = restoring.readable(backup.absolute(), keys_are_lost=keys_are_lost)
        except BackupError as exc:
            raise CommandError(f"{exc} Nothing was done.") from exc
        try:
            with stopped_by_signals(), restoring.scratch_database() if rehearse else nullcontext():
                restoring.restore(backup.absolute(), manifest, jobs=jobs, say=say)
                faults = tell_findings(manifest, self.stdout.write, say)
                if not faults and not rehearse:
                    self._begin(backup, manifest, hold_mails=hold_mails)
        except Stopped:
            left = (
                ""
                if rehearse
                else " What was restored so far is not whole: drop that database and restore into a new one."
            )
            raise CommandError(f"Stopped.{left}") from None
        except BackupError as exc:
            raise CommandError(str(exc)) from exc
        except Error as exc:
            raise CommandError(
                f"The database is in the way: {str(exc).strip()} What was restored so far is not whole: drop that database and "
                "restore into a new one."
            ) from exc
        if rehearse:
            noting.note_rehearsed(backup, manifest, faults=faults, say=say)
        if faults:
            raise not_whole(faults)
        if rehearse:
            self.stdout.write("The rehearsal's database is dropped again.")
        else:
            self.stdout.write("Read docs/deploy.md, “After a restore”, before you start workers.")

    def _begin(self, backup: Path, manifest: Manifest, *, hold_mails: bool) -> None:
        """The first that is written into the copy, once it was found whole."""
        held = None
        if hold_mails:
            held = restoring.hold_mails()
            self.stdout.write(
                f"{held:,} mails that were waiting are held back; the back-office lists them under Mails."
            )
        noting.note_restored(backup, manifest, mails_held=held, say=self.stderr.write)
