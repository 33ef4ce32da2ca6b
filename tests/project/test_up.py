import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from shipments.management.commands import up


def test_a_second_one_on_the_same_data_is_refused_by_name(tmp_path: Path) -> None:
    with up.only_one(tmp_path), pytest.raises(CommandError) as refused, up.only_one(tmp_path):
        pass
    assert str(refused.value) == (
        f"It runs already with the data in {tmp_path} (process {os.getpid()}). Stop that one, or choose "
        "another folder with TRACKINGSITE_DATA and another port with --port."
    )
    assert refused.value.returncode == 1


def test_the_demo_is_not_shown_to_other_machines() -> None:
    with pytest.raises(CommandError, match="say --no-demo"):
        call_command("up", host="0.0.0.0")


def test_another_one_may_follow(tmp_path: Path) -> None:
    with up.only_one(tmp_path / "new"):
        pass
    with up.only_one(tmp_path / "new"):
        assert (tmp_path / "new" / "up.lock").read_text() == str(os.getpid())


def test_a_port_that_is_taken_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "PORT_PATIENCE", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError) as refused:
            up.check_port("127.0.0.1", port, "--port")
    assert str(refused.value) == (
        f"Port {port} on 127.0.0.1 cannot be used: Address already in use. Choose another with --port."
    )
    assert refused.value.returncode == 1


def test_a_port_that_is_let_go_of_soon_is_waited_for() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    threading.Timer(0.2, taken.close).start()
    up.check_port("127.0.0.1", port, "--port")
    assert taken.fileno() == -1


class Page(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the test's output is not for this."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "expected"), [(200, True), (302, True), (404, True), (500, False), (503, False)]
)
def test_an_application_answers_when_it_is_not_broken(
    port: int, monkeypatch: pytest.MonkeyPatch, status: int, expected: bool
) -> None:
    monkeypatch.setattr(Page, "status", status)
    assert up.answers("0.0.0.0", port) is expected


def test_nobody_answers_on_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert up.answers("127.0.0.1", port) is False


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("tracker.example", "http://tracker.example:8000"),
    ],
)
def test_the_address_is_one_to_click_on(host: str, address: str) -> None:
    assert up.address_of(host, 8000) == address
