"""Programs we start and look after: each in a session of its own, stopped whole, started again when it fails."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

KEEPER = Path(__file__).with_name("keeper.py")
# How long killed processes may take to be gone; only a broken disk holds one longer.
KILL_PATIENCE = 5.0
# A program that fails sooner than this after its start is failing at once, and is given pauses.
SETTLED = 30.0
LONGEST_PAUSE = 60.0


class Stopped(KeyboardInterrupt):
    """A signal asked us to stop."""


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise Stopped at the first SIGINT, SIGTERM or SIGHUP; later ones change nothing, so that stopping is finished.

    SIGHUP stays ignored where it was (`nohup`).
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in watched:
            signal.signal(number, _nothing)
        raise Stopped

    watched = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        watched.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN: programs started meanwhile would inherit that."""


@dataclass
class Child:
    """A program with all the processes it starts.

    `keeper` ends it should we be killed. With `log` its words go to that file, bounded; without, where ours go.
    `grace` is how many seconds it may take to stop by itself.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] | None = None
    log: Path | None = None
    grace: float = 10.0
    _keeper: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)
    _swept: bool = field(default=True, init=False, repr=False)

    @property
    def pid(self) -> int | None:
        """The number of its session and process group; None before it was started."""
        return self._keeper.pid if self._keeper else None

    def start(self) -> None:
        """Start it; what is left of an earlier run is killed first."""
        self.kill()
        # -I and -S: the keeper needs no package, and starts in a hundredth of a second without them.
        self._keeper = subprocess.Popen(  # noqa: S603 - we name the program, and there is no shell
            [sys.executable, "-I", "-S", str(KEEPER), str(self.log or ""), *self.command],
            env=self.env,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._swept = False

    def is_alive(self) -> bool:
        return self._keeper is not None and self._keeper.poll() is None

    def how_it_ended(self) -> str:
        """Its exit code or signal, in words, and the last line it wrote to its log."""
        code = self._keeper.poll() if self._keeper else None
        if code is None:
            return "still running"
        number = -code if code < 0 else code - 128
        words = f"signal {number}" if number > 0 else f"exit code {code}"
        last = last_line(self.log) if self.log else ""
        return f"{words}: {last}" if last else words

    def ask_to_stop(self) -> None:
        if self._keeper is not None:
            self._keeper.terminate()

    def stop(self) -> None:
        """Ask it to stop, and kill what has not stopped when its grace is over."""
        if self._keeper is not None:
            self._keeper.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._keeper.wait(timeout=self.grace)
        self.kill()

    def kill(self) -> None:
        """Kill every process of its session at once, and see that they are gone. A hung program needs this."""
        keeper = self._keeper
        # Once is enough, and more would be wrong: the session's number may be somebody else's by then.
        if keeper is None or self._swept:
            return
        give_up_at = time.monotonic() + KILL_PATIENCE
        while living := processes_of(keeper.pid):
            for pid in living:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > give_up_at:
                break
            time.sleep(0.02)
        keeper.wait()
        if keeper.stdin:
            keeper.stdin.close()
        self._swept = True


@dataclass
class Supervised:
    """A child that is started when it is not there, and again when it ends or is in trouble.

    `trouble` is told for how many seconds the child has been up, and says what is wrong, or None.
    """

    child: Child
    say: Callable[[str], None]
    trouble: Callable[[float], str | None] = lambda up_for: None
    clock: Callable[[], float] = time.monotonic
    _started_at: float | None = field(default=None, init=False)
    _start_at: float = field(default=float("-inf"), init=False)
    _failures: int = field(default=0, init=False)

    def tick(self) -> None:
        """Look after the child once; call it every second or so."""
        now = self.clock()
        if self._started_at is None:
            if now >= self._start_at:
                self._started_at = now
                self.child.start()
            return
        up_for = now - self._started_at
        if not self.child.is_alive():
            wrong = f"ended ({self.child.how_it_ended()})"
        elif found := self.trouble(up_for):
            wrong = found
        else:
            return
        self.child.kill()
        # A failure after a good while is met at once, one after the other with growing pauses.
        self._failures = self._failures + 1 if up_for < SETTLED else 0
        pause = min(2.0 ** (self._failures - 1), LONGEST_PAUSE) if self._failures else 0.0
        self._started_at, self._start_at = None, now + pause
        when = f"in {pause:.0f} s" if pause else "now"
        self.say(f"The {self.child.name} {wrong}. It is started again {when}.")


def stop_all(children: Sequence[Child]) -> None:
    """Stop them all at the same time: their graces run side by side."""
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()


def processes_of(session: int) -> list[int]:
    """The living processes of a session (without /proc: of the process group of that number). Zombies are dead."""
    if not Path("/proc/self/stat").exists():
        ps = ["ps", "-axo", "pid=,pgid=,stat="]
        listed = subprocess.run(ps, capture_output=True, text=True, check=True)  # noqa: S603 - nothing of it is input
        rows = [line.split() for line in listed.stdout.splitlines()]
        return [int(pid) for pid, group, state in rows if int(group) == session and not state.startswith("Z")]
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            said = Path(f"/proc/{name}/stat").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, _parent, _group, of_session = said.rpartition(b")")[2].split()[:4]
        if int(of_session) != session:
            continue
        if state not in (b"Z", b"X"):
            found.append(int(name))
        elif os.getpid() == 1 and int(name) != session:
            # As the first process of a container we inherit them, and nobody else will reap them.
            with suppress(ChildProcessError):
                os.waitpid(int(name), os.WNOHANG)
    return found


def last_line(log: Path) -> str:
    """The last line of a log that says something, at most 300 characters of it; empty when there is none."""
    try:
        with log.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - 4096))
            lines = opened.read().decode(errors="replace").split("\n")
    except FileNotFoundError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
