"""The queue against real trouble: `manage.py worker` with a real cluster on a database of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.factories import MANAGE
from tests.installed import environment, install
from trackingsite.embedded_postgres import Embedded
from trackingsite.processes import processes_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for the cluster's processes in /proc"),
]
# What the product promises: work goes on within a minute. A busy machine gets the start of the cluster on top.
A_MINUTE = 60 + 60


class Worker:
    def __init__(self, data: Path) -> None:
        self.embedded = Embedded(data / "postgres")
        self.env = environment(data)
        self.log = data / "worker.log"
        self.embedded.start()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, MANAGE, "worker"], env=self.env, stderr=log)

    def last_beat(self) -> datetime | None:
        parts = self.embedded.dsn_parts()
        with psycopg.connect(
            host=parts["HOST"], port=parts["PORT"], user=parts["USER"], dbname=parts["NAME"]
        ) as connection:
            row = connection.execute("SELECT max(at) FROM shipments_heartbeat").fetchone()
        return row[0] if row else None

    def beats_after(self, moment: datetime) -> bool:
        beat = self.last_beat()
        return beat is not None and beat > moment

    def session(self) -> int:
        """The session of the cluster that is being supervised."""
        (keeper,) = children_of(self.process.pid)
        return keeper

    def tasks(self) -> int:
        """How many tasks are waiting, begun, or done and not noted."""
        parts = self.embedded.dsn_parts()
        with psycopg.connect(
            host=parts["HOST"], port=parts["PORT"], user=parts["USER"], dbname=parts["NAME"]
        ) as connection:
            row = connection.execute("SELECT count(*) FROM django_q_ormq").fetchone()
        return int(row[0]) if row else 0

    def enqueue_sweeps(self, count: int) -> None:
        script = f"from shipments import queueing\nfor _ in range({count}): queueing.enqueue('sweep')"
        subprocess.run([sys.executable, MANAGE, "shell", "-c", script], env=self.env, check=True)

    def noter(self) -> int:
        """The process that notes what was done: made after the two that run tasks."""
        (cluster,) = children_of(self.session())
        return children_of(children_of(cluster)[0])[2]

    def queue_workers(self) -> list[int]:
        """The two processes that run tasks: the first that the cluster's sentinel has made."""
        (cluster,) = children_of(self.session())
        sentinel = children_of(cluster)[0]
        return children_of(sentinel)[:2]


def children_of(pid: int) -> list[int]:
    said = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return sorted(int(child) for child in said.split())


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    give_up_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.2)


@pytest.fixture
def worker(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    data = tmp_path / "data"
    install(data, tmp_path_factory)
    started = Worker(data)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.terminate()
            started.process.wait(timeout=60)
        started.embedded.stop()


def test_work_goes_on_after_an_idle_worker_was_killed(worker: Worker) -> None:
    wait_until(lambda: worker.beats_after(datetime.min.replace(tzinfo=UTC)), A_MINUTE)

    os.kill(worker.queue_workers()[0], signal.SIGKILL)

    killed_at = datetime.now(UTC)
    # Two more beats: one may still come from the other worker before the cluster hangs.
    wait_until(lambda: worker.beats_after(killed_at), A_MINUTE)
    again = datetime.now(UTC)
    wait_until(lambda: worker.beats_after(again), A_MINUTE)


def test_a_cluster_that_hangs_is_replaced_whole_and_leaves_nothing_at_the_end(worker: Worker) -> None:
    wait_until(lambda: worker.beats_after(datetime.min.replace(tzinfo=UTC)), A_MINUTE)
    hung = worker.session()
    # A stopped process neither works nor heeds SIGTERM.
    for pid in processes_of(hung):
        if pid != hung:
            os.kill(pid, signal.SIGSTOP)

    hung_at = datetime.now(UTC)
    wait_until(lambda: worker.beats_after(hung_at), A_MINUTE)

    assert processes_of(hung) == []
    fresh = worker.session()
    assert fresh != hung
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=60) == 0
    assert processes_of(fresh) == []
    said = worker.log.read_text()
    assert "The queue cluster has shown no sign of life for" in said
    assert said.endswith("The queue cluster is stopped.\n")


def test_a_cluster_that_has_lost_who_notes_results_is_replaced_and_its_tasks_are_done_with(
    worker: Worker,
) -> None:
    wait_until(lambda: worker.beats_after(datetime.min.replace(tzinfo=UTC)), A_MINUTE)
    # It waits, and holds the lock of what it waits for.
    wait_until(lambda: worker.tasks() == 0, A_MINUTE)
    time.sleep(1)
    os.kill(worker.noter(), signal.SIGKILL)
    worker.enqueue_sweeps(40)

    found = "The queue cluster has noted nothing of what it has done for"
    wait_until(lambda: found in worker.log.read_text(), A_MINUTE)
    # What may be left are a nudge, and what the schedules bring.
    wait_until(lambda: worker.tasks() < 15, A_MINUTE)
