"""Two clusters on one database, and clusters that are stopped or killed in the middle of their work: every layer real."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shipments.simulator.journeys import journey_for, make_number
from shipments.simulator.numbers import Scenario
from tests.factories import Simulator
from tests.journeys.conftest import Installation
from tests.journeys.test_label_to_delivery import add_account, show_the_journey_until, wait_until
from trackingsite.processes import processes_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/stat").exists(), reason="looks for the cluster's processes in /proc"
    ),
]
PARCELS = 105


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as running:
        yield running


def start_worker(installation: Installation, stack: ExitStack) -> "subprocess.Popen[bytes]":
    worker = installation.start("worker")

    def end() -> None:
        if worker.poll() is None:
            worker.terminate()
            worker.wait(40)

    stack.callback(end)
    return worker


def due_parcels(installation: Installation, simulator: Simulator) -> list[str]:
    """Numbers of parcels that were added before their carrier knew of them, and are due now that it does."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=6)
    numbers = [
        make_number("USPS", Scenario.ON_TIME, start + timedelta(minutes=n // 10), variant=n % 10)
        for n in range(PARCELS)
    ]
    first = journey_for(numbers[0])
    assert first is not None
    add_account(installation, simulator)
    show_the_journey_until(first.scans[0].at - timedelta(days=1), simulator)
    installation.manage("track", *numbers, codes=(0, 3, 4))
    simulator.reset()
    # A cadence of its own keeps the account out of every window, and from asking again during the test.
    installation.rows(
        "UPDATE shipments_carrieraccount SET cadence_seconds = 3600, calls_per_hour = 100000, calls_per_second = 1000"
    )
    installation.rows("UPDATE shipments_watch SET due_at = now()")
    return numbers


def has_scans(installation: Installation) -> int:
    return int(installation.rows("SELECT count(DISTINCT shipment_id) FROM shipments_scanevent")[0][0])


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_two_clusters_ask_about_no_parcel_twice_and_run_no_schedule_twice(
    installation: Installation, calm: Simulator, stack: ExitStack
):
    numbers = due_parcels(installation, calm)
    calm.faults("latency:300")
    installation.rows("CREATE TABLE traces (name text)")
    installation.rows(
        "INSERT INTO django_q_schedule (name, func, args, schedule_type, repeats, next_run, minutes)"
        " SELECT 'trace ' || n, 'tests.journeys.traces.leave', '''trace ' || n || '''', 'O', -1, now(), 1"
        " FROM generate_series(1, 20) AS n"
    )

    for _ in range(2):
        start_worker(installation, stack)
    wait_until(lambda: has_scans(installation) == PARCELS, 60, "every parcel is answered")
    # The clusters look at the schedules every half minute.
    wait_until(
        lambda: bool(installation.rows("SELECT count(DISTINCT name) >= 20 FROM traces")[0][0]),
        90,
        "every schedule has run",
    )
    # Both have been nudged since, and have swept.
    beats = "SELECT min(at) FROM shipments_heartbeat WHERE name LIKE '%/%'"
    since = datetime.now(UTC)
    wait_until(lambda: installation.rows(beats)[0][0] > since, 40, "both clusters work")

    assert installation.rows("SELECT count(*) FROM shipments_heartbeat WHERE name LIKE '%/%'") == [(2,)]
    assert calm.calls()["numbers"] == dict.fromkeys(numbers, 1)
    assert installation.rows("SELECT count(*), count(DISTINCT name) FROM traces") == [(20, 20)]
    assert installation.rows("SELECT count(lease) FROM shipments_watch") == [(0,)]


def test_a_cluster_that_is_stopped_in_a_batch_finishes_it(
    installation: Installation, calm: Simulator, stack: ExitStack
):
    numbers = due_parcels(installation, calm)
    calm.faults("latency:2000")
    worker = start_worker(installation, stack)
    wait_until(lambda: "usps.tracking" in calm.calls()["calls"], 60, "a batch is asked")

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0

    asked = calm.calls()["numbers"]
    assert set(asked.values()) == {1}
    assert has_scans(installation) == len(asked), "what was asked was stored"
    # What it had not begun can be taken at once.
    waiting = installation.rows("SELECT count(*) FROM django_q_ormq WHERE lock > now()")
    assert waiting == [(0,)]
    calm.faults("")
    start_worker(installation, stack)
    wait_until(lambda: has_scans(installation) == PARCELS, 60, "the rest is asked")
    assert calm.calls()["numbers"] == dict.fromkeys(numbers, 1)


def test_what_a_killed_cluster_was_asking_is_asked_again_at_once_and_not_when_its_lease_ends(
    installation: Installation, calm: Simulator, stack: ExitStack
):
    due_parcels(installation, calm)
    calm.faults("latency:60000")
    worker = start_worker(installation, stack)
    # One batch of three calls.
    wait_until(lambda: calm.calls()["mostAtOnce"].get("usps.tracking", 0) == 3, 60, "the batch is asked")
    assert installation.rows("SELECT count(lease) FROM shipments_watch") == [(PARCELS,)]
    (session,) = children_of(worker.pid)
    for pid in processes_of(session):
        os.kill(pid, signal.SIGKILL)
    killed_at = time.monotonic()
    calm.faults("")

    wait_until(lambda: has_scans(installation) == PARCELS, 90, "all is asked again")
    # Let go of after the facts are stored: a blow in between costs a second question and no fact.
    wait_until(
        lambda: installation.rows("SELECT count(lease) FROM shipments_watch") == [(0,)], 30, "the leases end"
    )

    assert time.monotonic() - killed_at < 90, "a lease lasts four minutes"
