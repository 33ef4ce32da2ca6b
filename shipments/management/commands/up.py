"""`manage.py up`: the whole product on one machine, in the foreground. `make run` calls it."""

import errno
import fcntl
import http
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from shipments import key_ring
from shipments.fields import WrongKeyRing
from shipments.management.commands.worker import make_schedules, manage_py, supervised_cluster
from trackingsite.embedded_postgres import Embedded, EmbeddedPostgresError
from trackingsite.processes import Child, Stopped, Supervised, last_line, stop_all, stopped_by_signals

LOOPBACK = "127.0.0.1"
LOOPBACKS = (LOOPBACK, "localhost", "::1")
# The demo's accounts keep the simulator's address, so it has the same port at every run.
SIMULATOR_PORT = 8901
DEMO_ENVIRONMENT = {"TRACKINGSITE_ALLOW_PRIVATE_HOSTS": "1"}
# Threads of each of the web server's processes; `bulk.export_slots` leaves one of them to pages.
WEB_THREADS = 4
# Programs of a run that was killed let go of their ports a few seconds later.
PORT_PATIENCE = 6.0
START_PATIENCE = 60.0
TRIM_EVERY = 60.0
# The demo has one moving parcel more every few minutes, and two in advance.
TOP_UP_EVERY = 480.0
# By then the carriers have told of all of them, and there is something to count and to share out.
FIRST_TOP_UP = 45.0


