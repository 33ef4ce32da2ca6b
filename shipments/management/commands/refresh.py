"""`manage.py refresh`: ask about what is due in this process, without the queue."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import OperationalError, close_old_connections

from shipments.refresh import runner
from trackingsite.processes import Stopped, stopped_by_signals

# Due times are minutes apart; a parcel somebody asks about by hand should not wait long.
PAUSE_SECONDS = 5.0


class Command(BaseCommand):
    """May run beside the queue and any number of its like: each parcel is leased to one asker."""

    help = "Ask carriers about every parcel that is due; without --once again and again, until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="Work off what is due now and end.")

    def handle(self, *, once: bool, **options: Any) -> None:
        if once:
            self.stdout.write(_counted(runner.work_off()))
            return
        try:
            with stopped_by_signals():
                self.stdout.write(
                    f"Asking about what is due, every {PAUSE_SECONDS:g} seconds. Ctrl-C ends it."
                )
                while True:
                    self._look()
                    time.sleep(PAUSE_SECONDS)
        except Stopped:
            self.stdout.write("Stopped. What was being asked about comes up again within a few minutes.")

    def _look(self) -> None:
        try:
            asked = runner.work_off()
        except OperationalError as exc:
            close_old_connections()
            # A database that restarts is back in seconds; the reason is its first line.
            self.stderr.write(f"The database cannot be reached ({str(exc).splitlines()[0]}). Trying again.")
            return
        if asked:
            self.stdout.write(_counted(asked))


def _counted(asked: int) -> str:
    return f"Asked about {asked} parcel{'' if asked == 1 else 's'}."
