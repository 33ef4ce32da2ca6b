"""`manage.py bench_import`: how fast an import is, beside PostgreSQL's own COPY of the same rows."""

import csv
import io
import json
import subprocess
import sys
import time
from argparse import ArgumentParser
from datetime import date, timedelta
from random import Random
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from shipments.bulk import importing, receiving
from shipments.facts.check_digits import with_1z_check_digit, with_impb_check_digit
from shipments.management.benchmarks.gauges import peak_rss_mb
from shipments.management.benchmarks.scratch import scratch_database, use_database
from shipments.models import Import, Merchant, User

HEADER = ("Tracking Number", "Order", "Recipient", "Destination ZIP", "Ship Date", "Tags")
# What the files of the check of memory have; the store holds the others by then.
MEMORY_AT = (20_000, 200_000)


class Command(BaseCommand):
    """Uses a database of its own. Asserts nothing about time: it prints one JSON object a line."""

    help = "Measure imports: rows a second, share of COPY's speed, memory at 20,000 and 200,000 rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rows", type=int, default=100_000, help="rows of the timed file")
        parser.add_argument("--quick", action="store_true", help="leave out the check of memory")
        # How this command calls itself, so that each import has a process whose memory is its own.
        parser.add_argument("--import", dest="import_id", type=int, help="do one import in --database")
        parser.add_argument("--database")

    def handle(self, **options: Any) -> None:
        if options["import_id"]:
            use_database(options["database"])
            self._do(options["import_id"])
            return
        lines = []
        with scratch_database("import") as name:
            lines.append(self._timed(name, options["rows"]))
            if not options["quick"]:
                lines += [self._of_memory(name, rows) for rows in MEMORY_AT]
        for line in lines:
            self.stdout.write(json.dumps({"bench": "bench_import", **line}))

    def _timed(self, database: str, rows: int) -> dict[str, Any]:
        table = a_table(rows, seed=1)
        copied = _copied(table)
        received, job = _received(_as_csv(table))
        measured = _imported(database, job)
        job.refresh_from_db()
        return {
            "rows": rows,
            "good": job.good,
            "double": job.double,
            "bad": job.bad,
            "rows_per_second": round(rows / measured["seconds"]),
            "copy_rows_per_second": round(rows / copied),
            "times_copy": round(measured["seconds"] / copied, 1),
            "receive_seconds": round(received, 2),
            "worker_cpu_seconds": measured["cpu"],
            "peak_rss_mb": measured["peak_rss_mb"],
        }

    def _of_memory(self, database: str, rows: int) -> dict[str, Any]:
        _seconds, job = _received(_as_csv(a_table(rows, seed=rows)))
        measured = _imported(database, job)
        return {
            "rows": rows,
            "rows_per_second": round(rows / measured["seconds"]),
            "peak_rss_mb": measured["peak_rss_mb"],
        }

    def _do(self, import_id: int) -> None:
        job = Import.objects.get(pk=import_id)
        began = time.perf_counter()
        while not job.is_over:
            importing.work_on(import_id)
            job.refresh_from_db()
        seconds = time.perf_counter() - began
        self.stdout.write(
            json.dumps(
                {"seconds": seconds, "cpu": round(time.process_time(), 2), "peak_rss_mb": peak_rss_mb()}
            )
        )


def a_table(rows: int, *, seed: int) -> list[tuple[str, ...]]:
    """Rows as a shop exports them: two carriers, one number in a hundred broken, one row in a hundred a repetition."""
    # Figures of a benchmark, not secrets.
    random, table = Random(seed), list[tuple[str, ...]]()  # noqa: S311
    for n in range(rows):
        if n % 100 == 50:
            table.append(table[random.randrange(n)])
            continue
        number = (
            with_1z_check_digit(f"1Z{random.randrange(10**15):015d}")
            if n % 3 == 0
            else with_impb_check_digit(f"94001{random.randrange(10**16):016d}")
        )
        table.append(
            (
                "9.40551E+21" if n % 100 == 99 else number,
                f"#{seed}-{n}",
                f"Ann Invented {n}",
                f"{random.randrange(1, 99_999):05d}",
                (date(2026, 1, 1) + timedelta(days=n % 90)).isoformat(),
                "spring" if n % 5 == 0 else "",
            )
        )
    return table


def _as_csv(table: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(table)
    return text.getvalue().encode()


def _copied(table: list[tuple[str, ...]]) -> float:
    """The yardstick: seconds of COPY of the same cells into a table without an index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bare (number text, ordered text, recipient text, zip text, mailed text, tags text)"
        )
        began = time.perf_counter()
        with cursor.copy("COPY bare FROM STDIN") as copy:
            for row in table:
                copy.write_row(row)
        seconds = time.perf_counter() - began
        cursor.execute("DROP TABLE bare")
    return seconds


def _received(content: bytes) -> tuple[float, Import]:
    merchant, _made = Merchant.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    by = User.objects.filter(email="bench@example.com").first() or User.objects.create_user(
        "bench@example.com"
    )
    began = time.perf_counter()
    job = receiving.receive(
        io.BytesIO(content), "bench.csv", merchant=merchant, by=by, language="en", now=timezone.now()
    )
    seconds = time.perf_counter() - began
    job.start(timezone.now())
    return seconds, job


def _imported(database: str, job: Import) -> dict[str, float]:
    """One import by a process of its own: its seconds and its peak of memory."""
    done = subprocess.run(  # noqa: S603  (this very command)
        [sys.executable, sys.argv[0], "bench_import", "--import", str(job.pk), "--database", database],
        check=True,
        capture_output=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured
