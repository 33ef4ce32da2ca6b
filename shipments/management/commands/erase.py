"""`manage.py erase`: a buyer's data found and erased, from a terminal."""

import getpass
import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from shipments.enums import ErasedBy
from shipments.keeping import erasing, erasing_again, receipts
from shipments.models import AuditEntry, Erasure, Merchant


class Command(BaseCommand):
    """Reads the address or number from the prompt or from standard input, and never from the command line: shells keep
    what is typed there, and other users see it."""

    help = (
        "Erase a buyer's data, found by e-mail address or tracking number. It is asked for, or read from standard input. "
        "With --record, write all erasures so far as lines of JSON that name nobody, to be kept beside the backups; "
        "with --again, do those of such a file once more, after a backup was restored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--email", action="store_true", help="Find by e-mail address.")
        what.add_argument("--number", action="store_true", help="Find by tracking number.")
        what.add_argument("--record", action="store_true", help="Write all erasures, for after a restore.")
        what.add_argument(
            "--again", metavar="FILE", help="Do the erasures of this file again; - for standard input."
        )
        parser.add_argument("--merchant", metavar="SLUG", help="With this merchant only.")
        parser.add_argument(
            "--only-address",
            action="store_true",
            help="Leave the parcels as they are: erase the address and its mails.",
        )
        parser.add_argument(
            "--on-the-way", action="store_true", help="Erase parcels that are still on their way as well."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask before erasing.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["record"]:
            for one in erasing_again.records():
                self.stdout.write(json.dumps(asdict(one)))
        elif options["again"]:
            self._again(options["again"])
        else:
            self._erase(ErasedBy.EMAIL if options["email"] else ErasedBy.NUMBER, options)

    def _erase(self, by: ErasedBy, options: dict[str, Any]) -> None:
        merchant = self._merchant(options["merchant"])
        try:
            term = erasing.read_term(by, self._ask(by))
        except erasing.BadTerm as refusal:
            raise CommandError(str(refusal)) from None
        with_parcels = by == ErasedBy.NUMBER or not options["only_address"]
        found = erasing.look(by, term, merchant, with_parcels=with_parcels)
        self.stdout.write(
            "There is:" if found.is_anything else "No parcel and no subscription names them now."
        )
        for one in receipts.counts_in_words({"parcels": found.parcels, **found.counts}):
            self.stdout.write(f"- {one}")
        for address in found.addresses:
            self.stdout.write(f"- the address {address}")
        if by == ErasedBy.EMAIL:
            self.stdout.write(receipts.what_addresses_find())
        if found.on_their_way and not options["on_the_way"]:
            raise CommandError(
                f"Parcels that are still on their way: {found.on_their_way}. What is erased now is followed on without names, and "
                "proof of its delivery is not kept. Wait until all have arrived, or say --on-the-way. Nothing was erased."
            )
        if not options["yes"] and not self._is_sure():
            raise CommandError("Nothing was erased.")
        now = timezone.now()
        erasure = erasing.begin(by, term, merchant, with_parcels=with_parcels, asked_by=None, now=now)
        AuditEntry.objects.record("asked for", erasure, source="command", after={"by": by.value})
        self._finish(erasure)
        self.stdout.write(receipts.text_of(erasure))

    def _finish(self, erasure: Erasure) -> None:
        """Do it here and now: the queue may stand still where a terminal is used."""
        while not erasing.work(timezone.now()):
            pass
        erasure.refresh_from_db()
        if not erasure.is_done:
            self.stderr.write(
                "Somebody holds some of it this moment. The queue goes on with it within five minutes."
            )

    def _ask(self, by: ErasedBy) -> str:
        label = "E-mail address: " if by == ErasedBy.EMAIL else "Tracking number: "
        # Not shown while it is typed: terminals are recorded, and people look over shoulders.
        return getpass.getpass(label) if sys.stdin.isatty() else sys.stdin.readline()

    def _is_sure(self) -> bool:
        if not sys.stdin.isatty():
            raise CommandError("Nothing was erased: with standard input, say --yes.")
        return input("Erase it for good? Type yes: ").strip().lower() == "yes"

    def _merchant(self, slug: str | None) -> Merchant | None:
        if not slug:
            return None
        merchant = Merchant.objects.filter(slug=slug).first()
        if merchant is None:
            raise CommandError("There is no merchant with this short name.")
        return merchant

    def _again(self, name: str) -> None:
        try:
            text = sys.stdin.read() if name == "-" else Path(name).read_text()
            kept = [erasing_again.Record(**json.loads(line)) for line in text.splitlines() if line.strip()]
        except OSError as exc:
            raise CommandError(f"The file cannot be read: {exc.strerror}.") from None
        except (ValueError, TypeError):
            raise CommandError("This is no file that --record has written. Nothing was erased.") from None
        begun, none = erasing_again.begin_again(kept, timezone.now())
        while not erasing.work(timezone.now()):
            pass
        self.stdout.write(f"Erasures done again: {begun}; for {none} there is nothing to erase.")
