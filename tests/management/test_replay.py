"""`manage.py replay`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from shipments.analytics import attention
from shipments.enums import WorkState
from shipments.management.commands import replay as command
from shipments.models import AuditEntry, Replay, Shipment, StatusMapping
from shipments.tracking import replays
from tests.factories import MANAGE, a_merchant, a_shipment
from tests.real_answers import LABEL, WEIGHED, told, usps

pytestmark = pytest.mark.django_db


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str, out: StringIO | None = None) -> str:
    out = out or StringIO()
    call_command("replay", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def parcels() -> list[Shipment]:
    merchant = a_merchant()
    made = [a_shipment(merchant) for _ in range(4)]
    for shipment in made:
        told(shipment, usps(shipment, LABEL, WEIGHED))
    StatusMapping.objects.create(carrier_id="USPS", code="ZZ", status="Exception")
    return made


def test_a_code_of_a_carrier_is_replayed_and_what_changed_is_told(parcels: list[Shipment]) -> None:
    said = run("--carrier", "USPS", "--code", "ZZ")

    replay = Replay.objects.get()
    assert said.splitlines() == [
        f"Replay {replay.pk}: USPS ZZ.",
        "4 parcels done, 4 answers read: 4 parcels and 4 scans have another status.",
    ]
    assert replay.state == WorkState.DONE
    entries = AuditEntry.objects.order_by("pk").values_list("verb", "source")
    assert list(entries) == [("started", "command"), ("finished", "queue")]


def test_a_terminal_shows_a_bar(parcels: list[Shipment], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "STEP", 2)

    said = run("--all", out=Terminal())

    assert f"\r[{'.' * 30}]   0 %  0 of 4 parcels, 0 answers" in said
    assert f"\r[{'#' * 15}{'.' * 15}]  50 %  2 of 4 parcels, 2 answers" in said
    assert (
        said.splitlines()[-1] == "4 parcels done, 4 answers read: 4 parcels and 4 scans have another status."
    )


def test_elsewhere_a_line_tells_now_and_then(
    parcels: list[Shipment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "STEP", 2)
    monkeypatch.setattr(command, "SECONDS_BETWEEN_LINES", 0.0)

    said = run("--carrier", "USPS")

    assert " 50 %  2 of 4 parcels, 2 answers\n" in said
    assert "\r" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say whose answers"),
        (["--all", "--carrier", "USPS"], "Say whose answers"),
        (["--all", "--code", "ZZ"], "name the carrier"),
        (["--carrier", "usps"], "A carrier is one of USPS, "),
        (["--carrier", "USPS", "--text", "x" * 201], "--text takes at most 200 signs"),
        (["--resume", "--all"], "say nothing else with it"),
        (["--resume"], "There is nothing to go on with."),
        (["--resume", "4711"], "There is no replay 4711."),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_stored(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message) as refused:
        run(*arguments)

    assert refused.value.returncode == 2
    assert Replay.objects.exists() is False


def test_ctrl_c_cancels_it_and_resume_goes_on(
    parcels: list[Shipment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "STEP", 1)
    follow = attention.follow_quietly

    def interrupted(keys: Sequence[int], now: datetime) -> None:
        follow(keys, now)
        if keys == [parcels[2].pk]:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as once:
        once.setattr(attention, "follow_quietly", interrupted)
        said = run("--carrier", "USPS", "--code", "ZZ")

    replay = Replay.objects.get()
    assert f"Cancelled. `manage.py replay --resume {replay.pk}` goes on from here." in said
    assert (replay.state, replay.done) == (WorkState.CANCELLED, 2)
    said = run("--resume")
    assert "4 parcels done" in said
    assert set(Shipment.objects.values_list("status", flat=True)) == {"Exception"}
    with pytest.raises(CommandError, match="is done"):
        run("--resume", str(replay.pk))


def test_one_that_another_worker_has_is_watched(
    parcels: list[Shipment], monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = Replay.start(carrier="USPS")
    assert replay.take(timezone.now())

    def meanwhile(_seconds: float) -> None:
        # The other one is killed, and its lease passes.
        Replay.objects.update(leased_until=timezone.now() - timedelta(seconds=1))

    monkeypatch.setattr(time, "sleep", meanwhile)

    assert "4 parcels done" in run("--resume")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_process_of_its_own_does_it(parcels: list[Shipment]) -> None:
    environment: dict[str, Any] = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    program = (
        "import sys; from django.conf import settings; "
        f"settings.DATABASES['default']['NAME'] = {connection.settings_dict['NAME']!r}; "
        "from django.core.management import execute_from_command_line as run; run(sys.argv)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "replay", "--all"],
        env=environment,
        cwd=MANAGE.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("4 parcels done")
