"""`manage.py track`: add a parcel, ask its carrier now, print what is known."""

import json
import os
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from shipments.enums import AnswerKind, Gateway
from shipments.management.merchants import merchant_meant
from shipments.management.timeline import timeline
from shipments.models import AuditEntry, MaintenanceWindow, Merchant, Shipment
from shipments.refresh import runner
from shipments.refresh.askers import Askers
from shipments.refresh.budget import OUT_OF_CALLS
from shipments.refresh.routing import no_account_sentence
from shipments.refresh.windows import reopens_at
from shipments.tracking.adding import BadParcel, ParcelForm, add_parcel, read_parcel
from shipments.tracking.catalogue import Catalogue, Routes
from shipments.tracking.gateway import Kind
from shipments.tracking.ingest import Ingested
from shipments.tracking.report import Report, not_known_yet, reports

KNOWN, USAGE, NOT_KNOWN_YET, NOT_ASKED = 0, 2, 3, 4

EXIT_CODES = """
exit codes:
  0  the carrier knows every parcel
  2  an option or a number is wrong; nothing was stored or asked
  3  the carrier does not know a parcel yet
  4  the carrier could not be asked, its answer could not be read, or it may not tell this account about the parcel;
     what was known before is printed
With several numbers the worst counts: 4, then 3, then 0.
"""


class Command(BaseCommand):
    """Prints parcels as text or JSON; the exit code tells how asking went."""

    help = "Add parcels that are new, ask their carriers now, and print what is known."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs |= {"formatter_class": RawDescriptionHelpFormatter, "epilog": EXIT_CODES}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "numbers", nargs="+", metavar="NUMBER", help="A tracking number, in any usual form."
        )
        parser.add_argument(
            "--carrier", metavar="CODE", help="USPS, UPS, FedEx …, exactly so. Default: by the number."
        )
        parser.add_argument(
            "--gateway", choices=[str(gateway) for gateway in Gateway], help="Who is asked. Default: chosen."
        )
        parser.add_argument(
            "--merchant", metavar="SLUG", help="Whose parcel it is. Needed where there are several merchants."
        )
        parser.add_argument(
            "--postal-code", metavar="ZIP", help="Where the parcel goes, as 12345 or 12345-6789."
        )
        parser.add_argument("--mailing-date", metavar="DATE", help="When it was mailed, as 2026-01-31.")
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="One JSON object per number, one a line."
        )

    def handle(
        self,
        *,
        numbers: Sequence[str],
        carrier: str | None,
        gateway: str | None,
        merchant: str | None,
        postal_code: str | None,
        mailing_date: str | None,
        as_json: bool,
        **options: Any,
    ) -> None:
        owner = merchant_meant(merchant)
        parcels = _checked(
            numbers, carrier=carrier, gateway=gateway, postal_code=postal_code, mailing_date=mailing_date
        )
        shipments = [self._added(owner, parcel) for parcel in parcels]
        distinct = list({shipment.pk: shipment for shipment in shipments}.values())
        for warning in _closed_now(distinct):
            self.stderr.write(warning)
        ingested, accountless = runner.ask_now(distinct)
        by_pk = _fresh_reports(distinct, ingested, accountless)
        for entry in ingested:
            # Where the report has other words: the parcel was known before, or a program reads the report.
            if (sentence := not_known_yet(entry.watch)) and (as_json or entry.shipment.status_text):
                self.stderr.write(f"{entry.shipment.number}: {sentence}")
        self._print([by_pk[shipment.pk] for shipment in shipments], as_json=as_json)
        if code := _exit_code(distinct, ingested):
            sys.exit(code)

    def _added(self, merchant: Merchant, parcel: ParcelForm) -> Shipment:
        added = add_parcel(merchant, parcel)
        if added.warning:
            self.stderr.write(f"{parcel.number}: {added.warning}")
        if added.is_new:
            AuditEntry.objects.record("added", added.shipment, source="command", merchant=merchant)
        return added.shipment

    def _print(self, found: Iterable[Report], *, as_json: bool) -> None:
        now = timezone.now()
        try:
            for report in found:
                for line in [json.dumps(report)] if as_json else timeline(report, now):
                    self.stdout.write(line)
            self.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough (`| head`). What is still buffered goes nowhere, so that closing does not fail too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stdout.fileno())


def _checked(numbers: Sequence[str], **options: str | None) -> list[ParcelForm]:
    """What was typed as parcels; a usage error that names every bad field and its rule."""
    parcels: list[ParcelForm] = []
    problems: dict[str, list[str]] = {}
    catalogue = Catalogue.read()
    for place, number in enumerate(numbers, start=1):
        try:
            parcels.append(read_parcel(number, catalogue=catalogue, **options))
        except BadParcel as exc:
            problems.setdefault(f"{exc.field}: {exc}", []).append(str(place))
    if problems:
        lines = [
            message
            if len(places) == len(numbers)
            else f"{message} (number {', '.join(places)} of {len(numbers)})"
            for message, places in problems.items()
        ]
        raise CommandError("\n".join(lines), returncode=USAGE)
    return parcels


def _closed_now(shipments: Sequence[Shipment]) -> Iterator[str]:
    """A warning for each carrier that is in its maintenance hours: a person may ask all the same."""
    now = timezone.now()
    groups, _accountless = Askers(shipments).groups(shipments)
    asked = {(shipment.carrier_id, account.gateway) for account, members in groups for shipment in members}
    for window in MaintenanceWindow.objects.order_by("carrier", "pk"):
        if (window.carrier_id, window.gateway) in asked and reopens_at(
            starts=window.starts, ends=window.ends, zone=window.zone, now=now
        ):
            yield (
                f"{window.carrier_id} through {window.gateway} is in maintenance until {window.ends:%H:%M} {window.zone}: "
                "asking may time out."
            )


def _fresh_reports(
    shipments: Sequence[Shipment], ingested: Sequence[Ingested], accountless: Sequence[Shipment]
) -> dict[int, Report]:
    """The report of each parcel by its id, read anew: asking has changed the rows."""
    rows = list(Shipment.objects.filter(pk__in=[shipment.pk for shipment in shipments]).order_by("pk"))
    by_pk = {shipment.pk: report for shipment, report in zip(rows, reports(rows), strict=True)}
    for pk in by_pk.keys() - {entry.shipment.pk for entry in ingested}:
        by_pk[pk]["error"] = f"{OUT_OF_CALLS} It is asked about as soon as there is one."
    routes = Routes.read() if accountless else Routes(())
    for shipment in accountless:
        by_pk[shipment.pk]["error"] = no_account_sentence(Kind.of(shipment), routes)
    return by_pk


def _exit_code(shipments: Sequence[Shipment], ingested: Sequence[Ingested]) -> int:
    entries = {entry.shipment.pk: entry for entry in ingested}
    return max(_outcome(entries.get(shipment.pk)) for shipment in shipments)


def _outcome(entry: Ingested | None) -> int:
    if entry is None or entry.error is not None:
        return NOT_ASKED
    return {AnswerKind.SNAPSHOT: KNOWN, AnswerKind.NOT_KNOWN: NOT_KNOWN_YET}.get(
        AnswerKind(entry.watch.heard), NOT_ASKED
    )