class Command(BaseCommand):
    help = (
        "Runs everything in the foreground: the embedded database (unless DATABASE_URL names one), the queue, the "
        "web server and, for the demo, a simulator of the carriers. Ctrl-C stops all of it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host", default=LOOPBACK, help="Address the web server listens on (default: this machine only)."
        )
        parser.add_argument("--port", type=int, default=8000, help="Port of the web server (default: 8000).")
        parser.add_argument(
            "--simulator-port",
            type=int,
            default=SIMULATOR_PORT,
            help=f"Port of the demo's carrier simulator, on this machine only (default: {SIMULATOR_PORT}).",
        )
        parser.add_argument("--no-demo", action="store_true", help="No demo data and no carrier simulator.")

    def handle(self, *, host: str, port: int, simulator_port: int, no_demo: bool, **options: Any) -> None:
        # The demo lets carrier accounts reach this machine, which production refuses.
        demo = not no_demo and not settings.PRODUCTION
        if demo and host not in LOOPBACKS:
            raise CommandError(
                "The demo's passwords are known to everybody: with another --host, say --no-demo.",
                returncode=2,
            )
        try:
            with stopped_by_signals(), only_one(settings.DATA), ExitStack() as running:
                check_port(host, port, "--port")
                if demo:
                    check_port(LOOPBACK, simulator_port, "--simulator-port")
                running.callback(self.stop_database)
                self.prepare()
                watched = self.start_programs(running, host, port, simulator_port if demo else None)
                signs = self.make_demo(simulator_port) if demo else None
                self.wait_for_web(watched, host, port)
                self.welcome(host, port, signs)
                self.watch(watched, simulator_port if demo else None)
        except Stopped:
            self.tell("Stopped. Your data are kept.")
        except WrongKeyRing as exc:
            raise CommandError(str(exc)) from None
        except (EmbeddedPostgresError, DatabaseError) as exc:
            raise CommandError(f"The database is in the way: {exc}") from exc

    def prepare(self) -> None:
        """Bring the database and the static files up to date."""
        embedded: Embedded | None = settings.EMBEDDED_POSTGRES
        if embedded:
            self.tell("Starting the database ...")
            embedded.start()
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        key_ring.begin()
        make_schedules(self.tell)

    def start_programs(
        self, running: ExitStack, host: str, port: int, simulator_port: int | None
    ) -> list[Supervised]:
        """Start the programs, and have them stopped when `running` ends. The web server is the last in the list."""
        logs = settings.DATA / "logs"
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        env = dict(os.environ)
        if not settings.PRODUCTION:
            # Mails of a site at home lead to where it is reached, whatever its port.
            env.setdefault("SITE_URL", address_of(host, port))
        if simulator_port is not None:
            env.update(DEMO_ENVIRONMENT)
        watched = []
        if simulator_port is not None:
            command = manage_py("carrier_simulator", "--port", str(simulator_port))
            simulator = Child("carrier simulator", command, env=env, log=logs / "simulator.log")
            watched.append(Supervised(simulator, self.tell))
        watched.append(supervised_cluster(self.tell, env=env, log=logs / "worker.log"))
        watched.append(Supervised(web_server(host, port, env, logs / "web.log"), self.tell))
        running.callback(stop_all, [supervised.child for supervised in watched])
        for supervised in watched:
            supervised.tick()
        return watched

    def make_demo(self, simulator_port: int) -> dict[str, Any]:
        """Make or top up the demo; who may sign in, and which tracking links work."""
        # Not in this process: its settings were read without the demo's permission to reach this machine.
        made = subprocess.run(  # noqa: S603 - a command of ours, and no shell
            manage_py("demo", "--simulator-url", f"http://{LOOPBACK}:{simulator_port}"),
            env={**os.environ, **DEMO_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            said = made.stderr.strip().splitlines() or ["it gave no reason"]
            raise CommandError(f"The demo could not be made: {said[-1]}")
        signs: dict[str, Any] = json.loads(made.stdout)
        return signs

    def wait_for_web(self, watched: list[Supervised], host: str, port: int) -> None:
        web = watched[-1].child
        give_up_at = time.monotonic() + START_PATIENCE
        while not answers(host, port):
            if not web.is_alive():
                raise CommandError(f"The web server did not start: {web.how_it_ended()} (log: {web.log})")
            if time.monotonic() > give_up_at:
                said = last_line(web.log) if web.log else ""
                raise CommandError(f"The web server does not answer. Its last words: {said} (log: {web.log})")
            time.sleep(0.2)

    def watch(self, watched: list[Supervised], simulator_port: int | None) -> None:
        """Keep everything running, the logs short and the demo lively, until somebody stops it."""
        embedded: Embedded | None = settings.EMBEDDED_POSTGRES
        trim_at = 0.0
        top_up_at = time.monotonic() + FIRST_TOP_UP
        while True:
            for supervised in watched:
                supervised.tick()
            if embedded and time.monotonic() >= trim_at:
                embedded.trim_log()
                trim_at = time.monotonic() + TRIM_EVERY
            if simulator_port is not None and time.monotonic() >= top_up_at:
                self.make_demo(simulator_port)
                top_up_at = time.monotonic() + TOP_UP_EVERY
            time.sleep(1)

    def welcome(self, host: str, port: int, signs: dict[str, Any] | None) -> None:
        address = address_of(host, port)
        lines = ["", f"The tracker is ready: {address}/"]
        if signs:
            lines += ["", "Sign in with the demo's accounts:"]
            lines += [
                f"  {user['email']}   password: {user['password']}   ({user['role']})"
                for user in signs["users"]
            ]
            lines += ["", "What a buyer sees, by number and by private link:"]
            lines += [f"  {address}{path}" for path in (*signs["tracking_links"], *signs["private_links"])]
        lines += ["", "What an operator sees:", f"  {address}/admin/"]
        logs = settings.DATA / "logs"
        lines += ["", f"Logs: {logs}"]
        if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
            lines.append(f"Mails are not sent, but written to {logs / 'worker.log'}.")
        lines += ["Stop everything with Ctrl-C.", ""]
        self.tell("\n".join(lines))

    def stop_database(self) -> None:
        connections.close_all()
        embedded: Embedded | None = settings.EMBEDDED_POSTGRES
        if embedded:
            embedded.stop()

    def tell(self, words: str) -> None:
        # The terminal may be gone (SIGHUP); what is being stopped must be stopped all the same.
        with suppress(OSError):
            self.stdout.write(words)
            self.stdout.flush()


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Refuse a second `up` on the same data; the kernel lets go of the lock when its holder dies."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            raise CommandError(
                f"It runs already with the data in {data} (process {holder}). Stop that one, or choose "
                "another folder with TRACKINGSITE_DATA and another port with --port.",
                returncode=1,
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_port(host: str, port: int, option: str) -> None:
    """Refuse a port that another program has, and an address this machine does not have."""
    give_up_at = time.monotonic() + PORT_PATIENCE
    while True:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
            return
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE and time.monotonic() < give_up_at:
                time.sleep(0.3)
                continue
            raise CommandError(
                f"Port {port} on {host} cannot be used: {exc.strerror or exc}. Choose another with {option}.",
                returncode=1,
            ) from exc


def web_server(host: str, port: int, env: dict[str, str], log: Path) -> Child:
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"),
        *(
            "--workers",
            "2",
            "--blocking-threads",
            str(WEB_THREADS),
            "--respawn-failed-workers",
            "--workers-kill-timeout",
            "5",
        ),
        *("--host", host, "--port", str(port), "--working-dir", str(settings.BASE_DIR)),
        "trackingsite.wsgi:application",
    ]
    return Child("web server", command, env=env, log=log)


def answers(host: str, port: int) -> bool:
    """Whether a web server answers there, with any page but that of a broken application."""
    asked = http.client.HTTPConnection(reachable(host), port, timeout=5)
    try:
        asked.request("GET", "/track", headers={"Host": f"localhost:{port}"})
        return asked.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def reachable(host: str) -> str:
    return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(host, host)  # noqa: S104 - we connect to it


def address_of(host: str, port: int) -> str:
    name = reachable(host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"
