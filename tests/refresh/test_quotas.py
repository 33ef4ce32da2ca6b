"""How many calls an account may make: the rules, without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import Gateway
from shipments.refresh import quotas
from shipments.refresh.quotas import HOUR, Quota, Spent

NOW = datetime(2026, 6, 10, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("gateway", "written", "simulated", "quota"),
    [
        (Gateway.USPS, (None, None), False, Quota(60, None)),
        (Gateway.PITNEY_BOWES, (None, None), False, Quota(None, 50)),
        (Gateway.USPS, (6_000, 10), False, Quota(6_000, 10)),
        (Gateway.PITNEY_BOWES, (100, None), False, Quota(100, 50)),
        (Gateway.USPS, (None, None), True, Quota(None, None)),
        (Gateway.USPS, (7, None), True, Quota(7, None)),
    ],
)
def test_what_is_written_on_an_account_holds_else_what_the_gateway_publishes(
    gateway, written, simulated, quota
):
    per_hour, per_second = written
    assert quotas.quota_of(gateway, per_hour=per_hour, per_second=per_second, is_simulated=simulated) == quota


@pytest.mark.parametrize(("per_hour", "reserve"), [(1, 0), (4, 0), (5, 1), (19, 1), (60, 6), (1_000, 100)])
def test_a_tenth_is_kept_for_people_where_there_is_enough(per_hour, reserve):
    assert quotas.reserve(per_hour) == reserve


def test_planned_calls_leave_the_reserve_alone_and_people_may_have_it():
    spent = Spent(calls=54)
    assert quotas.left(60, spent, by_hand=False) == 0
    assert quotas.left(60, spent, by_hand=True) == 6
    # What people have had of the reserve is not kept for them a second time.
    assert quotas.left(60, Spent(calls=10, by_hand=6), by_hand=False) == 50
    assert quotas.left(60, Spent(calls=60, by_hand=20), by_hand=True) == 0


def test_planned_calls_come_one_interval_apart_after_a_small_burst():
    assert quotas.interval(60) == timedelta(seconds=HOUR.total_seconds() / 54)
    assert quotas.burst(60) == 3
    assert quotas.planned_now(60, Spent(), next_call_at=None, now=NOW) == 3
    after = quotas.paced(60, 3, next_call_at=None, now=NOW)
    assert quotas.planned_now(60, Spent(3), next_call_at=after, now=NOW) == 0
    assert (
        quotas.planned_now(60, Spent(3), next_call_at=after, now=NOW + quotas.interval(60) - MINUTE / 60) == 0
    )
    assert quotas.planned_now(60, Spent(3), next_call_at=after, now=NOW + quotas.interval(60)) == 1


@given(
    per_hour=st.integers(1, 100_000),
    spent=st.integers(0, 100_000),
    by_hand=st.integers(0, 100_000),
    ahead=st.floats(-10_000, 10_000),
)
def test_never_more_is_left_than_the_quota_less_what_was_spent(per_hour, spent, by_hand, ahead):
    ledger = Spent(spent, min(by_hand, spent))
    planned = quotas.planned_now(per_hour, ledger, next_call_at=NOW + timedelta(seconds=ahead), now=NOW)
    for_people = quotas.left(per_hour, ledger, by_hand=True)
    assert 0 <= planned <= for_people == max(0, per_hour - spent)


@given(
    per_hour=st.integers(1, 5_000),
    sweeps=st.lists(st.floats(20, 120), min_size=60, max_size=90),
)
def test_the_pace_spends_what_is_planned_for_an_hour_whenever_the_sweeps_come(per_hour, sweeps):
    """Sweeps are not punctual; no call is lost for that, and no hour has more than its share and one burst."""
    next_call_at, at, calls = None, NOW, 0
    for pause in sweeps:
        at += timedelta(seconds=pause)
        now_planned = quotas.planned_now(per_hour, Spent(), next_call_at=next_call_at, now=at)
        next_call_at = quotas.paced(per_hour, now_planned, next_call_at=next_call_at, now=at)
        calls += now_planned
    elapsed = (at - NOW - timedelta(seconds=sweeps[0])) / quotas.interval(per_hour)
    assert elapsed - 1 <= calls <= elapsed + quotas.burst(per_hour)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))
def test_the_ledger_looks_back_an_hour_and_the_time_in_which_a_call_is_made(now):
    back = now - quotas.counted_from(now)
    assert HOUR + quotas.SOON <= back < HOUR + quotas.SOON + MINUTE


def test_a_refusal_within_the_quota_lowers_it_and_it_comes_back_step_by_step():
    lowered_to, until = quotas.lowered(60, in_force=60, spent=40, now=NOW) or (0, NOW)
    assert (lowered_to, until) == (40, NOW + 4 * HOUR)

    def holds(after: timedelta) -> int:
        return quotas.in_force(60, lowered_to=lowered_to, lowered_until=until, now=NOW + after)

    assert [holds(hours * HOUR) for hours in range(5)] == [40, 42, 48, 54, 60]


def test_a_refusal_of_a_burst_halves_the_quota_at_most():
    assert quotas.lowered(60, in_force=60, spent=3, now=NOW) == (30, NOW + 5 * HOUR)
    assert quotas.lowered(60, in_force=1, spent=0, now=NOW) == (1, NOW + 10 * HOUR)


def test_a_refusal_when_everything_was_spent_teaches_nothing():
    assert quotas.lowered(60, in_force=60, spent=60, now=NOW) is None
