"""Whether this process can do its work: the database answers, it has every migration, and the queue is alive."""

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max

from shipments.models import Heartbeat

logger = logging.getLogger(__name__)

# A task beats when it begins and when it ends, and the supervisor has one begun every ten seconds and a cluster that
# is silent for 45 started anew: after so long that has not helped.
SILENT_AFTER = timedelta(minutes=2)
# While one request waits for a database that does not answer, others wait for it no longer than this.
TURN = timedelta(seconds=1)


class State(StrEnum):
    """What was found of one thing."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    MISSING = "missing"
    SILENT = "silent"
    UNKNOWN = "unknown"


class Readiness:
    """Looks whether this process is ready; one for the whole process."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._is_migrated = False
        self._told: Mapping[str, State] = {}

    def look(self, now: datetime) -> dict[str, State]:
        """What was found of the database, its migrations and the workers, by at most three statements; by one from when the
        migrations were found complete, because they stay so."""
        # Whoever is stuck at a database that does not answer holds a thread of the web server; all of them would not be
        # left to say that the process is alive.
        if not self._turn.acquire(timeout=TURN.total_seconds()):
            return self._tell(_unreachable())
        try:
            return self._tell(self._look(now))
        finally:
            self._turn.release()

    def _look(self, now: datetime) -> dict[str, State]:
        try:
            self._is_migrated = self._is_migrated or _is_migrated()
            if not self._is_migrated:
                return {"database": State.OK, "migrations": State.MISSING, "worker": State.UNKNOWN}
            beat = Heartbeat.objects.aggregate(last=Max("at"))["last"]
        except (DatabaseError, InterfaceError):
            return _unreachable()
        is_alive = beat is not None and now - beat < SILENT_AFTER
        worker = State.OK if is_alive else State.SILENT
        return {"database": State.OK, "migrations": State.OK, "worker": worker}

    def _tell(self, found: dict[str, State]) -> dict[str, State]:
        """Log what was found when it is another than before: load balancers ask every few seconds."""
        if found != self._told:
            words = ", ".join(f"{name} {state}" for name, state in found.items())
            is_well = all(state == State.OK for state in found.values())
            logger.log(logging.INFO if is_well else logging.WARNING, "Readiness: %s.", words)
            self._told = found
        return found


def _is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _unreachable() -> dict[str, State]:
    return {"database": State.UNREACHABLE, "migrations": State.UNKNOWN, "worker": State.UNKNOWN}
