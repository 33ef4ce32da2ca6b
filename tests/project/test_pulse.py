from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from shipments.management.commands.worker import Pulse

# A database that was away makes it let go of this process's connections, which the tests before may have left open.
pytestmark = pytest.mark.django_db


class Cluster:
    """A cluster that takes the nudges it is given, unless it hangs, and a clock that everybody reads."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.beat: datetime | None = None
        self.hangs = False
        self.database_is_away = False
        self.waiting = 0
        self.is_full = False
        self.nudges: list[float] = []
        self.said: list[str] = []
        self.pulse = Pulse(
            self.said.append,
            last_beat=self.last_beat,
            nudge=self.nudge,
            is_waiting=lambda: self.waiting > 0,
            holds_too_much=lambda: self.is_full,
            clock=lambda: self.now,
        )

    def last_beat(self) -> datetime | None:
        if self.database_is_away:
            raise OperationalError("the connection was refused")
        if self.waiting and not self.hangs:
            self.waiting = 0
            self.beat = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=self.now)
        return self.beat

    def nudge(self) -> None:
        self.waiting += 1
        self.nudges.append(self.now)

    def run(self, seconds: int, *, up_for: float = 10_000.0) -> list[str]:
        """What is found in so many seconds, looked at once a second."""
        found = []
        for _ in range(seconds):
            self.now += 1
            up_for += 1
            found.append(self.pulse.trouble(up_for))
        return [words for words in found if words]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_a_cluster_that_takes_its_nudges_is_left_alone(cluster: Cluster) -> None:
    assert cluster.run(600) == []
    assert cluster.said == []


def test_a_cluster_is_nudged_every_ten_seconds(cluster: Cluster) -> None:
    cluster.run(61)
    assert cluster.nudges == [1001, 1011, 1021, 1031, 1041, 1051, 1061]


def test_a_hung_cluster_is_found_within_a_minute_and_given_one_nudge_only(cluster: Cluster) -> None:
    cluster.run(30)
    cluster.hangs = True
    before = len(cluster.nudges)
    assert cluster.run(30) == []

    assert cluster.run(20)[0] == "has shown no sign of life for 46 s"

    assert len(cluster.nudges) - before == 1


def test_a_cluster_just_started_is_given_time(cluster: Cluster) -> None:
    cluster.hangs = True
    cluster.run(100)
    assert cluster.run(45, up_for=0) == []


def test_a_cluster_is_not_blamed_for_a_database_that_is_away(cluster: Cluster) -> None:
    cluster.run(30)
    cluster.database_is_away = True
    assert cluster.run(300) == []
    cluster.database_is_away = False

    assert cluster.run(300) == []

    assert cluster.said == ["The database does not answer. Waiting for it.", "The database answers again."]


def test_a_cluster_that_hangs_while_the_database_is_away_is_found_afterwards(cluster: Cluster) -> None:
    cluster.run(30)
    cluster.hangs = cluster.database_is_away = True
    cluster.run(100)
    cluster.database_is_away = False
    assert cluster.run(45) == []
    assert cluster.run(5) != []


def test_a_wrong_clock_elsewhere_hides_no_hung_cluster(cluster: Cluster) -> None:
    cluster.run(30)
    cluster.beat = datetime(2999, 1, 1, tzinfo=UTC)
    cluster.hangs = True
    assert cluster.run(60) != []


def test_a_cluster_that_notes_nothing_of_what_it_does_is_found_though_it_beats(cluster: Cluster) -> None:
    cluster.run(30)
    cluster.is_full = True
    assert cluster.run(15) == []

    assert cluster.run(5) == ["has noted nothing of what it has done for 16 s"]


def test_a_cluster_that_was_busy_for_a_moment_is_left_alone(cluster: Cluster) -> None:
    for _ in range(10):
        cluster.is_full = True
        assert cluster.run(10) == []
        cluster.is_full = False
        assert cluster.run(3) == []


def test_a_busy_cluster_gets_no_second_nudge_before_it_has_taken_the_first(cluster: Cluster) -> None:
    cluster.run(30)
    cluster.hangs = True
    before = len(cluster.nudges)
    # It beats, because it works on something else.
    for second in range(40):
        cluster.beat = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=second)
        assert cluster.run(1) == []
    assert len(cluster.nudges) - before == 1
