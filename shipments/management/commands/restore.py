"""`manage.py restore BACKUP`: a backup into an empty database, and then the proof that the copy is whole."""

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils import timezone

from shipments.backups import noting, restoring
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
            "--mails",
            choices=(restoring.HOLD, restoring.SEND, restoring.DROP),
            default=restoring.HOLD,
            help="What becomes of mails that were waiting when the backup was made, most of which have gone out since: held until "
            "somebody sends or drops them on the health page (the default), sent, or dropped.",
        )
        parser.add_argument(
            "--told-until",
            type=_moment,
            metavar="MOMENT",
            help="Buyers are written to again of what happened after this moment alone, such as 2026-11-25T14:00+00:00: when the "
            "lost database sent its last mail. Default: now, and with --mails send when the backup was made.",
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
        mails: str,
        told_until: datetime | None,
        jobs: int,
        **options: Any,
    ) -> None:
        if told_until is not None and told_until > timezone.now():
            raise CommandError("--told-until must not be in the future.", returncode=2)
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
                    # The first that is written into the copy.
                    settled = self._settle(mails, told_until)
                    noting.note_restored(backup, manifest, mails=mails, settled=settled, say=say)
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

    def _settle(self, mails: str, told_until: datetime | None) -> int:
        """How many mails were held, sent or dropped."""
        if told_until is None and mails != restoring.SEND:
            told_until = timezone.now()
        settled, subscribed = restoring.settle_mails(mails, told_until=told_until)
        words = {
            restoring.HOLD: "held back; send or drop them on the health page of the back-office",
            restoring.DROP: "dropped",
            restoring.SEND: "sent as soon as workers run, though most have gone out since",
        }
        self.stdout.write(f"Mails that were waiting: {settled:,}, {words[mails]}.")
        if told_until is not None:
            self.stdout.write(
                f"Subscriptions of buyers: {subscribed:,}, written to again of what happens after "
                f"{told_until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."
            )
        return settled


def _moment(typed: str) -> datetime:
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ArgumentTypeError("say day, time and offset, as in 2026-11-25T14:00+00:00")
    return moment
