"""Calls are taken from the database by many at once, and never more than there are."""

import asyncio
import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipments.carriers.errors import OutOfBudget
from shipments.models import Budget, CallCount, CarrierAccount, EngineTotal
from shipments.refresh import budget
from shipments.refresh.budget import AccountMeter, Grant, Settled, settle, spent_by, take
from tests.factories import a_budget, a_merchant, an_account

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 10, 15, 0, tzinfo=UTC)


def account_with(**over: Any) -> CarrierAccount:
    return an_account(a_merchant(), **over)


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """What each of `count` threads made, all of them begun together."""
    start, made = threading.Barrier(count), []

    def run() -> None:
        try:
            start.wait(10)
            made.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return made


def test_planned_calls_are_paced_and_peoples_are_not():
    account = account_with(calls_per_hour=60)
    assert take(account, 10, by_hand=False, now=NOW).calls == 3
    assert take(account, 1, by_hand=False, now=NOW) == Grant(0)
    assert take(account, 10, by_hand=True, now=NOW).calls == 10
    assert take(account, 99, by_hand=True, now=NOW).calls == 47
    assert take(account, 1, by_hand=True, now=NOW) == Grant(0)
    (row,) = CallCount.objects.all()
    assert (row.minute, row.calls, row.by_hand) == (NOW, 60, 57)


def test_a_round_that_goes_on_does_not_wait_for_the_pace_which_waits_for_it():
    account = account_with(calls_per_hour=60)
    assert take(account, 3, by_hand=False, now=NOW).calls == 3
    assert take(account, 4, by_hand=False, goes_on=True, now=NOW).calls == 4
    # Seven intervals for seven calls, less the burst.
    assert take(account, 1, by_hand=False, now=NOW + timedelta(seconds=4 * 67)).calls == 0
    assert take(account, 1, by_hand=False, now=NOW + timedelta(seconds=5 * 67)).calls == 1
    # The reserve is not for it.
    assert take(account, 99, by_hand=False, goes_on=True, now=NOW + timedelta(seconds=336)).calls == 46


def test_calls_come_back_an_hour_after_they_were_made():
    account = account_with(calls_per_hour=5)
    assert take(account, 9, by_hand=True, now=NOW + timedelta(seconds=59)).calls == 5
    assert take(account, 1, by_hand=True, now=NOW + timedelta(hours=1, seconds=69)).calls == 0
    assert take(account, 1, by_hand=True, now=NOW + timedelta(hours=1, seconds=70)).calls == 1


def test_nothing_is_given_in_a_pause_except_to_who_insists():
    account = account_with(calls_per_hour=60)
    a_budget(account, paused_until=NOW + timedelta(minutes=5))
    assert take(account, 1, by_hand=True, now=NOW) == Grant(0)
    assert take(account, 1, by_hand=True, insists=True, now=NOW).calls == 1
    assert take(account, 1, by_hand=True, now=NOW + timedelta(minutes=5)).calls == 1


def test_a_pause_holds_for_turns_by_the_second_too():
    account = account_with(gateway="pitney_bowes")
    a_budget(account, paused_until=NOW + timedelta(minutes=5))
    assert take(account, 1, by_hand=False, now=NOW) == Grant(0)
    assert take(account, 1, by_hand=True, insists=True, now=NOW).calls == 1


def test_a_lowered_quota_holds():
    account = account_with(calls_per_hour=60)
    a_budget(account, lowered_to=4, lowered_until=NOW + timedelta(hours=10))
    assert take(account, 50, by_hand=True, now=NOW).calls == 4


def test_turns_by_the_second_follow_each_other():
    account = account_with(gateway="pitney_bowes", calls_per_second=10)
    assert take(account, 25, by_hand=False, now=NOW) == Grant(25, 0.0, 0.1)
    assert take(account, 25, by_hand=False, now=NOW) == Grant(5, 2.5, 0.1)
    later = take(account, 25, by_hand=False, now=NOW)
    assert later.calls == 0
    assert later.retry_in == pytest.approx(0.1)
    assert take(account, 1, by_hand=False, now=NOW + timedelta(seconds=60)) == Grant(1, 0.0, 0.1)


