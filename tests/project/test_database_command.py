from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from trackingsite.embedded_postgres import Embedded


@pytest.fixture
def embedded(tmp_path: Path, settings: Any) -> Iterator[Embedded]:
    server = Embedded(tmp_path / "postgres")
    settings.EMBEDDED_POSTGRES = server
    yield server
    server.stop()


def said_by(verb: str) -> str:
    said = StringIO()
    call_command("database", verb, stdout=said)
    return said.getvalue()


@pytest.mark.slow
def test_the_database_is_started_and_stopped_by_hand(embedded: Embedded) -> None:
    started = said_by("start")
    server = embedded.server()
    assert server is not None
    assert started == f"The database in {embedded.home} runs (process {server.pid}).\n"
    assert said_by("status") == started
    assert said_by("stop") == "The database is stopped.\n"
    assert embedded.is_running() is False
    assert said_by("stop") == "The database was not running.\n"


def test_the_status_of_a_stopped_database_is_an_exit_code(
    embedded: Embedded, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        call_command("database", "status")
    assert left.value.code == 1
    assert capsys.readouterr().out == f"The database in {embedded.home} is not running.\n"


@pytest.mark.parametrize("verb", ["start", "stop", "status"])
def test_a_database_of_the_operators_is_left_alone(settings: Any, verb: str) -> None:
    settings.EMBEDDED_POSTGRES = None
    with pytest.raises(CommandError) as refused:
        call_command("database", verb)
    assert str(refused.value) == "DATABASE_URL names a database that is not ours to start or stop."
    assert refused.value.returncode == 2
