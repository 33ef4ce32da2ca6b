"""The product's own processes, started as a service manager would, and killed at random."""

import os
import random
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

from shipments.management.commands.worker import manage_py
from trackingsite.embedded_postgres import Embedded
from trackingsite.processes import processes_of


class Target(StrEnum):
    """What a SIGKILL hits."""

    # One of the processes that run tasks, fetch them from the table or note that they are done.
    CHILD = "child"
    # The process that guards those.
    GUARD = "guard"
    # The whole process group of a cluster.
    CLUSTER = "cluster"
    # The same with `manage.py worker`, which looks after it: as if the machine had been switched off.
    HOST = "host"


# How many of ten kills each target gets, where there is one.
_SHARES = {Target.CHILD: 6, Target.GUARD: 1, Target.CLUSTER: 2, Target.HOST: 1}


@dataclass
class Service:
    """One `manage.py worker` with its cluster."""

    env: Mapping[str, str]
    log: Path
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def keep_up(self) -> None:
        """Start it where it does not run."""
        if self._process is None or self._process.poll() is not None:
            with self.log.open("ab") as log:
                self._process = _started(self.env, log)

    def processes(self) -> dict[Target, list[int]]:
        """What lives of it, by target; of a cluster and a host the session, of the others each process."""
        supervisor = self._process
        found: dict[Target, list[int]] = {target: [] for target in Target}
        if supervisor is None or supervisor.poll() is not None:
            return found
        found[Target.HOST] = [supervisor.pid]
        for keeper in _children_of(supervisor.pid):
            if not processes_of(keeper):
                continue
            found[Target.CLUSTER].append(keeper)
            for cluster in _children_of(keeper):
                for guard in _children_of(cluster):
                    found[Target.GUARD].append(guard)
                    found[Target.CHILD] += _children_of(guard)
        return found

    def strike(self, dice: random.Random) -> Target | None:
        """Kill one target of it, which was drawn; None where nothing of that kind lives at the moment."""
        targets = list(Target)
        (target,) = dice.choices(targets, [_SHARES[target] for target in targets])
        living = self.processes()
        if not living[target]:
            return None
        pid = dice.choice(sorted(living[target]))
        if target in (Target.CHILD, Target.GUARD):
            _kill(pid)
            return target
        sessions = [pid] if target is Target.CLUSTER else living[Target.CLUSTER]
        if target is Target.HOST:
            _kill(pid)
        for session in sessions:
            for process in processes_of(session):
                _kill(process)
        return target

    def stop(self) -> int | None:
        """Have it stop as a service manager does; its exit code, None where it did not run."""
        if self._process is None or self._process.poll() is not None:
            return None
        sessions = self.processes()[Target.CLUSTER]
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            for session in sessions:
                for process in processes_of(session):
                    _kill(process)
            return self._process.wait()


def kill_database(embedded: Embedded) -> None:
    """`kill -9` of the postmaster; whoever connects next starts it anew."""
    if server := embedded.server():
        _kill(server.pid)


def _started(env: Mapping[str, str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    # A session of its own, so that a Ctrl-C for the benchmark reaches it by way of `stop` only.
    return subprocess.Popen(  # noqa: S603  (our own command)
        manage_py("worker"), env=dict(env), stdout=log, stderr=log, start_new_session=True
    )


def _children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
