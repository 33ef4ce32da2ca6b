"""`manage.py refresh` and `manage.py create_schedules`."""

import os
import signal
import time
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django_q.models import Schedule

from shipments import queueing
from shipments.models import Merchant, Watch
from tests.factories import Simulator, a_shipment, an_account

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("refresh", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def after_rounds(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, signal.Signals], None]:
    """Sends a signal to this process in the given pause between two rounds; the pauses take no time."""

    def arrange(rounds: int, number: signal.Signals) -> None:
        left = iter(range(1, rounds + 1))

        def pause(_seconds: float) -> None:
            if next(left) == rounds:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(time, "sleep", pause)

    return arrange


def test_once_asks_about_everything_due_and_tells_how_many(merchant: Merchant, calm: Simulator) -> None:
    an_account(merchant, "usps", base_url=calm.url)
    shipments = [a_shipment(merchant), a_shipment(merchant)]

    assert run("--once") == ("Asked about 2 parcels.\n", "")
    assert run("--once") == ("Asked about 0 parcels.\n", "")
    assert set(Watch.objects.values_list("shipment", "heard")) == {
        (shipment.pk, "not-known") for shipment in shipments
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_once_it_looks_again_and_again_until_it_is_stopped(
    merchant: Merchant,
    calm: Simulator,
    after_rounds: Callable[[int, signal.Signals], None],
    number: signal.Signals,
) -> None:
    an_account(merchant, "usps", base_url=calm.url)
    a_shipment(merchant)
    after_rounds(3, number)

    out, err = run()

    assert out.splitlines() == [
        "Asking about what is due, every 5 seconds. Ctrl-C ends it.",
        "Asked about 1 parcel.",
        "Stopped. What was being asked about comes up again within a few minutes.",
    ]
    assert err == ""


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_for_a_moment_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, after_rounds: Callable[[int, signal.Signals], None]
) -> None:
    rounds = iter(["connection refused\nIs the server running?", ""])

    def work_off() -> int:
        if trouble := next(rounds):
            raise OperationalError(trouble)
        return 7

    monkeypatch.setattr("shipments.refresh.runner.work_off", work_off)
    after_rounds(2, signal.SIGTERM)

    out, err = run()

    assert err == "The database cannot be reached (connection refused). Trying again.\n"
    assert "Asked about 7 parcels." in out


def test_the_schedules_are_made_once_and_those_of_older_versions_go() -> None:
    Schedule.objects.create(name="of-an-older-version", func="shipments.tasks.gone")

    for _ in range(2):
        out = StringIO()
        call_command("create_schedules", stdout=out)

    assert dict(Schedule.objects.values_list("name", "minutes")) == queueing.SCHEDULES
    told = ", ".join(f"{name} every {minutes} min" for name, minutes in queueing.SCHEDULES.items())
    assert out.getvalue() == f"Scheduled: {told}.\n"
