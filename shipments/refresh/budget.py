"""The calls of an account, taken from the database by any number of workers of any number of hosts.

The database's clock counts, because hosts' clocks differ and the minutes of the ledger are one for all. Whoever takes from an
hour's quota locks the account's row and only then reads the ledger, in a statement of its own: one that had begun before the
lock was had would not see what the worker before has written.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asgiref.sync import sync_to_async
from django.db import connection, transaction

from shipments.carriers.errors import OutOfBudget
from shipments.enums import Gateway
from shipments.models import Budget, CarrierAccount
from shipments.refresh import quotas
from shipments.refresh.quotas import SOON, Quota, Spent

OUT_OF_CALLS = "The calls that the carrier allows this account are used up for now, so it was not asked."
# So far ahead turns by the second are given out; whoever comes later asks again.
TURNS_AHEAD = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Grant:
    """Calls that were taken: the first may be made `starts_in` seconds from now, the others `apart` seconds after each other.

    They stand in the ledger under `minute`; None where the account has no quota by the hour. Without calls `retry_in` says in how
    many seconds there may be one; None where this hour has none.
    """

    calls: int
    starts_in: float = 0.0
    apart: float = 0.0
    minute: datetime | None = None
    retry_in: float | None = None


def quota_of(account: CarrierAccount) -> Quota:
    """What the account is held to, before the carrier lowers it."""
    return quotas.quota_of(
        Gateway(account.gateway),
        per_hour=account.calls_per_hour,
        per_second=account.calls_per_second,
        is_simulated=account.cadence_seconds is not None,
    )


def take(
    account: CarrierAccount,
    wanted: int,
    *,
    by_hand: bool,
    insists: bool = False,
    goes_on: bool = False,
    now: datetime | None = None,
) -> Grant:
    """Take up to `wanted` calls, which then count as made.

    A person's calls know no pace; who insists asks in a pause, too. A round that goes on (to find the piece that sinks its call,
    or with a new token) does not wait for the pace, which waits longer for it afterwards: broken off, it would begin anew.
    `now` stands in for the database's clock, in tests.
    """
    quota = quota_of(account)
    if quota.per_hour is not None:
        return _take_of_the_hour(
            account.pk, quota, wanted, by_hand=by_hand, insists=insists, goes_on=goes_on, now=now
        )
    if quota.per_second is not None:
        return _take_turns(account.pk, quota.per_second, wanted, insists=insists, now=now)
    return Grant(wanted)


def _take_of_the_hour(
    account_id: int,
    quota: Quota,
    wanted: int,
    *,
    by_hand: bool,
    insists: bool,
    goes_on: bool,
    now: datetime | None,
) -> Grant:
    assert quota.per_hour is not None
    with transaction.atomic():
        row = Budget.objects.lock(account_id)
        at, spent = spent_by(account_id, now)
        if row.is_paused(at) and not insists:
            return Grant(0)
        per_hour = quotas.in_force(
            quota.per_hour, lowered_to=row.lowered_to, lowered_until=row.lowered_until, now=at
        )
        free = (
            quotas.left(per_hour, spent, by_hand=by_hand)
            if by_hand or goes_on
            else quotas.planned_now(per_hour, spent, next_call_at=row.next_call_at, now=at)
        )
        calls, starts_in, apart = min(wanted, free), 0.0, 0.0
        if calls == 0:
            return Grant(0)
        if quota.per_second is not None:
            first = max(row.next_slot_at or at, at)
            turns = _turns_until(at + TURNS_AHEAD, first, quota.per_second)
            if turns == 0:
                return Grant(0, retry_in=(first - at - TURNS_AHEAD).total_seconds() + 1 / quota.per_second)
            calls = min(calls, turns)
            starts_in, apart = (first - at).total_seconds(), 1 / quota.per_second
            row.next_slot_at = first + timedelta(seconds=calls * apart)
        if not by_hand:
            row.next_call_at = quotas.paced(per_hour, calls, next_call_at=row.next_call_at, now=at)
        minute = at.replace(second=0, microsecond=0)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                WITH counted AS (
                    INSERT INTO shipments_callcount AS ledger (account_id, minute, calls, by_hand, failed)
                    VALUES (%(account)s, %(minute)s, %(calls)s, %(by_hand)s, 0)
                    ON CONFLICT (account_id, minute) DO UPDATE
                    SET calls = ledger.calls + EXCLUDED.calls, by_hand = ledger.by_hand + EXCLUDED.by_hand
                )
                UPDATE shipments_budget SET next_call_at = %(next_call_at)s, next_slot_at = %(next_slot_at)s
                WHERE account_id = %(account)s
                """,
                {
                    "account": account_id,
                    "minute": minute,
                    "calls": calls,
                    "by_hand": calls if by_hand else 0,
                    "next_call_at": row.next_call_at,
                    "next_slot_at": row.next_slot_at,
                },
            )
        return Grant(calls, starts_in, apart, minute)


