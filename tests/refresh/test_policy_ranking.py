"""Who is asked first: values, bounds with quota to spare, and that nobody starves without."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.enums import Status
from shipments.refresh import chances
from shipments.refresh.policy import Candidate, Situation, next_look, pick
from shipments.refresh.ranking import CAN_WAIT, DELIVERED_CAN_WAIT, RESERVED, values

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONE = "America/Chicago"
# A Wednesday; eight in the morning in Chicago.
MORNING = datetime(2026, 6, 10, 13, tzinfo=UTC)
MOVING = [status for status in Status if status not in {Status.DELIVERED}]


def a_candidate(
    key: int = 1, status: Status = Status.IN_TRANSIT, *, now=MORNING, group=1, asked=HOUR, **over
) -> Candidate:
    situation = Situation(
        **{
            "status": status,
            "since": now - 2 * DAY,
            "last_scan_at": now - 8 * HOUR,
            "checked_at": now - asked,
            "zone": ZONE,
            **over,
        }
    )
    wanted_by = next_look(situation, now=now - asked, dice=0.5).wanted_by
    assert wanted_by is not None
    return Candidate(key, situation, wanted_by, group)


def worth(candidate: Candidate, *, now=MORNING, scarcity=1.0) -> float:
    return values([candidate], now=now, scarcity=scarcity)[0]


def test_a_parcel_promised_for_today_is_worth_more_in_the_morning_than_one_promised_for_next_week():
    today, later = date(2026, 6, 10), date(2026, 6, 16)
    assert worth(a_candidate(promised_on=today)) > 2 * worth(a_candidate(promised_on=later))


def test_out_for_delivery_is_worth_more_at_noon_than_at_midnight():
    noon, midnight = MORNING + 4 * HOUR, MORNING + 16 * HOUR
    by_day = a_candidate(status=Status.OUT_FOR_DELIVERY, now=noon)
    by_night = a_candidate(status=Status.OUT_FOR_DELIVERY, now=midnight)
    assert worth(by_day, now=noon) > 5 * worth(by_night, now=midnight)


def test_hours_are_those_of_the_place():
    there = a_candidate(status=Status.OUT_FOR_DELIVERY, zone="Asia/Tokyo")
    assert worth(a_candidate(status=Status.OUT_FOR_DELIVERY, zone="America/New_York")) > 4 * worth(there)


def test_a_zone_nobody_knows_is_as_good_as_none():
    assert worth(a_candidate(zone="Mars/Olympus")) == worth(a_candidate(zone=None))


def test_a_label_that_was_silent_for_weeks_is_worth_little():
    fresh = a_candidate(status=Status.MANIFEST)
    dead = a_candidate(status=Status.MANIFEST, since=MORNING - 20 * DAY, last_scan_at=None)
    assert worth(fresh) > 20 * worth(dead)


def test_a_letter_that_had_its_scan_is_worth_next_to_nothing():
    assert worth(a_candidate(scans_once=True)) < worth(a_candidate()) / 50


@given(st.sampled_from(MOVING), st.floats(0.2, 400), st.floats(0, 100))
def test_a_look_is_never_worth_less_than_nothing(status, asked, scarcity):
    assert worth(a_candidate(status=status, asked=asked * HOUR), scarcity=scarcity) >= 0


@given(st.sampled_from(MOVING), st.floats(0, 167), st.floats(0, 200), st.floats(0, 100))
def test_more_time_never_means_less_news(status, begin, gap, more):
    stage = chances.STAGE_OF[status]
    calendar = chances.Calendar(stage.worth_of_week, stage.most, stage.quiet)
    news, came_after, ahead = calendar.news(begin, gap, 5.0)
    assert 0 <= news <= calendar.news(begin, gap + more, 5.0)[0] + 1e-9 <= stage.most + 2e-9
    assert -1e-6 <= came_after <= gap + 1e-6
    assert 0 <= ahead <= chances.LONGEST_AHEAD


@pytest.mark.parametrize("stage", dict.fromkeys(chances.STAGE_OF.values()), ids=lambda stage: stage.name)
def test_a_calendar_says_the_same_of_a_span_as_of_its_parts(stage):
    # Small chances do not pile up to the most, so that they add up.
    calendar = chances.Calendar(stage.worth_of_week, 1e6, ())
    whole, _, _ = calendar.news(100.3, 80.0, 0.0)
    parts = calendar.news(100.3, 30.7, 0.0)[0] + calendar.news(131.0, 49.3, 0.0)[0]
    assert whole == pytest.approx(parts, rel=1e-3)


@pytest.mark.parametrize(
    "hours", [chances.HANDOVER, chances.SORTING, chances.LOADING, chances.ROUND, chances.COUNTER]
)
def test_the_shares_of_a_day_are_whole(hours):
    assert len(hours) == 24
    assert sum(hours) == pytest.approx(1.0)


@given(st.integers(0, 60), st.integers(0, 80), st.floats(0, 50), st.randoms(use_true_random=False))
def test_a_pick_is_as_many_as_there_are_and_none_twice(places, many, pressure, chance):
    found = [
        a_candidate(
            key, chance.choice(list(Status)), group=chance.randrange(4), asked=chance.uniform(0.2, 60) * HOUR
        )
        for key in range(many)
    ]
    picked = pick(found, places, now=MORNING, pressure=pressure)
    assert len(picked) == len(set(picked)) == min(places, many)


def test_the_best_comes_first():
    late = [a_candidate(key, asked=key * 10 * MINUTE) for key in range(1, 10)]
    assert pick(late, 20, now=MORNING, pressure=1.0) == [9, 8, 7, 6, 5, 4, 3, 2, 1]


class Account:
    """An account with parcels that stay as they are: the hardest case, because no value ever falls for good."""

    def __init__(self, parcels: list[Candidate], places: int, every: timedelta) -> None:
        self.places, self.every, self.now = places, every, MORNING
        self.parcels = {parcel.key: parcel for parcel in parcels}
        self.due_at = {parcel.key: MORNING for parcel in parcels}
        self.looks = HOUR / every * places

    def call(self) -> dict[int, timedelta]:
        """One call; of each parcel it asked about how long after its bound that was."""
        due = [self.parcels[key] for key, at in self.due_at.items() if at <= self.now]
        picked = pick(due, self.places, now=self.now, pressure=len(due) / self.looks)
        late = {}
        for key in picked:
            parcel = self.parcels[key]
            late[key] = self.now - parcel.wanted_by
            # As lively as ever: its last scan is always so old.
            situation = replace(
                parcel.situation, checked_at=self.now, last_scan_at=self.now - 8 * HOUR, since=self.now - DAY
            )
            upcoming = next_look(situation, now=self.now, dice=0.5)
            assert upcoming.due_at is not None
            assert upcoming.wanted_by is not None
            self.parcels[key] = replace(parcel, situation=situation, wanted_by=upcoming.wanted_by)
            self.due_at[key] = upcoming.due_at
        self.now += self.every
        return late


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(MOVING), min_size=30, max_size=120), st.integers(1, 4))
def test_with_quota_to_spare_no_bound_is_passed(statuses, groups):
    parcels = [a_candidate(key, status, group=key % groups) for key, status in enumerate(statuses)]
    asked_for = sum(HOUR / (parcel.wanted_by - parcel.situation.checked_at) for parcel in parcels)
    # Bounds ask for an eighth of the quota at most; every five minutes a call.
    account = Account(parcels, int(asked_for * 8 / 12) + 1, 5 * MINUTE)
    for _ in range(12):
        account.call()
    for _ in range(100):
        assert max(account.call().values(), default=timedelta()) <= timedelta()


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.sampled_from(list(Status)), min_size=80, max_size=200),
    st.integers(1, 8),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_with_quota_short_nobody_starves(statuses, places, groups, minutes):
    parcels = [a_candidate(key, status, group=key % groups) for key, status in enumerate(statuses)]
    account = Account(parcels, places, minutes * MINUTE)
    # Whoever starves comes before all whose turn comes later, and nobody who was asked meanwhile comes before them. With a
    # call every so many minutes, of `RESERVED` calls in a row one has the place of a single number.
    reserved_an_hour = account.looks / RESERVED
    longest = timedelta(hours=len(parcels) / reserved_an_hour) + RESERVED * RESERVED * account.every
    latest = timedelta()
    asked: set[int] = set()
    for _ in range(1_500):
        late = account.call()
        asked |= late.keys()
        for key, by in late.items():
            waits = (
                DELIVERED_CAN_WAIT
                if account.parcels[key].situation.status == Status.DELIVERED
                else timedelta()
            )
            latest = max(latest, by - waits)
    assert latest <= longest
    over = account.now - longest
    for parcel in account.parcels.values():
        waits = DELIVERED_CAN_WAIT if parcel.situation.status == Status.DELIVERED else CAN_WAIT
        assert parcel.wanted_by + waits >= over


def test_a_merchant_with_many_parcels_does_not_starve_one_with_few():
    lively = [a_candidate(key, Status.OUT_FOR_DELIVERY, group=1) for key in range(3_000)]
    few = [a_candidate(10_000 + key, Status.MANIFEST, group=2, asked=2 * HOUR) for key in range(10)]
    account = Account(lively + few, 35, MINUTE)
    asked = dict.fromkeys((parcel.key for parcel in few), 0)
    for _ in range(240):
        for key in account.call().keys() & asked.keys():
            asked[key] += 1
    # Four hours: the bound of a label is three.
    assert min(asked.values()) >= 1


def test_many_merchants_take_turns():
    parcels = [a_candidate(key, group=key, asked=3 * HOUR) for key in range(300)]
    account = Account(parcels, 10, MINUTE)
    asked: set[int] = set()
    for _ in range(120):
        asked |= account.call().keys()
    assert len(asked) == 300


def test_no_order_of_candidates_changes_the_pick():
    found = [a_candidate(key, status, group=key % 3) for key, status in enumerate(list(Status) * 10)]
    shuffled = found.copy()
    random.Random(4).shuffle(shuffled)
    picked = pick(found, 35, now=MORNING, pressure=4.0)
    assert pick(shuffled, 35, now=MORNING, pressure=4.0) == picked
