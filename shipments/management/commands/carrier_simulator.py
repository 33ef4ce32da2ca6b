"""Runs the carriers' side of the wire on this machine, for the demo, for tests and for benchmarks."""

import argparse
import asyncio
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shipments.simulator import faults
from shipments.simulator.journeys import DEFAULT_SEED
from shipments.simulator.server import CarrierSimulator, free_port, serve

_HIGHEST_PORT = 65535


class Command(BaseCommand):
    """Needs no database and no account: any key and secret is taken."""

    help = "Answers like Pitney Bowes and USPS, on http://127.0.0.1:PORT, about parcels that are made up."
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, epilog=faults.__doc__, **kwargs)
        # The language of faults is a table; folded into a paragraph nobody could read it.
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=_port, default=8901, metavar="P", help="0 takes a free one; default 8901"
        )
        parser.add_argument(
            "--seed", type=int, default=DEFAULT_SEED, metavar="N", help="another seed tells other journeys"
        )
        parser.add_argument(
            "--latency-ms", type=_milliseconds, default=0, metavar="N", help="how long every answer waits"
        )
        parser.add_argument(
            "--faults", type=_faults, default="", metavar="SPEC", help="scripted trouble, see below"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            port = free_port(options["port"])
        except OSError as exc:
            raise CommandError(f"Port {options['port']} cannot be used: {exc.strerror}.") from exc
        seed: int = options["seed"]

        def ready() -> None:
            self.stdout.write(f"Carrier simulator on http://127.0.0.1:{port} (seed {seed})")
            self.stdout.flush()

        async def run() -> None:
            simulator = CarrierSimulator(
                seed=seed, faults=options["faults"], latency_ms=options["latency_ms"]
            )
            await serve(simulator, port, ready=ready)

        asyncio.run(run())
        # The server's threads may still be ending a call. Would the interpreter now be taken down in order,
        # one of them that reaches for it would abort the process (seen with granian 2.8 on Python 3.11).
        self.stdout.flush()
        os._exit(0)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {_HIGHEST_PORT}")
    return int(text)


def _milliseconds(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError("milliseconds are a whole number, 0 or more")
    return int(text)


def _faults(spec: str) -> str:
    try:
        faults.read_faults(spec)
    except faults.FaultSpecError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    return spec
