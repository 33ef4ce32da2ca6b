"""When a parcel is looked at next: a table, its bounds, and the spread after errors."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.errors import ERROR_KINDS
from shipments.enums import AnswerKind, EndReason, Status
from shipments.refresh.policy import Next, Situation, ending, next_look

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def look(status: Status = Status.IN_TRANSIT, *, dice: float = 0.5, **over) -> Next:
    return next_look(
        Situation(**{"status": status, "since": NOW - 2 * DAY, "last_scan_at": NOW - HOUR, **over}),
        now=NOW,
        dice=dice,
    )


@pytest.mark.parametrize(
    ("status", "after"),
    [
        (Status.OUT_FOR_DELIVERY, timedelta(minutes=30)),
        (Status.DELIVERY_ATTEMPT, HOUR),
        (Status.IN_TRANSIT, 2 * HOUR),
        (Status.EXCEPTION, 2 * HOUR),
        (Status.MANIFEST, 3 * HOUR),
        (Status.UNKNOWN, 3 * HOUR),
    ],
)
def test_a_lively_parcel_is_wanted_by_its_status(status, after):
    assert look(status).wanted_by == NOW + after


def test_silence_spaces_looks_out_up_to_a_day():
    assert look(last_scan_at=NOW - 3 * DAY).wanted_by == NOW + 6 * HOUR
    assert look(last_scan_at=NOW - 30 * DAY, since=NOW - 31 * DAY).wanted_by == NOW + DAY


def test_letters_are_wanted_weekly():
    assert look(scans_once=True).wanted_by == NOW + 7 * DAY


@pytest.mark.parametrize(
    "status", [Status.MANIFEST, Status.UNKNOWN, Status.IN_TRANSIT, Status.OUT_FOR_DELIVERY]
)
def test_what_is_scanned_in_part_is_wanted_daily_however_long_it_is_silent(status):
    assert look(status, scans_in_part=True).wanted_by == NOW + DAY
    assert (
        look(status, scans_in_part=True, last_scan_at=NOW - 30 * DAY, since=NOW - 31 * DAY).wanted_by
        == NOW + DAY
    )


def test_a_piece_this_account_may_not_see_is_tried_daily():
    assert look(heard=AnswerKind.NOT_ALLOWED) == Next(NOW + DAY, NOW + DAY)


def test_a_delivered_parcel_settles_after_a_week():
    assert look(Status.DELIVERED, delivered_at=NOW - 7 * DAY).ends is None
    assert look(Status.DELIVERED, delivered_at=NOW - 7 * DAY - HOUR) == Next(None, None, EndReason.SETTLED)


def test_nobody_asks_after_ninety_days():
    assert look(since=NOW - 91 * DAY) == Next(None, None, EndReason.TOO_OLD)
    assert look(since=NOW - 91 * DAY, error_kind="try-later", misses=3) == Next(None, None, EndReason.TOO_OLD)


def test_a_cadence_replaces_the_table():
    assert look(cadence=timedelta(seconds=20)).due_at == NOW + timedelta(seconds=20)
    assert look(Status.DELIVERED, cadence=timedelta(seconds=20)).due_at == NOW + HOUR


def test_the_carriers_retry_after_is_kept_and_spread():
    assert look(
        error_kind="over-quota", misses=1, retry_after=10 * timedelta(minutes=1), dice=0.0
    ).due_at == NOW + timedelta(minutes=10)
    assert look(
        error_kind="over-quota", misses=1, retry_after=10 * timedelta(minutes=1), dice=0.5
    ).due_at == NOW + timedelta(minutes=12, seconds=30)


def test_a_retry_after_of_nothing_still_grows():
    assert look(
        error_kind="over-quota", misses=4, retry_after=timedelta(0), dice=0.5
    ).due_at == NOW + timedelta(minutes=20)


def test_tries_after_errors_grow_and_are_spread():
    assert look(error_kind="try-later", misses=1, dice=0.5).due_at == NOW + timedelta(minutes=2, seconds=30)
    assert look(error_kind="try-later", misses=4, dice=0.5).due_at == NOW + timedelta(minutes=20)
    assert look(error_kind="unreadable", misses=100, dice=0.999).due_at < NOW + 6 * HOUR


def test_a_refused_key_is_not_hammered():
    assert look(error_kind="bad-credentials", misses=1).due_at == NOW + HOUR
    assert look(error_kind="not-entitled", misses=1).due_at == NOW + HOUR
    assert look(error_kind="bad-request", misses=1).due_at == NOW + DAY


situations = st.builds(
    lambda status, age, silence, heard, once: Situation(
        status,
        since=NOW - age * HOUR,
        last_scan_at=NOW - min(age, silence) * HOUR,
        heard=heard,
        scans_once=once,
        zone="America/Denver",
    ),
    st.sampled_from(Status),
    st.integers(0, 89 * 24),
    st.integers(0, 89 * 24),
    st.sampled_from(["", *AnswerKind]),
    st.booleans(),
)
dice = st.floats(0, 1, exclude_max=True)


@given(situations, st.integers(0, 40_000), st.sampled_from(["", "no-account", *ERROR_KINDS.values()]), dice)
def test_an_active_parcel_is_always_wanted_again(situation, misses, error, dice):
    upcoming = next_look(replace(situation, misses=misses, error_kind=error), now=NOW, dice=dice)
    assert upcoming.ends is None
    assert NOW + timedelta(seconds=5) <= upcoming.due_at <= upcoming.wanted_by
    weekly = situation.scans_once and not error
    assert upcoming.wanted_by <= NOW + (7 * DAY if weekly else DAY)


@given(situations, dice)
def test_no_parcel_is_looked_at_twice_within_ten_minutes(situation, dice):
    assert next_look(situation, now=NOW, dice=dice).due_at >= NOW + timedelta(minutes=10)


@given(situations, dice)
def test_bounds_of_what_moves_hold(situation, dice):
    situation = replace(situation, scans_once=False, heard="", last_scan_at=NOW - timedelta(hours=23))
    wanted = next_look(situation, now=NOW, dice=dice).wanted_by - NOW
    most = {
        Status.OUT_FOR_DELIVERY: timedelta(minutes=30),
        Status.DELIVERY_ATTEMPT: HOUR,
        Status.MANIFEST: 3 * HOUR,
        Status.UNKNOWN: 3 * HOUR,
        Status.DELIVERED: DAY,
    }.get(situation.status, 2 * HOUR)
    assert wanted <= most


@given(situations, dice)
def test_a_longer_silence_never_brings_the_next_look_forward(situation, dice):
    situation = replace(situation, status=Status.IN_TRANSIT)
    earlier = replace(situation, last_scan_at=situation.last_scan_at - HOUR)
    wanted = next_look(situation, now=NOW, dice=dice).wanted_by
    assert wanted <= next_look(earlier, now=NOW, dice=dice).wanted_by


def test_an_unknown_number_is_looked_at_like_a_label_and_not_like_an_error():
    upcoming = look(Status.UNKNOWN, heard=AnswerKind.NOT_KNOWN, last_scan_at=None, since=NOW - HOUR)
    assert upcoming == Next(NOW + timedelta(minutes=15), NOW + 3 * HOUR)


def test_a_letter_may_be_looked_at_before_its_week_is_over_until_it_had_its_scan():
    assert look(Status.MANIFEST, scans_once=True).due_at == NOW + HOUR
    assert look(Status.IN_TRANSIT, scans_once=True).due_at == NOW + 7 * DAY


def test_the_days_look_at_a_delivered_parcel_is_taken_in_the_evening_of_its_place():
    # Six in the morning in Denver; the evening begins fourteen hours later.
    assert look(Status.DELIVERED, zone="America/Denver", dice=0.0).due_at == NOW + 14 * HOUR
    assert look(Status.DELIVERED, zone="America/Denver", dice=0.5).due_at == NOW + 18 * HOUR


def test_the_end_needs_no_answer_of_a_carrier():
    situation = Situation(Status.DELIVERED, NOW - 9 * DAY, delivered_at=NOW - 8 * DAY)
    assert ending(situation, now=NOW) == EndReason.SETTLED
    assert ending(situation, now=NOW - 2 * DAY) is None