def _turns_until(end: datetime, first: datetime, per_second: int) -> int:
    return max(0, int((end - first).total_seconds() * per_second + 1e-9))


def spent_by(account_id: int, now: datetime | None = None) -> tuple[datetime, Spent]:
    """The database's time, and what was spent in the hour before it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH clock AS MATERIALIZED (SELECT COALESCE(%(now)s::timestamptz, clock_timestamp()) AS now)
            SELECT clock.now, COALESCE(sum(ledger.calls), 0), COALESCE(sum(ledger.by_hand), 0)
            FROM clock LEFT JOIN shipments_callcount AS ledger ON ledger.account_id = %(account)s
                AND ledger.minute >= date_trunc('minute', clock.now - %(back)s * interval '1 second', 'UTC')
            GROUP BY clock.now
            """,
            {"now": now, "account": account_id, "back": (quotas.HOUR + SOON).total_seconds()},
        )
        at, calls, by_hand = cursor.fetchone()
    return at, Spent(int(calls), int(by_hand))


def _take_turns(
    account_id: int, per_second: int, wanted: int, *, insists: bool, now: datetime | None
) -> Grant:
    """Turns by the second alone, in one statement: all it reads and writes is the row that it locks."""
    parameters = {
        "account": account_id,
        "now": now,
        "wanted": wanted,
        "rate": float(per_second),
        "ahead": TURNS_AHEAD.total_seconds(),
        "insists": insists,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TURNS, parameters)
        found = cursor.fetchone()
        if found is None:
            Budget.objects.complete()
            cursor.execute(_TURNS, parameters)
            found = cursor.fetchone()
    if found is None:
        # Paused.
        return Grant(0)
    calls, starts_in = int(found[0]), float(found[1])
    if calls == 0:
        return Grant(0, retry_in=max(0.0, starts_in - TURNS_AHEAD.total_seconds()) + 1 / per_second)
    return Grant(calls, starts_in, 1 / per_second)


_TURNS = """
    WITH clock AS MATERIALIZED (SELECT COALESCE(%(now)s::timestamptz, clock_timestamp()) AS now),
    -- Locked before it is looked at; the row as it is then is what the next step sees.
    held AS MATERIALIZED (
        SELECT account_id, clock.now, GREATEST(next_slot_at, clock.now) AS first
        FROM shipments_budget CROSS JOIN clock
        WHERE account_id = %(account)s AND (%(insists)s OR paused_until IS NULL OR paused_until <= clock.now)
        FOR UPDATE OF shipments_budget
    ), turns AS MATERIALIZED (
        SELECT account_id, first, EXTRACT(epoch FROM first - now)::float8 AS starts_in, LEAST(%(wanted)s, GREATEST(0,
            floor((%(ahead)s - EXTRACT(epoch FROM first - now)::float8) * %(rate)s + 0.000001)))::int AS calls
        FROM held
    )
    UPDATE shipments_budget AS budget
    SET next_slot_at = turns.first + turns.calls * interval '1 second' / %(rate)s
    FROM turns WHERE budget.account_id = turns.account_id
    RETURNING turns.calls, turns.starts_in
"""


