"""An installation of its own: a data folder, a database, and the product's own commands as processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.factories import MANAGE
from tests.installed import environment, install
from trackingsite.embedded_postgres import Embedded


@dataclass(frozen=True, slots=True)
class Installation:
    data: Path

    @property
    def env(self) -> dict[str, str]:
        return environment(self.data)

    def manage(self, *arguments: str, stdin: str = "", codes: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [sys.executable, MANAGE, *arguments],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode in codes, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.data / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, MANAGE, *arguments], env=self.env, stderr=log, stdout=log
            )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query brings; statements that return nothing bring nothing."""
        parts = Embedded(self.data / "postgres").dsn_parts()
        with psycopg.connect(
            host=parts["HOST"], port=parts["PORT"], user=parts["USER"], dbname=parts["NAME"], autocommit=True
        ) as db:
            cursor = db.execute(query)
            return cursor.fetchall() if cursor.description else []

    def tracked(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in self.manage("track", *arguments, "--json", codes=codes).splitlines()
        ]


@pytest.fixture
def installation(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path / "with a blank")
    install(made.data, tmp_path_factory)
    made.manage("add_merchant", "alpine", "--name", "Alpine Outfitters")
    try:
        yield made
    finally:
        made.manage("database", "stop")
