"""`manage.py drop_audit_months --before 2025-01`: the audit's old months go, whole, and that is written down."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from shipments.bulk import audit_file
from shipments.models import AuditEntry, audit_months
from shipments.models.audit_months import FEWEST_KEPT, InUse, Month

TABLE = AuditEntry._meta.db_table


class Command(BaseCommand):
    """Nothing else takes entries away: the database refuses it. Each month goes by itself, with an entry that says so."""

    help = (
        "Drop the months of the audit before the one named, of UTC; lists them and asks first. "
        f"The last {FEWEST_KEPT} months always stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", required=True, metavar="YYYY-MM", help="The first month that stays.")
        parser.add_argument(
            "--export", metavar="FILE", help="Write all of it to this new file first, as JSON lines."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would go, and end.")

    def handle(self, *, before: str, export: str | None, yes: bool, dry_run: bool, **options: Any) -> None:
        now = timezone.now()
        first_kept = _read_month(before)
        youngest = audit_months.youngest_droppable(now)
        if first_kept > youngest:
            raise CommandError(
                f"before: the last {FEWEST_KEPT} months stay; {youngest:%Y-%m} is the latest that may be named.",
                returncode=2,
            )
        if not dry_run:
            self._sort_out()
        doomed = [month for month in audit_months.months(TABLE) if month.first < first_kept]
        if not doomed:
            self.stdout.write(f"The audit has no months before {first_kept:%Y-%m}.")
            return
        for month in doomed:
            self.stdout.write(f"{month}: {month.count():,} entries")
        if dry_run:
            self.stdout.write("Nothing was dropped.")
            return
        if not yes:
            self._ask(len(doomed))
        exported = self._export(export, doomed) if export else ""
        for month in doomed:
            self._drop(month, exported)

    def _sort_out(self) -> None:
        try:
            moved = audit_months.sort_out(TABLE)
        except InUse as exc:
            raise CommandError(f"{exc} Try again in a minute.") from None
        if moved:
            self.stdout.write(f"Entries that had no month and have theirs now: {moved:,}.")

    def _ask(self, many: int) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Nobody is there to ask: say --yes to drop them.", returncode=2)
        self.stdout.write(f"Drop {many} month{'' if many == 1 else 's'} for good? Type yes: ", ending="")
        self.stdout.flush()
        if sys.stdin.readline().strip() != "yes":
            raise CommandError("Nothing was dropped.")

    def _export(self, name: str, doomed: list[Month]) -> str:
        """Write all entries of these months into the new file; where that is."""
        entries = AuditEntry.objects.filter(
            at__gte=_begin_of(doomed[0].first), at__lt=_begin_of(audit_months.after(doomed[-1].first))
        )
        written = 0
        with _new_file(Path(name)) as file:
            for piece in audit_file.lines(entries, audit_file.JSON_LINES):
                file.write(piece)
                written += piece.count(b"\n")
        expected = sum(month.count() for month in doomed)
        if written != expected:
            raise CommandError(f"{name} has {written:,} of {expected:,} entries. Nothing was dropped.")
        self.stdout.write(f"{name}: {written:,} entries.")
        return Path(name).name

    def _drop(self, month: Month, exported: str) -> None:
        try:
            with transaction.atomic():
                AuditEntry.objects.record(
                    "dropped",
                    AuditEntry(),
                    source="command",
                    before={"month": str(month), "entries": month.count()},
                    after={"exported_to": exported},
                )
                audit_months.drop(month)
        except InUse as exc:
            raise CommandError(f"{month} stays: {exc} Say the same again in a minute.") from None
        self.stdout.write(f"{month} is dropped.")


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that was not there before, for its owner alone, and on the disk when the block has ended."""
    try:
        # Whoever keeps the audit keeps what others did: nobody else on the machine reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise CommandError(
            f"export: {path} is there already; name a new file. Nothing was dropped.", returncode=2
        ) from None
    except OSError as exc:
        raise CommandError(
            f"export: {path} cannot be written ({exc.strerror}). Nothing was dropped.", returncode=2
        ) from None


def _read_month(text: str) -> date:
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", text, re.ASCII)
    if found is None:
        raise CommandError("before: a month is written as 2025-01.", returncode=2)
    return date(int(found[1]), int(found[2]), 1)


def _begin_of(first: date) -> datetime:
    return datetime.combine(first, time(), UTC)
