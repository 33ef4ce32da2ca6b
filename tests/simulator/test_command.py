"""`manage.py carrier_simulator` as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from shipments.management.commands.carrier_simulator import Command
from shipments.simulator.journeys import make_number
from tests.simulator.test_faults_over_http import LONG_AGO

pytestmark = pytest.mark.slow

MANAGE = Path(__file__).parents[2] / "manage.py"


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(MANAGE), "carrier_simulator", *arguments]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, the line it said when it was ready, and its address."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command("--port", "0", *arguments), stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield process, line, line.split()[3] if line else ""
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_it_says_in_one_line_where_it_answers_and_takes_calls_from_then_on() -> None:
    with running("--seed", "7") as (process, line, url):
        port = httpx.URL(url).port
        assert line == f"Carrier simulator on http://127.0.0.1:{port} (seed 7)\n"
        assert httpx.get(f"{url}/simulator/calls").status_code == 200
        listening = Path(f"/proc/{process.pid}/net/tcp").read_text().split("\n")
        ours = [row.split()[1] for row in listening[1:] if f":{port:04X} " in row and row.split()[3] == "0A"]
        # 127.0.0.1 in the kernel's order of bytes: other machines cannot reach it.
        assert ours == [f"0100007F:{port:04X}"]
        process.send_signal(signal.SIGTERM)
        said, complained = process.communicate(timeout=60)
        assert (process.returncode, said, complained) == (0, "", "")


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("timeout:1", signal.SIGINT),
        ("timeout:1", signal.SIGTERM),
        ("slow:1", signal.SIGTERM),
        ("endless:1", signal.SIGTERM),
    ],
)
def test_it_stops_at_once_also_in_the_middle_of_a_call(fault: str, how: signal.Signals) -> None:
    with running("--faults", fault) as (process, _, url):
        outcome: list[str] = []

        def call() -> None:
            try:
                with httpx.stream("GET", f"{url}/shippingservices/v1/tracking/1234", timeout=60) as reply:
                    for _ in reply.iter_raw():
                        pass
            except httpx.TransportError as exc:
                outcome.append(type(exc).__name__)

        caller = threading.Thread(target=call)
        caller.start()
        time.sleep(0.5)
        before = time.monotonic()
        process.send_signal(how)
        # Of itself the call would last a minute at least.
        process.wait(timeout=60)
        assert time.monotonic() - before < 30
        assert process.returncode == 0
        caller.join(timeout=60)
        assert not caller.is_alive()
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


def test_another_process_with_the_same_seed_says_the_same_and_honours_the_token() -> None:
    asked = [(make_number(carrier, "ATTEMPT", LONG_AGO), carrier) for carrier in ("UPS", "FedEx", "PBCS")]
    answers: list[dict[str, Any]] = []
    headers: dict[str, str] = {}
    for _ in range(2):
        with running() as (_, _, url), httpx.Client(base_url=url) as http:
            if not headers:
                form = {"grant_type": "client_credentials"}
                token = http.post("/oauth/token", auth=("any-key", "any-secret"), data=form).json()
                headers = {"Authorization": f"Bearer {token['access_token']}"}
            for number, carrier in asked:
                params = {"packageIdentifierType": "TrackingNumber", "carrier": carrier}
                url = f"/shippingservices/v1/tracking/{number}"
                answers.append(http.get(url, params=params, headers=headers).json())
    assert answers[:3] == answers[3:]
    assert [answer["status"] for answer in answers] == ["Delivered"] * 6


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} cannot be used: Address already in use."):
            call_command("carrier_simulator", port=port)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--faults", "often:1"], "there is no kind 'often'"),
        (["--port", "70000"], "a port is a number from 0 to 65535"),
        (["--latency-ms", "-1"], "milliseconds are a whole number"),
        (["--seed", "x"], "invalid int value"),
    ],
)
def test_bad_usage_is_refused_in_words(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        call_command("carrier_simulator", *arguments)


def test_the_help_explains_the_language_of_faults() -> None:
    said = Command().create_parser("manage.py", "carrier_simulator").format_help()
    assert "KIND[@WIRE]:WHEN[:DETAIL]" in said
    assert "  x3           the next three calls\n" in said
