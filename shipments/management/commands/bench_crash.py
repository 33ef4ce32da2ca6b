"""`manage.py bench_crash`: whether anything is lost or doubled while everything is killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from shipments.management.benchmarks.trial import Trial, line_of
from shipments.management.commands.worker import manage_py
from trackingsite.embedded_postgres import Embedded
from trackingsite.processes import Stopped, stopped_by_signals

# What would take the trial to a database or into a mode that is not its own.
_NOT_INHERITED = (
    "DATABASE_URL",
    "TRACKINGSITE_PRODUCTION",
    "TRACKINGSITE_DB_POOL",
    "SITE_URL",
    "ALLOWED_HOSTS",
)
_INSIDE = "BENCH_CRASH_INSIDE"


class Command(BaseCommand):
    """Two processes: the outer one makes a data folder with a database of its own, lets the inner one work in it, and
    leaves nothing running and nothing lying about, however the inner one ended."""

    help = (
        "Kills workers and the database at random while parcels are asked about and a simulator of the carriers fails a "
        "tenth of the calls, in an installation of its own. Prints one JSON object; the exit code is 1 where something "
        "was lost, doubled or left behind. Linux only."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shipments", type=int, default=2_000)
        parser.add_argument("--kills", type=int, default=50, help="How many times something is killed.")
        parser.add_argument("--gap", type=float, default=4.0, help="Seconds between two kills, on average.")
        parser.add_argument("--clusters", type=int, default=2, help="How many clusters share the database.")
        parser.add_argument("--seed", type=int, default=1, help="Another seed kills others at other moments.")
        parser.add_argument("--keep", action="store_true", help="Keep the data folder, with its logs.")

    def handle(
        self, *, shipments: int, kills: int, gap: float, clusters: int, seed: int, **options: Any
    ) -> None:
        if sys.platform != "linux":
            raise CommandError(
                "This benchmark finds the processes to kill in /proc: it runs on Linux only.", returncode=2
            )
        if os.environ.get(_INSIDE) == str(settings.DATA):
            trial = Trial(shipments, kills, gap, clusters, seed, say=self.stderr.write)
            figures = trial.run()
            self.stdout.write(line_of(figures))
            sys.exit(0 if figures["ok"] else 1)
        code = self._outside(
            "--shipments", str(shipments), "--kills", str(kills), "--gap", str(gap), "--clusters", str(clusters),
            "--seed", str(seed), keep=options["keep"],
        )  # fmt: skip
        if code:
            raise CommandError(
                "Something was lost, doubled or left behind, or the trial broke off.", returncode=code
            )

    def _outside(self, *words: str, keep: bool) -> int:
        folder = Path(tempfile.mkdtemp(prefix="bench_crash-"))
        env = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        env |= {
            "TRACKINGSITE_DATA": str(folder),
            "TRACKINGSITE_ALLOW_PRIVATE_HOSTS": "1",
            _INSIDE: str(folder),
        }
        try:
            with stopped_by_signals():
                return subprocess.run(manage_py("bench_crash", *words), env=env, check=False).returncode  # noqa: S603
        except Stopped:
            return 130
        finally:
            _end_all_of(folder)
            Embedded(folder / "postgres").stop()
            if keep:
                self.stderr.write(f"Kept: {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)


def _end_all_of(folder: Path) -> None:
    """Kill every process that works in this data folder: they are all ours."""
    mark = f"TRACKINGSITE_DATA={folder}".encode()
    for name in os.listdir("/proc"):
        with suppress(OSError):
            if name.isdigit() and mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                os.kill(int(name), signal.SIGKILL)
