"""Runs one program for a supervisor, and sees to it that the program does not outlive the supervisor.

The supervisor starts this file as a script, in a session of its own, and holds the other end of its standard
input. When that end closes, because the supervisor is gone however it went, the program is asked to stop, and
then the whole process group is killed, grandchildren included. The kernel's own signal on a parent's death
reaches only the child itself, and a hung queue cluster ignores it.

Uses the standard library only: it must cost little, for there is one for each program.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

# How long a program may take to end by itself once nobody supervises it.
GRACE = 3.0
# The log of a program, and the one before it, stay below this.
LARGEST_LOG = 1024 * 1024


def main(log: str, command: list[str]) -> int:
    """Run `command` until it ends; its exit code, or 128 and the signal's number as shells count it.

    What it says is appended to the file `log`; with an empty name it goes where our own words go.
    """
    child = subprocess.Popen(  # noqa: S603 - the supervisor names the program, and there is no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if log else None,
        stderr=subprocess.STDOUT if log else None,
    )

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        child.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    alone = threading.Event()
    threading.Thread(target=_end_when_alone, args=(child, alone), daemon=True).start()
    writer: threading.Thread | None = None
    if child.stdout is not None:
        writer = threading.Thread(target=_write, args=(child.stdout, Path(log)), daemon=True)
        writer.start()
    code = child.wait()
    if writer is not None:
        # Not for ever: a grandchild that lives on holds the pipe open.
        writer.join(timeout=1.0)
    if alone.is_set():
        os.killpg(0, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _end_when_alone(child: subprocess.Popen[bytes], alone: threading.Event) -> None:
    # Not sys.stdin: its lock, held by this thread, would break the interpreter's own end.
    while os.read(0, 1024):
        pass
    alone.set()
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(timeout=GRACE)
    os.killpg(0, signal.SIGKILL)


def _write(said: IO[bytes], log: Path) -> None:
    """Append what comes to the log. A full disk costs the words, never the program: the pipe is always emptied."""
    while chunk := os.read(said.fileno(), 64 * 1024):
        with suppress(OSError):
            if log.exists() and log.stat().st_size + len(chunk) > LARGEST_LOG:
                log.replace(log.with_name(f"{log.name}.1"))
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with open(handle, "wb") as opened:
                opened.write(chunk)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
