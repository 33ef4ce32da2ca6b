"""`manage.py worker`: the queue cluster under supervision, for service managers."""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, InterfaceError, OperationalError, ProgrammingError, close_old_connections

from shipments import key_ring, queueing
from shipments.clusters import CLUSTER_VARIABLE, new_cluster
from shipments.fields import WrongKeyRing
from shipments.models import Heartbeat
from trackingsite.processes import Child, Stopped, Supervised, stopped_by_signals

logger = logging.getLogger(__name__)

# A task beats when it begins and when it ends; with a nudge every ten seconds a healthy cluster is never silent so long.
PATIENCE = 45.0
NUDGE_EVERY = 10.0
LOOK_EVERY = 2.0
# What was done is noted within moments; a cluster that does not for so long has lost whoever notes it.
NOTING_PATIENCE = 15.0


class Pulse:
    """Whether the cluster still works: it is nudged to sweep, and has to show a new heartbeat in time.

    What counts is that the beat changes, by our own clock: neither a wrong system clock, nor a night the
    computer slept through, nor a database that was away makes a healthy cluster look dead.

    It also has to note what it has done. One that has lost the process for that works on, and all it does comes back to be
    done again, more and more of it.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        last_beat: Callable[[], datetime | None],
        nudge: Callable[[], None],
        is_waiting: Callable[[], bool],
        holds_too_much: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._last_beat, self._nudge, self._clock = say, last_beat, nudge, clock
        self._is_waiting, self._holds_too_much = is_waiting, holds_too_much
        self._beat: datetime | None = None
        self._changed_at = clock()
        self._looked_at = self._nudged_at = float("-inf")
        self._blind = False
        self._full_since: float | None = None

    @classmethod
    def of(cls, cluster: str, say: Callable[[str], None]) -> "Pulse":
        """The pulse of this cluster. Its nudges are taken by nobody else: with others on the same queue, one that is well
        would starve, and one that hangs would go unnoticed."""
        return cls(
            say,
            last_beat=lambda: Heartbeat.objects.last_beat(cluster),
            nudge=lambda: queueing.enqueue(queueing.SWEEP, only_for=cluster),
            is_waiting=lambda: queueing.is_waiting_for(cluster),
            holds_too_much=lambda: queueing.holds_too_much(cluster),
        )

    def trouble(self, up_for: float) -> str | None:
        """What is wrong with a cluster that has been up for so many seconds; None when it works, or nobody can tell."""
        now = self._clock()
        if now - self._looked_at < LOOK_EVERY:
            return None
        self._looked_at = now
        try:
            self._look(now)
        except (OperationalError, InterfaceError):
            if not self._blind:
                self._say("The database does not answer. Waiting for it.")
            self._blind = True
            close_old_connections()
            return None
        silent_for = min(now - self._changed_at, up_for)
        if silent_for > PATIENCE:
            return f"has shown no sign of life for {silent_for:.0f} s"
        if self._full_since is not None and now - self._full_since > NOTING_PATIENCE:
            full_for, self._full_since = now - self._full_since, None
            return f"has noted nothing of what it has done for {full_for:.0f} s"
        return None

    def _look(self, now: float) -> None:
        beat = self._last_beat()
        if self._blind:
            self._say("The database answers again.")
        if self._blind or beat != self._beat:
            self._beat, self._changed_at, self._blind = beat, now, False
        if not self._holds_too_much():
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        # One nudge at a time: behind a hung cluster, or a busy one, they would pile up.
        if now - self._nudged_at >= NUDGE_EVERY and not self._is_waiting():
            self._nudge()
            self._nudged_at = now


@dataclass
class Cluster(Child):
    """The queue cluster named `cluster`. When its processes are gone, others get what it had."""

    cluster: str = ""

    def kill(self) -> None:
        """As of any child; and its tasks need not wait until they count as lost."""
        super().kill()
        try:
            queueing.give_back(self.cluster)
        except Error:
            # They come back by themselves, later.
            close_old_connections()

    def stop(self) -> None:
        """As of any child; and nothing is left for it alone."""
        super().stop()
        with suppress(Error):
            queueing.retire(self.cluster)


def manage_py(*words: str) -> list[str]:
    """The command line of one of our own commands, for the interpreter we run in."""
    return [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *words]


def supervised_cluster(
    say: Callable[[str], None], *, env: Mapping[str, str] | None = None, log: Path | None = None
) -> Supervised:
    """The queue cluster, killed whole and started anew when it ends or falls silent."""
    # The checks have passed in this process. A pool of connections makes django-q2 lose tasks; whoever sets it for the web must not set it here.
    cluster = new_cluster()
    its_own = {**os.environ, **(env or {}), "TRACKINGSITE_DB_POOL": "0", CLUSTER_VARIABLE: cluster}
    child = Cluster(
        "queue cluster", manage_py("qcluster", "--skip-checks"), env=its_own, log=log, cluster=cluster
    )
    return Supervised(child, say, trouble=Pulse.of(cluster, say).trouble)


def make_schedules(say: Callable[[str], None]) -> None:
    """Make the schedules of the queue, as soon as the database answers."""
    # A line for each nudge would bury the sentences that matter.
    logging.getLogger("django-q").setLevel(logging.WARNING)
    told = False
    while True:
        try:
            queueing.create_schedules()
            return
        except (OperationalError, InterfaceError):
            if not told:
                say("The database does not answer. Waiting for it.")
            told = True
            close_old_connections()
            time.sleep(2)


class Command(BaseCommand):
    help = (
        "Runs the queue cluster and watches it: one that ends or hangs is killed and started again within a minute. "
        "Stops at SIGTERM or Ctrl-C."
    )

    def handle(self, **options: Any) -> None:
        try:
            key_ring.begin()
        except WrongKeyRing as exc:
            raise CommandError(str(exc)) from None
        cluster = supervised_cluster(self.say)
        try:
            with stopped_by_signals():
                try:
                    make_schedules(self.say)
                    while True:
                        cluster.tick()
                        time.sleep(1)
                finally:
                    cluster.child.stop()
        except Stopped:
            self.say("The queue cluster is stopped.")
        except ProgrammingError as exc:
            raise CommandError("The tables are missing or old. Run: manage.py migrate") from exc

    def say(self, sentence: str) -> None:
        """To the log where programs read it: a line that is no JSON would be in their way."""
        if settings.LOG_FORMAT == "json":
            logger.warning("%s", sentence)
        else:
            self.stderr.write(sentence)
