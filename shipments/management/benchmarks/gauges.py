"""What the benchmarks read off their own process: statements sent, memory held."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection


@dataclass
class Statements:
    """How many statements were sent while they were counted."""

    count: int = 0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.count += 1
        return execute(*arguments)


@contextmanager
def counted_statements() -> Iterator[Statements]:
    """Count what goes to the database meanwhile."""
    counted = Statements()
    with connection.execute_wrapper(counted):
        yield counted


def rss_mb() -> float:
    """The memory this process holds, in MB; Linux only."""
    return _status("VmRSS")


def peak_rss_mb() -> float:
    """The most it has held so far."""
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return round(int(kilobytes) / 1024, 1)
