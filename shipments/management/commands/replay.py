"""`manage.py replay`: read stored answers again, by today's mappings and tables."""

import time
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, close_old_connections, transaction
from django.utils import timezone

from shipments.analytics import attention
from shipments.enums import WorkState
from shipments.models import AuditEntry, Carrier, Replay
from shipments.tracking import replays
from trackingsite.processes import Stopped, stopped_by_signals

NOTES = """
Nobody is told of what changes: no buyer, no alert, no mark of news. What people have put right stays. It may run beside
everything else, the queue included, which goes on with it if this process dies. Ctrl-C cancels it; --resume goes on.
"""
# Between two looks at a replay that another worker has.
PAUSE_SECONDS = 1.0
# Where nobody sits at a terminal a line is written so often.
SECONDS_BETWEEN_LINES = 10.0
BAR = 30


class Command(BaseCommand):
    """Starts a replay and works on it here; whoever else does, too, it shows how far it has come."""

    help = "Read stored answers again, and bring parcels to what they say by today's mappings."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs |= {"formatter_class": RawDescriptionHelpFormatter, "epilog": NOTES}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--carrier", metavar="CODE", default="", help="USPS, UPS, FedEx …, exactly so.")
        parser.add_argument("--code", default="", help="Only parcels that have a scan with this code.")
        parser.add_argument("--text", default="", help="Only parcels that have a scan with this whole text.")
        parser.add_argument(
            "--word", default="", help="Only parcels that have a scan with this unknown status word."
        )
        parser.add_argument("--all", action="store_true", help="All parcels of all carriers.")
        parser.add_argument(
            "--resume",
            nargs="?",
            type=int,
            const=0,
            metavar="NUMBER",
            help="Go on with this one, or with the last that is not done.",
        )

    def handle(self, **options: Any) -> None:
        replay = self._resumed(options) if options["resume"] is not None else self._started(options)
        try:
            with stopped_by_signals():
                self._work_on(replay)
        except Stopped:
            replay.ask_to_cancel(timezone.now())
            # The lease was this process', and it stops now.
            replay.let_go()
            replay.ask_to_cancel(timezone.now())
            replay.refresh_from_db()
        self._tell_end(replay)

    def _started(self, options: dict[str, Any]) -> Replay:
        words = {name: options[name].strip() for name in ("code", "text", "word")}
        carrier: str = options["carrier"]
        if options["all"] == bool(carrier):
            raise CommandError("Say whose answers: --carrier CODE, or --all.", returncode=2)
        if options["all"] and any(words.values()):
            raise CommandError(
                "Codes and texts mean each carrier's own things: name the carrier.", returncode=2
            )
        if carrier and not Carrier.objects.filter(pk=carrier).exists():
            known = ", ".join(Carrier.objects.values_list("code", flat=True))
            raise CommandError(f"A carrier is one of {known}, written exactly so.", returncode=2)
        for name, longest in (("code", 100), ("text", 200), ("word", 100)):
            if len(words[name]) > longest or "\x00" in words[name]:
                raise CommandError(f"--{name} takes at most {longest} signs, none of them NUL.", returncode=2)
        with transaction.atomic():
            replay = Replay.start(carrier=carrier or None, **words)
            self._write_down("started", replay)
        return replay

    def _resumed(self, options: dict[str, Any]) -> Replay:
        if options["carrier"] or options["all"] or any(options[name] for name in ("code", "text", "word")):
            raise CommandError("--resume goes on as it was begun: say nothing else with it.", returncode=2)
        number: int = options["resume"]
        found = Replay.objects.filter(pk=number) if number else Replay.objects.exclude(state=WorkState.DONE)
        replay = found.order_by("-pk").first()
        if replay is None:
            raise CommandError(
                f"There is no replay {number}." if number else "There is nothing to go on with.", returncode=2
            )
        if replay.state == WorkState.DONE:
            raise CommandError(f"Replay {replay.pk} is done.", returncode=2)
        with transaction.atomic():
            if replay.take_up():
                self._write_down("resumed", replay)
        return replay

    def _write_down(self, verb: str, replay: Replay) -> None:
        AuditEntry.objects.record(verb, replay, source="command", after={"about": replay.about})

    def _work_on(self, replay: Replay) -> None:
        self.stdout.write(f"Replay {replay.pk}: {replay.about}.")
        shown = _Progress(self.stdout)
        while True:
            try:
                replays.work(replay.pk, follow=attention.follow_quietly, beat=lambda: shown.of(replay))
                replay.refresh_from_db()
            except OperationalError as exc:
                close_old_connections()
                # A database that restarts is back in seconds; the reason is its first line.
                self.stderr.write(f"The database: {str(exc).splitlines()[0]}. Trying again.")
            if replay.is_over:
                break
            shown.of(replay)
            if replay.leased_until is not None:
                time.sleep(PAUSE_SECONDS)
        shown.end()

    def _tell_end(self, replay: Replay) -> None:
        self.stdout.write(
            f"{_parcels(replay.done)} done, {_answers(replay.answers)} read: {_parcels(replay.changed)} and "
            f"{replay.scans_changed} scan{'' if replay.scans_changed == 1 else 's'} have another status."
        )
        if replay.by_scans:
            self.stdout.write(
                f"{_parcels(replay.by_scans)} read from their scans: put right by people, or some answers are gone."
            )
        if replay.failed:
            self.stderr.write(
                f"{_parcels(replay.failed)} could not be read and left as before; the log says which."
            )
        if replay.state == WorkState.FAILED:
            raise CommandError(replay.error, returncode=1)
        if replay.state != WorkState.DONE:
            self.stdout.write(f"Cancelled. `manage.py replay --resume {replay.pk}` goes on from here.")


def _parcels(n: int) -> str:
    return f"{n} parcel{'' if n == 1 else 's'}"


def _answers(n: int) -> str:
    return f"{n} answer{'' if n == 1 else 's'}"


class _Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._told_at = time.monotonic()

    def of(self, replay: Replay) -> None:
        now = time.monotonic()
        if not self._is_terminal and now - self._told_at < SECONDS_BETWEEN_LINES:
            return
        self._told_at = now
        replay.refresh_from_db()
        of = "" if replay.total is None else f" of {replay.total}"
        words = f"{replay.percent:3d} %  {replay.done}{of} parcels, {_answers(replay.answers)}"
        if self._is_terminal:
            full = BAR * replay.percent // 100
            self._out.write(f"\r[{'#' * full}{'.' * (BAR - full)}] {words}", ending="")
            self._out.flush()
        else:
            self._out.write(words)

    def end(self) -> None:
        if self._is_terminal:
            self._out.write("")
