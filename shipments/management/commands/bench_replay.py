"""`manage.py bench_replay`: how fast stored answers are read again, and with how much memory."""

import gc
import json
import subprocess
import sys
import time
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from shipments.analytics import attention
from shipments.carriers.base import Outcome, Question
from shipments.carriers.errors import CarrierError
from shipments.carriers.registry import read_part
from shipments.enums import Gateway, Status, WorkState
from shipments.facts.numbers import lookup_key
from shipments.management.benchmarks import canned
from shipments.management.benchmarks.gauges import counted_statements, peak_rss_mb, rss_mb
from shipments.management.benchmarks.scratch import scratch_database, use_database
from shipments.models import CarrierAccount, Merchant, Replay, ScanEvent, Shipment, StatusMapping, Watch
from shipments.simulator.journeys import Journey
from shipments.tracking import replays
from shipments.tracking.ingest import Observation, ingest

# The answers of a parcel: what it had been through when each was fetched.
SCANS = (2, 5, 8, 10)
# Parcels stored at a time.
BATCH = 500
SMALLER = 20_000
_FETCHED = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)


class Command(BaseCommand):
    """Uses a database of its own. Asserts nothing about time: it prints one JSON object a line."""

    help = f"Measure replays of parcels with {len(SCANS)} answers and {SCANS[-1]} scans each: answers a second, memory, statements."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--answers", type=int, default=100_000, help="stored answers in the end")
        parser.add_argument("--gateway", choices=list(Gateway), default=Gateway.USPS)
        parser.add_argument(
            "--quick", action="store_true", help=f"leave out the run with {SMALLER:,} answers"
        )
        # How this command calls itself, so that each replay has a process whose memory is its own.
        for name in ("--replay", "--database"):
            parser.add_argument(name, help=SUPPRESS)

    def handle(self, **options: Any) -> None:
        if options["replay"]:
            use_database(options["database"])
            self.stdout.write(json.dumps(_measured(int(options["replay"]))))
            return
        if settings.DEBUG:
            raise CommandError("DEBUG remembers every statement: unset it to measure.", returncode=2)
        gateway = Gateway(options["gateway"])
        sizes = sorted(
            {options["answers"] if options["quick"] else min(SMALLER, options["answers"]), options["answers"]}
        )
        journeys = canned.journeys(gateway, sizes[-1] // len(SCANS))
        with scratch_database("replay") as database:
            account = _an_account(gateway)
            stored = 0
            for answers in sizes:
                parcels = answers // len(SCANS)
                _store(account, journeys[stored:parcels])
                stored = parcels
                for line in self._replays(database, parcels):
                    self.stdout.write(
                        json.dumps({"bench": "bench_replay", "gateway": gateway, "answers": answers, **line})
                    )

    def _replays(self, database: str, parcels: int) -> Iterator[dict[str, Any]]:
        """All of them without news; then those with a code that each has, which means something else each time."""
        yield {"replay": "all, nothing changes", **_in_a_process(database, Replay.start())}
        code, carrier = _a_code_of_all()
        mapping = StatusMapping.objects.filter(code=code).first() or StatusMapping(
            carrier_id=carrier, code=code
        )
        mapping.status = Status.EXCEPTION if mapping.status != Status.EXCEPTION else Status.DELIVERY_ATTEMPT
        mapping.save()
        mapped = _in_a_process(database, Replay.of_mapping(mapping, by_id=None))
        if mapped["scans_changed"] < mapped["parcels"]:
            raise CommandError("A replay that changes nothing is not to be measured.")
        yield {"replay": "a code, one scan of each parcel changes", **mapped}


# ---- The world


def _an_account(gateway: Gateway) -> CarrierAccount:
    merchant = Merchant.objects.create(slug="benchmark", name="Benchmark")
    return CarrierAccount.objects.create(merchant=merchant, gateway=gateway)


def _store(account: CarrierAccount, journeys: Sequence[Journey]) -> None:
    """Parcels as a worker would have left them, having asked about each several times."""
    for start in range(0, len(journeys), BATCH):
        batch = journeys[start : start + BATCH]
        shipments = Shipment.objects.bulk_create(
            Shipment(
                merchant=account.merchant,
                carrier_id=journey.carrier,
                number=journey.number,
                number_as_typed=journey.number,
                lookup_key=lookup_key(journey.number),
                destination_postal_code=journey.destination.postal_code,
            )
            for journey in batch
        )
        Watch.objects.bulk_create(
            Watch(shipment=shipment, merchant=account.merchant) for shipment in shipments
        )
        for n, scans in enumerate(SCANS):
            at = _FETCHED + timedelta(hours=n)
            ingest(
                [
                    _observed(account, shipment, journey, scans, at)
                    for shipment, journey in zip(shipments, batch, strict=True)
                ],
                now=at,
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _observed(
    account: CarrierAccount, shipment: Shipment, journey: Journey, scans: int, at: datetime
) -> Observation:
    question = Question(shipment.pk, shipment.number, shipment.carrier_id)
    part = canned.rendered(Gateway(account.gateway), journey, scans)
    result = read_part(Gateway(account.gateway), part, question)
    if isinstance(result, CarrierError):
        raise CommandError(f"The simulator's answer cannot be read: {result}")
    return Observation(Outcome(question, result, at, part), account)


def _a_code_of_all() -> tuple[str, str]:
    """The code of the third scan of the first parcel, which the others of its carrier have, too."""
    scan = ScanEvent.objects.select_related("shipment").order_by("shipment", "ordered_at", "position")[2]
    return scan.code, scan.shipment.carrier_id


# ---- One replay


def _in_a_process(database: str, replay: Replay) -> dict[str, Any]:
    command = [
        sys.executable,
        sys.argv[0],
        "bench_replay",
        "--replay",
        str(replay.pk),
        "--database",
        database,
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  (this very command)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _measured(replay_id: int) -> dict[str, Any]:
    replay = Replay.objects.get(pk=replay_id)
    gc.collect()
    before, began, burnt = rss_mb(), time.perf_counter(), time.process_time()
    with counted_statements() as statements:
        while not replay.is_over:
            replays.work(replay_id, follow=attention.follow_quietly)
            replay.refresh_from_db()
    seconds, cpu = time.perf_counter() - began, time.process_time() - burnt
    if replay.state != WorkState.DONE or replay.failed:
        raise CommandError(f"The replay is {replay.state}: {replay.error}")
    return {
        "parcels": replay.done,
        "read": replay.answers,
        "scans_changed": replay.scans_changed,
        "answers_per_second": round(replay.answers / seconds),
        "cpu_seconds_per_1000": round(cpu * 1000 / replay.answers, 3),
        "statements_per_parcel": round(statements.count / replay.done, 3),
        "rss_before_mb": before,
        "rss_after_mb": rss_mb(),
        "rss_peak_mb": peak_rss_mb(),
    }
