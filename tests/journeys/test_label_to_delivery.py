"""Every layer real: commands, queue, HTTP to the simulator, database."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx
import pytest

from shipments.simulator import drawings
from shipments.simulator.journeys import DEFAULT_SEED, journey_for, make_number, scans_until
from shipments.simulator.numbers import Scenario
from shipments.simulator.steps import Step
from tests.factories import Simulator
from tests.journeys.conftest import Installation

pytestmark = pytest.mark.slow

MILESTONES = (Step.ACCEPTED, Step.UNIT, Step.OUT, Step.DELIVERED)


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    give_up_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up_at, f"within {seconds} s: {what}"
        time.sleep(0.2)


def wait_for_scans(installation: Installation, count: int) -> None:
    def are_there() -> bool:
        return bool(installation.rows("SELECT count(*) FROM shipments_scanevent")[0][0] >= count)

    wait_until(are_there, 120, f"{count} scans")


def show_the_journey_until(moment: datetime, simulator: Simulator) -> None:
    moved = round((moment - datetime.now(UTC)).total_seconds()) + 60
    httpx.post(f"{simulator.url}/simulator/clock", content=str(moved)).raise_for_status()


def add_account(installation: Installation, simulator: Simulator, gateway: str = "usps") -> None:
    installation.manage(
        "add_account", "--merchant", "alpine", "--gateway", gateway, "--environment", "production",
        "--base-url", simulator.url, "--key", "journey-key-0001", stdin="journey-secret-0001\n",
    )  # fmt: skip


def test_a_parcel_goes_from_label_to_delivery_through_the_queue(installation: Installation, calm: Simulator):
    # Long over by our clock; the simulator's is put back and moved on, so that no scan lies ahead of us.
    number = make_number("USPS", Scenario.ON_TIME, datetime.now(UTC) - timedelta(days=14))
    journey = journey_for(number)
    assert journey is not None
    add_account(installation, calm)
    show_the_journey_until(journey.scans[0].at, calm)
    (label,) = installation.tracked(number)
    assert (label["status"], len(label["scans"])) == ("Manifest", 1)
    # Asked every two seconds, as a simulator's account is, the journey need not take its days.
    installation.rows("UPDATE shipments_carrieraccount SET cadence_seconds = 2")
    installation.rows("UPDATE shipments_watch SET due_at = now()")

    worker = installation.start("worker")
    try:
        seen = []
        # From one status to the next: the queue looks for work every ten seconds.
        for scan in (scan for scan in journey.scans if scan.step in MILESTONES):
            show_the_journey_until(scan.at, calm)
            expected = len([each for each in journey.scans if each.at <= scan.at])
            wait_for_scans(installation, expected)
            seen.append(installation.rows("SELECT status FROM shipments_shipment")[0][0])
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert seen == ["Acceptance", "InTransit", "OutForDelivery", "Delivered"]

    (told,) = installation.tracked(number)
    assert told["status"] == "Delivered"
    assert len(told["scans"]) == len(journey.scans)
    # Where the place or the carrier tells the clock, the instant is the scripted one, to the minute that was posted.
    known = {
        datetime.fromisoformat(scan["at"]).replace(second=0)
        for scan in told["scans"]
        if scan["zoneKnownBy"] != "assumed"
    }
    assert len(known) > len(journey.scans) / 2
    assert known <= {scan.at.replace(second=0, microsecond=0) for scan in journey.scans}


def test_a_worker_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    installation: Installation, calm: Simulator
):
    # Long over: no scan is made between the last answer and the count of what there is.
    start = datetime.now(UTC) - timedelta(days=14)
    numbers = [make_number("USPS", Scenario.ON_TIME, start, variant=n) for n in range(10)]
    add_account(installation, calm)
    # Nobody answers while the parcels are added: they are kept, unknown, and due.
    calm.faults("500:1")
    installation.manage("track", *numbers, codes=(4,))
    calm.reset()
    installation.rows("UPDATE shipments_watch SET due_at = now()")
    calm.faults("latency:9000")

    worker = installation.start("refresh", "--once")
    wait_until(
        lambda: "usps.tracking" in calm.calls()["calls"],
        60,
        "the batch is asked",
    )
    worker.kill()
    worker.wait(60)

    assert installation.rows("SELECT count(*), count(lease) FROM shipments_watch") == [(10, 10)]
    assert installation.rows("SELECT count(*) FROM shipments_scanevent") == [(0,)]
    calm.faults("")
    installation.manage("refresh", "--once")
    assert installation.rows("SELECT count(*) FROM shipments_scanevent") == [(0,)], (
        "a lease that lasts is respected"
    )

    # The lease ends.
    installation.rows("UPDATE shipments_watch SET due_at = now()")
    installation.manage("refresh", "--once")
    assert installation.rows("SELECT count(*), count(lease) FROM shipments_watch") == [(10, 0)]
    now = datetime.now(UTC)
    scripted = {
        number: len(scans_until(journey, now)) for number in numbers if (journey := journey_for(number))
    }
    stored = dict(
        installation.rows(
            "SELECT number, count(*) FROM shipments_scanevent JOIN shipments_shipment s ON s.id = shipment_id GROUP BY number"
        )
    )
    assert stored == scripted
    # The call that was cut off, and the one that was not.
    assert calm.calls()["calls"]["usps.tracking"] == 2


def test_the_picture_of_a_delivery_is_fetched_by_the_queue_and_kept(
    installation: Installation, calm: Simulator
):
    number = make_number("UPS", Scenario.PHOTO, datetime.now(UTC) - timedelta(days=14))
    add_account(installation, calm, gateway="pitney_bowes")
    (told,) = installation.tracked(number)
    assert told["status"] == "Delivered"

    worker = installation.start("worker")
    try:
        wait_until(
            lambda: bool(installation.rows("SELECT count(*) FROM shipments_proofpicture")[0][0]),
            120,
            "the picture is kept",
        )
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    ((sent, kind, data),) = installation.rows(
        "SELECT original_sha256, media_type, data FROM shipments_proofpicture"
    )
    assert sent == sha256(drawings.photo(number, DEFAULT_SEED)).hexdigest()
    assert (kind, data[:4]) == ("image/png", b"\x89PNG")
    assert installation.rows("SELECT due_at, trouble, tries FROM shipments_proof") == [(None, "", 1)]
