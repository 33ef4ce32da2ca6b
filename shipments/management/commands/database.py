"""`manage.py database start|stop|status`: the embedded database, by hand."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from trackingsite.embedded_postgres import Embedded, EmbeddedPostgresError


class Command(BaseCommand):
    help = (
        "Starts or stops the embedded database, or says whether it runs (exit code 0 when it does, 1 when not). "
        "Commands that need it start it by themselves."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["start", "stop", "status"])

    def handle(self, *, verb: str, **options: Any) -> None:
        embedded: Embedded | None = settings.EMBEDDED_POSTGRES
        if embedded is None:
            raise CommandError(
                "DATABASE_URL names a database that is not ours to start or stop.", returncode=2
            )
        try:
            if verb == "start":
                embedded.start()
            elif verb == "stop":
                was_running = embedded.is_running()
                embedded.stop()
                self.stdout.write(
                    "The database is stopped." if was_running else "The database was not running."
                )
                return
            server = embedded.server()
        except EmbeddedPostgresError as exc:
            raise CommandError(str(exc), returncode=1) from exc
        if server is None:
            self.stdout.write(f"The database in {embedded.home} is not running.")
            sys.exit(1)
        state = "runs" if server.ready else "is starting"
        self.stdout.write(f"The database in {embedded.home} {state} (process {server.pid}).")
