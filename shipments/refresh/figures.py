"""How an account stands, for people: spent, left, what waits, and why it is not asked with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils.translation import gettext as _

from shipments.enums import BreakerState
from shipments.facts import spelling
from shipments.models import Budget, CarrierAccount
from shipments.refresh import quotas
from shipments.refresh.budget import quota_of, spent_by

# Nothing is counted further: beyond, "10,000+" says as much.
MOST_COUNTED = 10_000
# The chart of calls goes back so far.
SHOWN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class HourOfCalls:
    """The calls of one hour."""

    begins_at: datetime
    calls: int
    by_hand: int
    failed: int


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """How an account stands. `per_hour` is the quota that holds, `lowered_from` the one before the carrier lowered it; without a
    known quota what is left is None. Counts of parcels end at `MOST_COUNTED`."""

    standing: str
    per_hour: int | None
    per_second: int | None
    lowered_from: int | None
    lowered_until: datetime | None
    spent: int
    spent_by_hand: int
    left_planned: int | None
    left_by_hand: int | None
    seconds_apart: float | None
    due: int
    overdue: int
    in_flight: int
    hours: tuple[HourOfCalls, ...]

    @property
    def due_words(self) -> str:
        return _counted(self.due)

    @property
    def overdue_words(self) -> str:
        return _counted(self.overdue)


def _counted(count: int) -> str:
    return f"{MOST_COUNTED:,}+" if count >= MOST_COUNTED else f"{count:,}"


def figures_of(account: CarrierAccount, now: datetime) -> AccountFigures:
    """How the account stands, in four statements whose cost does not grow with its parcels."""
    quota = quota_of(account)
    budget = Budget.objects.filter(account=account).first() or Budget(account=account)
    _at, spent = spent_by(account.pk, now)
    per_hour = quota.per_hour
    if per_hour is not None:
        per_hour = quotas.in_force(
            per_hour, lowered_to=budget.lowered_to, lowered_until=budget.lowered_until, now=now
        )
    is_lowered = per_hour != quota.per_hour
    due, overdue, in_flight = _waiting(account.pk, now)
    return AccountFigures(
        standing=_standing(account, budget, now),
        per_hour=per_hour,
        per_second=quota.per_second,
        lowered_from=quota.per_hour if is_lowered else None,
        lowered_until=budget.lowered_until if is_lowered else None,
        spent=spent.calls,
        spent_by_hand=spent.by_hand,
        left_planned=None if per_hour is None else quotas.left(per_hour, spent, by_hand=False),
        left_by_hand=None if per_hour is None else quotas.left(per_hour, spent, by_hand=True),
        seconds_apart=None if per_hour is None else round(quotas.interval(per_hour).total_seconds(), 1),
        due=due,
        overdue=overdue,
        in_flight=in_flight,
        hours=hours_of([account.pk], now).get(account.pk, ()),
    )


def _waiting(account_id: int, now: datetime) -> tuple[int, int, int]:
    """The parcels that are due, those of them that were wanted before now, and those being asked about."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), count(*) FILTER (WHERE wanted_by <= %(now)s), (
                SELECT count(*) FROM (
                    SELECT 1 FROM shipments_watch WHERE lease IS NOT NULL AND due_at > %(now)s AND account_id = %(account)s
                    LIMIT %(most)s
                ) AS asking
            ) FROM (
                SELECT wanted_by FROM shipments_watch
                WHERE account_id = %(account)s AND due_at <= %(now)s AND lease IS NULL ORDER BY due_at LIMIT %(most)s
            ) AS due
            """,
            {"account": account_id, "now": now, "most": MOST_COUNTED},
        )
        due, overdue, in_flight = cursor.fetchone()
    return int(due), int(overdue), int(in_flight)


def hours_of(account_ids: Sequence[int], now: datetime) -> dict[int, tuple[HourOfCalls, ...]]:
    """The calls of each of these accounts in each hour of `SHOWN` that has any, the newest first, by one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asked.id, hour, hours.calls, hours.by_hand, hours.failed
            FROM unnest(%s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
                SELECT date_trunc('hour', minute, 'UTC') AS hour, sum(calls) AS calls, sum(by_hand) AS by_hand,
                    sum(failed) AS failed
                FROM shipments_callcount WHERE account_id = asked.id AND minute >= %s GROUP BY 1
            ) AS hours
            ORDER BY asked.id, hour DESC
            """,
            [list(account_ids), now - SHOWN],
        )
        hours: dict[int, list[HourOfCalls]] = {}
        for account_id, begins_at, calls, by_hand, failed in cursor.fetchall():
            hours.setdefault(account_id, []).append(
                HourOfCalls(begins_at, int(calls), int(by_hand), int(failed))
            )
    return {account_id: tuple(rows) for account_id, rows in hours.items()}


def standing_of(account: CarrierAccount, now: datetime) -> str:
    """Whether the account is asked with now, and why not, in one sentence. Reads its budget where that is not read yet."""
    return _standing(account, getattr(account, "budget", None) or Budget(account=account), now)


def _standing(account: CarrierAccount, budget: Budget, now: datetime) -> str:
    if not account.is_active:
        return _("No: it is switched off.")
    if budget.breaker == BreakerState.HALF_OPEN:
        return _("Being tried with one parcel: %(why)s") % {"why": budget.opened_because}
    if budget.is_open:
        when = spelling.ahead((budget.probes_at or now) - now)
        return _("No, it is tried again %(when)s: %(why)s") % {"when": when, "why": budget.opened_because}
    if budget.paused_until is not None and budget.is_paused(now):
        return _("No: the carrier wants fewer calls; it is asked again %(when)s.") % {
            "when": spelling.ahead(budget.paused_until - now)
        }
    return _("Yes.")