def test_what_was_taken_and_not_made_is_struck_from_the_ledger():
    account = account_with(calls_per_hour=60)
    grant = take(account, 20, by_hand=True, now=NOW)
    settle(account.pk, Settled(minute=grant.minute, made=4, failed=1, unused=16, by_hand=True))
    (row,) = CallCount.objects.all()
    assert (row.calls, row.by_hand, row.failed) == (4, 4, 1)
    assert take(account, 99, by_hand=True, now=NOW).calls == 56


def test_the_engines_counters_grow_in_the_same_statement(django_assert_num_queries):
    account = account_with(gateway="pitney_bowes", cadence_seconds=20)
    with django_assert_num_queries(2):
        for _ in range(2):
            settle(
                account.pk,
                Settled(
                    made=25, failed=2, totals={"calls_answered": 23, "calls_failed": 2, "scans_stored": 0}
                ),
            )
    assert dict(EngineTotal.objects.values_list("name", "total")) == {
        "calls_answered": 46,
        "calls_failed": 4,
    }
    assert spent_by(account.pk)[1].calls == 50


def test_an_account_without_a_limit_asks_without_a_statement(django_assert_num_queries):
    account = account_with(cadence_seconds=20)
    with django_assert_num_queries(0):
        assert take(account, 25, by_hand=False) == Grant(25)


# ---- Many at once ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_never_take_more_than_the_hour_has():
    account = account_with(calls_per_hour=50)
    a_budget(account)
    grants = at_once(8, lambda: sum(take(account, 3, by_hand=True, now=NOW).calls for _ in range(12)))
    assert sum(grants) == 50
    assert spent_by(account.pk, NOW)[1].calls == 50


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_would(monkeypatch):
    """What the lock is for: those who read the ledger at the same time each find the same calls left."""
    account = account_with(calls_per_hour=4)
    a_budget(account)
    monkeypatch.setattr(Budget.objects, "lock", lambda pk: Budget.objects.get(pk=pk))
    read, together = budget.spent_by, threading.Barrier(4)

    def read_together(*given: Any) -> Any:
        found = read(*given)
        together.wait(10)
        return found

    monkeypatch.setattr(budget, "spent_by", read_together)
    assert sum(at_once(4, lambda: take(account, 4, by_hand=True, now=NOW).calls)) == 16


@pytest.mark.django_db(transaction=True)
def test_workers_without_a_budgets_row_make_one_and_share_it():
    account = account_with(calls_per_hour=10)
    assert sum(at_once(6, lambda: take(account, 5, by_hand=True, now=NOW).calls)) == 10
    assert Budget.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_who_take_turns_never_have_the_same():
    account = account_with(gateway="pitney_bowes", calls_per_second=20)
    a_budget(account)
    grants = at_once(8, lambda: take(account, 5, by_hand=False, now=NOW))
    turns = sorted(grant.starts_in + n * grant.apart for grant in grants for n in range(grant.calls))
    assert len(turns) == 40
    assert all(later - earlier > 0.049 for earlier, later in itertools.pairwise(turns))


def _take_in_a_process(database: dict[str, Any], pk: int, rounds: int, answers: Any) -> None:
    """A worker of its own: another process, another connection."""
    connections.settings["default"] = {**connections.settings["default"], "NAME": database["NAME"]}
    connection.close()
    connection.settings_dict["NAME"] = database["NAME"]
    account = CarrierAccount.objects.get(pk=pk)
    taken = 0
    for n in range(rounds):
        grant = take(account, 1 + n % 4, by_hand=True)
        # Every third is given back: half of what was granted was not needed.
        unused = grant.calls // 2 if n % 3 == 0 else 0
        settle(pk, Settled(minute=grant.minute, made=grant.calls - unused, unused=unused, by_hand=True))
        taken += grant.calls - unused
    connection.close()
    answers.put(taken)


