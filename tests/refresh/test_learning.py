"""What is learned from scans already found, and that little history moves little."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import Status
from shipments.refresh import chances
from shipments.refresh.learning import MOST_FACTOR, History, Sharpened, Traits, drawn
from shipments.refresh.policy import Candidate, Situation, pick
from shipments.refresh.ranking import values

HOUR, DAY = 3600.0, 86400.0
# A Monday, midnight.
MONDAY = datetime(2026, 6, 8, tzinfo=UTC)
START = MONDAY.timestamp()
PRIORITY = "Priority Mail"
STATES = (
    st.sampled_from(list(Status)),
    st.booleans(),
    st.none() | st.integers(-9, 9),
    st.integers(0, 9),
    st.sampled_from(["", PRIORITY, "UPS Ground", "Overnight"]),
)
JOURNEYS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.floats(0.01, 200), st.sampled_from(list(Status))), max_size=8),
        st.none() | st.integers(-5, 9),
        st.booleans(),
    ),
    max_size=5,
)


def traits(
    service: str = PRIORITY, promise: int | None = None, *, once=False, since=START, ahead=0.0
) -> Traits:
    return Traits(service, once, since, promise, ahead)


def a_history(journeys) -> History:
    history = History()
    for gaps, promise, once in journeys:
        at, scans = START, [(START, Status.MANIFEST)]
        for gap, status in gaps:
            at += gap * HOUR
            scans.append((at, status))
        told = None if promise is None else MONDAY.toordinal() + promise
        history.add(traits(promise=told, once=once), scans, begin=START, until=at + 30 * HOUR)
    return history


def rates(
    sharpened: Sharpened, status: Status = Status.IN_TRANSIT, promise: int | None = 5, service=PRIORITY
):
    return sharpened.calendar(status, False, promise, 1, service).rates[:168]


@given(*STATES, st.floats(0, 167), st.floats(0, 200), st.floats(0, 800))
def test_without_history_the_tables_speak(status, once, promise, days, service, begin, gap, silence):
    plain = chances.calendar(status, once, promise, days, chances.speed_of(service))
    learned = Sharpened(History().factors()).calendar(status, once, promise, days, service)
    assert learned.news(begin, gap, silence) == pytest.approx(plain.news(begin, gap, silence))


@given(JOURNEYS)
def test_no_factor_leaves_its_bounds(journeys):
    assert all(1 / MOST_FACTOR <= factor <= MOST_FACTOR for factor in a_history(journeys).factors().values())


@given(JOURNEYS, *STATES, st.floats(0, 167), st.floats(0, 200), st.floats(0, 800))
def test_whatever_the_history_no_news_is_worth_less_than_nothing(
    journeys, status, once, promise, days, service, begin, gap, silence
):
    calendar = Sharpened(a_history(journeys).factors()).calendar(status, once, promise, days, service)
    worth, came_after, ahead = calendar.news(begin, gap, silence)
    assert 0 <= worth <= calendar.most + 1e-9
    assert -1e-6 <= came_after <= gap + 1e-6
    assert 0 <= ahead <= chances.LONGEST_AHEAD


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_ratio_is_drawn_towards_once(found, expected):
    factor = drawn(found, expected)
    assert factor >= 1 if found >= expected else factor <= 1
    assert 1 / MOST_FACTOR <= factor <= MOST_FACTOR


def test_one_parcel_moves_little_and_a_thousand_move_much():
    def level(parcels: int) -> float:
        history = History()
        for _ in range(parcels):
            # Two days of plants, and nothing ever came.
            history.add(traits(), [(START, Status.IN_TRANSIT)], begin=START, until=START + 2 * DAY)
        learned, plain = Sharpened(history.factors()), Sharpened({})
        return math.fsum(rates(learned, promise=None)) / math.fsum(rates(plain, promise=None))

    assert level(1) > 0.3
    assert level(1000) < 0.1


def test_the_hours_of_ones_own_parcels_are_learned_on_the_clock_of_the_place():
    history = History()
    for day in range(60):
        scanned = START + day * DAY - 7 * HOUR
        # Always at three in the afternoon there, when the tables expect least: the clock is five hours behind.
        news = START + day * DAY + 20.5 * HOUR
        history.add(
            traits(ahead=-5 * HOUR),
            [(scanned, Status.IN_TRANSIT), (news, Status.IN_TRANSIT)],
            begin=scanned,
            until=news,
        )
    before, after = rates(Sharpened({})), rates(Sharpened(history.factors()))
    assert before[15] < before[3]
    assert after[15] > 3 * after[3]
    assert max(range(24), key=lambda hour: after[hour]) == 15


def test_what_a_service_does_is_learned_for_it_alone():
    history = History()
    for _ in range(200):
        for service, hours in (("Swift", 3.0), ("Sleepy", 60.0)):
            scans = [(START, Status.IN_TRANSIT), (START + hours * HOUR, Status.IN_TRANSIT)]
            history.add(traits(service), scans, begin=START, until=scans[-1][0])
    sharpened = Sharpened(history.factors())
    swift, sleepy = rates(sharpened, service="Swift"), rates(sharpened, service="Sleepy")
    assert sum(swift) > 3 * sum(sleepy)


def test_that_no_round_comes_is_learned():
    history = History()
    promise = MONDAY.toordinal()
    for _ in range(300):
        history.add(
            traits(promise=promise), [(START - DAY, Status.IN_TRANSIT)], begin=START, until=START + 14 * HOUR
        )
    eight = 8
    before = rates(Sharpened({}), promise=0)[eight]
    assert rates(Sharpened(history.factors()), promise=0)[eight] < before / 5


def test_waiting_in_parts_counts_like_waiting_at_once():
    scans = [
        (START, Status.MANIFEST),
        (START + 5.3 * HOUR, Status.ACCEPTANCE),
        (START + 17.9 * HOUR, Status.OUT_FOR_DELIVERY),
        (START + 20.0 * HOUR, Status.DELIVERED),
    ]
    whole, parts = History(), History()
    whole.add(traits(), scans, begin=START, until=START + 30 * HOUR)
    for begin in range(30):
        known = [scan for scan in scans if scan[0] <= START + (begin + 1) * HOUR]
        parts.add(traits(), known, begin=START + begin * HOUR, until=START + (begin + 1) * HOUR)
    assert parts.worth == whole.worth

    def by_cell(history):
        # How old a scan is counts from the beginning of each part, so that ages differ by a piece of an hour.
        sums: dict[tuple, list[float]] = {}
        for cell, (expected, found) in history.cells.items():
            counted = sums.setdefault(cell[:6], [0.0, 0.0])
            counted[0] += expected
            counted[1] += found
        return {cell: pytest.approx(counted) for cell, counted in sums.items()}

    assert {cell: value.expected for cell, value in by_cell(parts).items()} == by_cell(whole)


def after_delivery(history: History) -> float:
    """How many times as much news of a delivered parcel as the tables say is to be expected."""
    calendars = (
        Sharpened(factors).calendar(Status.DELIVERED, False, 0, 3, "") for factors in (history.factors(), {})
    )
    learned, told = (calendar.rates[20] for calendar in calendars)
    return learned / told


def test_that_nothing_comes_after_deliveries_is_learned():
    history = History()
    for _ in range(1_000):
        # In parts, as it is looked at: they add up.
        for day in range(8):
            begin = START + day * DAY
            history.add(traits(), [(START, Status.DELIVERED)], begin=begin, until=begin + DAY)
    # A parcel of which 0.003 scans are expected in a usual day, half of that after two days, a quarter after four.
    a_day = sum(chances.DELIVERED.week) / 7
    assert a_day == pytest.approx(0.003 * 6.45 / 7)
    expected = 1_000 * a_day * (2 + 2 / 2 + 4 / 4)
    assert history.arrived == pytest.approx([expected, 0])
    assert after_delivery(history) == pytest.approx(6 / (expected + 6))


def test_that_deliveries_are_often_corrected_is_learned():
    history = History()
    for _ in range(100):
        scans = [
            (START, Status.DELIVERED),
            (START + DAY, Status.IN_TRANSIT),
            (START + 2 * DAY, Status.DELIVERED),
        ]
        history.add(traits(), scans, begin=START, until=START + 2 * DAY)
    assert after_delivery(history) > 10


def test_few_deliveries_teach_nothing_of_what_comes_after_them():
    history = History()
    history.add(traits(), [(START, Status.DELIVERED)], begin=START, until=START + 9 * DAY)
    assert history.factors() == {}


def test_what_was_learned_decides_who_is_looked_at():
    history = History()
    for _ in range(300):
        for service, hours in (("Swift", 2.0), ("Sleepy", 90.0)):
            scans = [(START, Status.IN_TRANSIT), (START + hours * HOUR, Status.IN_TRANSIT)]
            history.add(traits(service), scans, begin=START, until=scans[-1][0])
    now = MONDAY + timedelta(days=2, hours=16)

    def candidate(key: int, service: str) -> Candidate:
        asked = now - timedelta(hours=1)
        situation = Situation(
            Status.IN_TRANSIT,
            now - timedelta(days=2),
            last_scan_at=asked,
            checked_at=asked,
            service=service,
            zone="America/Chicago",
        )
        return Candidate(key, situation, now + timedelta(hours=1))

    both = [candidate(1, "Sleepy"), candidate(2, "Swift")]
    assert pick(both, 1, now=now, pressure=9.0) == [1]
    learned = Sharpened(history.factors())
    assert pick(both, 1, now=now, pressure=9.0, sharpened=learned) == [2]
    slow, fast = values(both, now=now, scarcity=1.0, sharpened=learned)
    assert fast > 2 * slow


def test_calendars_are_kept_in_bounds(monkeypatch):
    monkeypatch.setattr("shipments.refresh.learning._CALENDARS_KEPT", 10)
    sharpened = Sharpened({})
    dice = random.Random(1)
    for number in range(50):
        sharpened.calendar(Status.IN_TRANSIT, False, dice.randrange(9), 0, f"service {number}")
    assert len(sharpened._calendars) <= 10