@dataclass
class AccountMeter:
    """The calls of one round: a `carriers.metering.Meter` that takes them from the account's budget.

    `expects` calls are taken at once with the first; what was not made of them is given back by `settle`. `made` are the calls
    that were made.
    """

    account: CarrierAccount
    expects: int
    by_hand: bool
    insists: bool = False
    made: int = 0
    _held: int = 0
    _minute: datetime | None = None
    _next_at: float = 0.0
    _apart: float = 0.0
    _stale_at: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self) -> None:
        async with self._lock:
            if self._held and time.monotonic() >= self._stale_at and self._minute is not None:
                # Made now, they would count in a minute that is over: they are given back, and taken anew.
                stale = Settled(minute=self._minute, unused=self._held, by_hand=self.by_hand)
                self._held = 0
                await sync_to_async(settle)(self.account.pk, stale)
            while not self._held:
                grant = await self._draw()
                if grant.calls:
                    self._keep(grant)
                elif grant.retry_in is None:
                    raise OutOfBudget(OUT_OF_CALLS)
                else:
                    await asyncio.sleep(grant.retry_in)
            self._held -= 1
            self.made += 1
            # Turns that were missed are not made up for in a burst.
            turn = max(self._next_at, time.monotonic())
            self._next_at = turn + self._apart
        if (wait := turn - time.monotonic()) > 0:
            await asyncio.sleep(wait)

    def came_to(self, failed: int = 0, totals: Mapping[str, int] | None = None) -> "Settled":
        """What the round came to, for `settle`; what is held is given up."""
        unused, self._held = (self._held if self._minute is not None else 0), 0
        return Settled(
            minute=self._minute,
            made=self.made,
            failed=failed,
            unused=unused,
            by_hand=self.by_hand,
            totals=totals or {},
        )

    async def _draw(self) -> Grant:
        wanted, goes_on = max(1, self.expects - self.made), self.made >= self.expects
        if quota_of(self.account) == quotas.UNLIMITED:
            return Grant(wanted)
        return await sync_to_async(take)(
            self.account, wanted, by_hand=self.by_hand, insists=self.insists, goes_on=goes_on
        )

    def _keep(self, grant: Grant) -> None:
        now = time.monotonic()
        self._held, self._minute, self._apart = grant.calls, grant.minute, grant.apart
        self._next_at = max(self._next_at, now + grant.starts_in)
        # Whoever waits for a turn begins up to so much later than the call was had.
        self._stale_at = now + (SOON - TURNS_AHEAD).total_seconds()


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a round: calls `made`, of which `failed` brought nothing.

    `minute` is where the ledger has its calls, because they were taken from an hour's quota, and `unused` how many of those were
    not made; without one they are only counted now. `totals` grow the engine's counters.
    """

    minute: datetime | None = None
    made: int = 0
    failed: int = 0
    unused: int = 0
    by_hand: bool = False
    totals: Mapping[str, int] = field(default_factory=dict)


def settle(account_id: int, what: Settled) -> None:
    """Write a round into ledger and totals, in one statement."""
    totals = {name: amount for name, amount in sorted(what.totals.items()) if amount}
    counted = what.made if what.minute is None else 0
    if not (totals or what.unused or counted or what.failed):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            {
                "account": account_id,
                "minute": what.minute,
                "unused": what.unused,
                "unused_by_hand": what.unused if what.by_hand else 0,
                "calls": counted,
                "by_hand": counted if what.by_hand else 0,
                "failed": what.failed,
                "names": list(totals),
                "amounts": list(totals.values()),
            },
        )


# Of the first two steps one alone writes to the ledger: no row is written twice in the statement.
_SETTLE = """
    WITH struck AS (
        UPDATE shipments_callcount SET calls = calls - %(unused)s, by_hand = by_hand - %(unused_by_hand)s,
            failed = failed + %(failed)s
        WHERE account_id = %(account)s AND minute = %(minute)s::timestamptz AND %(unused)s + %(failed)s > 0
    ), counted AS (
        INSERT INTO shipments_callcount AS ledger (account_id, minute, calls, by_hand, failed)
        SELECT %(account)s, date_trunc('minute', clock_timestamp(), 'UTC'), %(calls)s, %(by_hand)s, %(failed)s
        WHERE %(minute)s::timestamptz IS NULL AND %(calls)s > 0
        ON CONFLICT (account_id, minute) DO UPDATE SET calls = ledger.calls + EXCLUDED.calls,
            by_hand = ledger.by_hand + EXCLUDED.by_hand, failed = ledger.failed + EXCLUDED.failed
    )
    INSERT INTO shipments_enginetotal AS known (name, account_id, total)
    SELECT name, %(account)s, amount FROM unnest(%(names)s::text[], %(amounts)s::bigint[]) AS new (name, amount) ORDER BY name
    ON CONFLICT (name, account_id) DO UPDATE SET total = known.total + EXCLUDED.total
"""