@pytest.mark.django_db(transaction=True)
def test_processes_that_take_and_give_back_never_spend_more_than_the_hour_has():
    account = account_with(calls_per_hour=120)
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    connections.close_all()
    workers = [
        fork.Process(
            target=_take_in_a_process, args=(dict(connection.settings_dict), account.pk, 40, answers)
        )
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    taken = [answers.get() for _ in workers]
    for worker in workers:
        worker.join(30)
    assert sum(taken) == 120
    assert spent_by(account.pk)[1].calls == 120


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_hour=st.integers(1, 40),
    steps=st.lists(
        st.tuples(st.integers(1, 900), st.integers(1, 12), st.booleans(), st.integers(0, 3)), max_size=25
    ),
)
def test_no_hour_ever_has_more_calls_than_the_quota(db, per_hour, steps):
    """Whenever workers come, whatever they want and give back."""
    CallCount.objects.all().delete()
    Budget.objects.all().delete()
    CarrierAccount.objects.all().delete()
    account = an_account(None, calls_per_hour=per_hour)
    at, made = NOW, []
    for pause, wanted, by_hand, unused in steps:
        at += timedelta(seconds=pause)
        grant = take(account, wanted, by_hand=by_hand, now=at)
        kept = max(0, grant.calls - unused)
        settle(
            account.pk,
            Settled(minute=grant.minute, made=kept, unused=grant.calls - kept, by_hand=by_hand),
        )
        made += [at] * kept
    for moment in made:
        assert sum(moment <= other < moment + timedelta(hours=1) for other in made) <= per_hour


# ---- The meter -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_meter_takes_what_a_round_needs_at_once_and_gives_back_the_rest(django_assert_num_queries):
    account = account_with(gateway="pitney_bowes", calls_per_hour=100)
    a_budget(account)
    meter = AccountMeter(account, expects=25, by_hand=True)

    async def use() -> None:
        for _ in range(10):
            await meter.take()

    # Begin, lock, read, write, commit: once for the ten.
    with django_assert_num_queries(5):
        async_to_sync(use)()
    assert spent_by(account.pk)[1].calls == 25
    settle(account.pk, meter.came_to())
    assert (meter.made, spent_by(account.pk)[1].calls) == (10, 10)


@pytest.mark.django_db(transaction=True)
def test_a_meter_says_when_nothing_is_left():
    account = account_with(calls_per_hour=2)
    meter = AccountMeter(account, expects=1, by_hand=True)

    async def use() -> int:
        for count in range(5):
            try:
                await meter.take()
            except OutOfBudget:
                return count
        return 5

    assert async_to_sync(use)() == 2
    assert meter.made == 2


@pytest.mark.django_db(transaction=True)
def test_a_call_taken_long_ago_is_given_back_and_taken_anew(monkeypatch):
    """Made now, it would count in an hour that may be over."""
    account = account_with(calls_per_hour=100)
    meter = AccountMeter(account, expects=3, by_hand=True)
    async_to_sync(meter.take)()
    CallCount.objects.update(minute=datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2))
    meter._minute = CallCount.objects.get().minute
    later = time.monotonic() + budget.SOON.total_seconds()
    monkeypatch.setattr(budget.time, "monotonic", lambda: later)

    async_to_sync(meter.take)()

    assert list(CallCount.objects.order_by("minute").values_list("calls", flat=True)) == [1, 2]
    settle(account.pk, meter.came_to())
    assert spent_by(account.pk)[1].calls == 2


@pytest.mark.django_db(transaction=True)
def test_a_meter_keeps_to_the_turns_of_the_second():
    account = account_with(gateway="pitney_bowes", calls_per_second=20)
    meter = AccountMeter(account, expects=10, by_hand=False)

    async def use() -> list[float]:
        times = []

        async def one() -> None:
            await meter.take()
            times.append(time.monotonic())

        await asyncio.gather(*(one() for _ in range(10)))
        return sorted(times)

    times = async_to_sync(use)()
    assert times[-1] - times[0] >= 0.44
