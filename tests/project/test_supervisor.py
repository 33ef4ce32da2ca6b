import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trackingsite import keeper
from trackingsite.processes import Child, Stopped, Supervised, last_line, processes_of, stopped_by_signals

# A program with a child of its own; both ignore the polite signal, as a hung cluster does.
HUNG = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
inner = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('inner', flush=True); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", inner])
print("outer", flush=True)
time.sleep(300)
"""
POLITE = """
import signal, sys, time
def leave(*_):
    print("goodbye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("hello", flush=True)
time.sleep(300)
"""


def python(script: str) -> list[str]:
    return [sys.executable, "-S", "-c", script]


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.02)


def says(log: Path, *lines: str) -> Callable[[], bool]:
    return lambda: log.exists() and set(lines) <= set(log.read_text().splitlines())


@pytest.fixture
def make_child(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    made: list[Child] = []

    def make(script: str, **over: object) -> Child:
        child = Child("parrot", python(script), log=tmp_path / "parrot.log", **over)  # type: ignore[arg-type]
        made.append(child)
        return child

    yield make
    for child in made:
        child.kill()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_polite_program_is_given_time_to_say_goodbye(
    make_child: Callable[..., Child], tmp_path: Path
) -> None:
    child = make_child(POLITE)
    child.start()
    wait_until(says(tmp_path / "parrot.log", "hello"))
    assert child.pid is not None

    child.stop()

    assert (tmp_path / "parrot.log").read_text() == "hello\ngoodbye\n"
    assert processes_of(child.pid) == []
    assert child.how_it_ended() == "exit code 0: goodbye"


def test_a_hung_program_is_killed_with_its_children(make_child: Callable[..., Child], tmp_path: Path) -> None:
    child = make_child(HUNG, grace=0.3)
    child.start()
    wait_until(says(tmp_path / "parrot.log", "inner", "outer"))
    assert child.pid is not None
    assert len(processes_of(child.pid)) == 3

    child.stop()

    assert processes_of(child.pid) == []
    assert child.is_alive() is False


def test_a_program_does_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    log = tmp_path / "parrot.log"
    supervisor = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from trackingsite.processes import Child\n"
            "child = Child('parrot', sys.argv[2:], log=Path(sys.argv[1])); child.start()\n"
            "print(child.pid, flush=True); time.sleep(300)",
            str(log),
            *python(HUNG),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(keeper.__file__).parent.parent)},
    )
    assert supervisor.stdout is not None
    session = int(supervisor.stdout.readline())
    wait_until(says(log, "inner", "outer"))

    supervisor.kill()

    supervisor.wait()
    supervisor.stdout.close()
    wait_until(lambda: processes_of(session) == [], seconds=keeper.GRACE + 60)


def test_the_exit_of_a_program_is_told_in_words(make_child: Callable[..., Child]) -> None:
    child = make_child("import sys; print('no more seeds'); sys.exit(7)")
    assert child.how_it_ended() == "still running"
    child.start()
    wait_until(lambda: not child.is_alive())
    assert child.how_it_ended() == "exit code 7: no more seeds"


def test_a_signal_that_ended_a_program_is_told_in_words(make_child: Callable[..., Child]) -> None:
    child = make_child("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    child.start()
    wait_until(lambda: not child.is_alive())
    assert child.how_it_ended() == "signal 9"


def test_a_hung_program_is_started_again(make_child: Callable[..., Child], tmp_path: Path) -> None:
    clock, said = Clock(), list[str]()
    child = make_child(HUNG)
    supervised = Supervised(
        child, said.append, trouble=lambda up_for: "is silent" if up_for >= 45 else None, clock=clock
    )
    supervised.tick()
    wait_until(says(tmp_path / "parrot.log", "inner", "outer"))
    first = child.pid
    assert first is not None
    clock.now += 44
    supervised.tick()
    assert (child.pid, said) == (first, [])

    clock.now += 1
    supervised.tick()
    supervised.tick()

    assert said == ["The parrot is silent. It is started again now."]
    assert processes_of(first) == []
    assert child.pid != first
    assert child.is_alive()


def test_a_program_that_fails_at_once_is_given_growing_pauses(make_child: Callable[..., Child]) -> None:
    clock, said = Clock(), list[str]()
    child = make_child("import sys; sys.exit(3)")
    supervised = Supervised(child, said.append, clock=clock)

    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        supervised.tick()
        started = child.pid
        wait_until(lambda: not child.is_alive())
        supervised.tick()
        assert said.pop() == f"The parrot ended (exit code 3). It is started again in {pause} s."
        clock.now += pause - 0.5
        supervised.tick()
        assert child.pid == started
        clock.now += 0.5


def test_a_program_that_ran_for_a_while_is_started_again_without_a_pause(
    make_child: Callable[..., Child],
) -> None:
    clock, said = Clock(), list[str]()
    child = make_child("pass")
    supervised = Supervised(child, said.append, clock=clock)
    supervised.tick()
    wait_until(lambda: not child.is_alive())
    clock.now += 31

    supervised.tick()

    assert said == ["The parrot ended (exit code 0). It is started again now."]


def test_a_talkative_program_fills_two_logs_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LARGEST_LOG", 200_000)
    reading, writing = os.pipe()
    log = tmp_path / "parrot.log"
    script = "import sys; [print('x' * 99) for _ in range(10_000)]; print('the end')"
    with subprocess.Popen(python(script), stdout=writing):
        os.close(writing)
        with open(reading, "rb") as said:
            keeper._write(said, log)

    assert sorted(file.name for file in tmp_path.iterdir()) == ["parrot.log", "parrot.log.1"]
    assert max(file.stat().st_size for file in tmp_path.iterdir()) <= 200_000
    assert last_line(log) == "the end"


def test_the_last_line_is_the_last_that_says_something(tmp_path: Path) -> None:
    log = tmp_path / "parrot.log"
    assert last_line(log) == ""
    log.write_text("first\n  last  \n\n \n")
    assert last_line(log) == "last"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_stops_us_and_later_ones_let_us_finish(number: signal.Signals) -> None:
    finished = False
    before = signal.getsignal(number)
    with stopped_by_signals():
        with pytest.raises(Stopped):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        finished = True
    assert finished
    assert signal.getsignal(number) == before


def test_under_nohup_a_hang_up_is_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
