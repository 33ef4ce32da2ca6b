"""`manage.py export_merchant`: all data of one merchant, into a file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from shipments.keeping.exporting_all import export_to
from shipments.management.merchants import merchant_meant


class Command(BaseCommand):
    """Reads one snapshot of the database, whatever changes meanwhile. The file holds personal data: only its owner on this
    host can read it."""

    help = "Write all data of a merchant into a ZIP archive of JSON Lines and pictures, as of one moment."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", metavar="SLUG", help="The merchant's short name.")
        parser.add_argument("file", metavar="FILE", help="Where the archive is written, such as alpine.zip.")
        parser.add_argument("--force", action="store_true", help="Replace the file if it is there.")

    def handle(self, *, slug: str, file: str, force: bool, **options: Any) -> None:
        merchant = merchant_meant(slug)
        path = Path(file)
        if path.exists() and not force:
            raise CommandError(f"file: {path} is there already. --force replaces it.", returncode=2)
        try:
            files, size = export_to(path, merchant, timezone.now())
        except OSError as exc:
            raise CommandError(
                f"file: {path} could not be written ({exc.strerror}). Nothing is left of it."
            ) from None
        self.stdout.write(f"All data of {merchant.slug}: {files:,} files, {size:,} bytes in {path}.")
