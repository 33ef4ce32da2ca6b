"""Data folders of installations, with a migrated database: made once, and copied."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import MANAGE


def environment(data: Path) -> dict[str, str]:
    """What the product's own commands are started with, in this data folder and with nothing of an operator's."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "TRACKINGSITE_PRODUCTION")
    }
    return ours | {
        "DJANGO_SETTINGS_MODULE": "trackingsite.settings",
        "TRACKINGSITE_DATA": str(data),
        "QUEUE_WORKERS": "2",
    }


def install(data: Path, folders: pytest.TempPathFactory) -> None:
    """Put an installation into `data`, which is not there yet. Of the processes of this run the first that asks makes it, and
    the others wait."""
    made_in = folders.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each process has a folder of its own in the run's.
        made_in = made_in.parent
    made = made_in / "installed"
    with (made_in / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            half = made_in / "being installed"
            half.mkdir()
            for command in (["migrate", "--verbosity=0"], ["database", "stop"]):
                subprocess.run([sys.executable, MANAGE, *command], env=environment(half), check=True)
            half.rename(made)
    # With its owners: started by root, the server runs as somebody else.
    subprocess.run(["cp", "-Rp", made, data], check=True)
