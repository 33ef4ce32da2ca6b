"""How the engine fares at one moment, by a constant number of statements.

Everything is read from the database when it is asked for: web servers and workers are many processes on many hosts, and
what one of them has counted by itself says little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from shipments import queueing
from shipments.enums import BreakerState, Gateway
from shipments.models import Backup, EngineTotal, Heartbeat
from shipments.refresh import quotas

# Due parcels are counted up to this many, shared out among the accounts: with a million due a reading takes no longer.
MOST_PARCELS, LEAST_PARCELS = 50_000, 50
# Among so many groups of parcels (of one merchant with one account and one sort) the latest is looked for.
MOST_GROUPS = 10_000
# Rows of other work are counted up to this many of each kind.
MOST_ROWS = 10_000
# A statement that takes longer is given up: whoever watches the site must never be what slows it down.
PATIENCE = timedelta(seconds=2)
# Of so many backups one at least is mostly whole.
MOST_BACKUPS = 50
# A host that has been silent for so long was taken away.
HOST_FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks, as far as figures may name them: by number and gateway."""

    pk: int
    gateway: str


@dataclass(frozen=True, slots=True)
class Parcels:
    """The parcels one account asks about. `due` ones are worth a look, the first of them since `due_since`; of those counted
    `late` ones should have had it by now, and the latest of all, counted or not, by `late_since`. `being_asked` ones are
    leased; from `abandoned` ones whoever had leased them has not come back. `latest` is the key of the latest one of those
    nobody asked for by hand. Of the next ones without an account, `accountless` had none that could ask about them.
    """

    due: int = 0
    due_since: datetime | None = None
    late: int = 0
    late_since: datetime | None = None
    latest: int | None = None
    being_asked: int = 0
    abandoned: int = 0
    accountless: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How one active account stands with its carrier. `per_hour` and `per_second` are the quota that holds now; `spent` of it
    were calls of the last hour, `left` are for anybody and `left_planned` for what nobody asks by hand. None without a quota.
    """

    per_hour: int | None
    per_second: int | None
    spent: int
    left: int | None
    left_planned: int | None
    is_paused: bool
    breaker: BreakerState


@dataclass(frozen=True, slots=True)
class Pending:
    """Rows that wait to be worked on, and since when the first of them does."""

    rows: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Readings:
    """How the engine fares `at` a moment. By account, and by None what has none: parcels nobody has asked about yet,
    deeds that belong to nobody. `counted_to` is how far the due parcels of each were counted; `totals` are by account
    and name, `pending` by kind of work, `beats` by host. `backups` are the newest ones.
    """

    at: datetime
    parcels: Mapping[Account | None, Parcels]
    counted_to: int
    standings: Mapping[Account, Standing]
    totals: Mapping[Account | None, Mapping[str, int]]
    queue: queueing.Figures
    pending: Mapping[str, Pending]
    beats: Mapping[str, datetime]
    # The newest first.
    backups: Sequence[Backup] = ()

    @property
    def last_backup(self) -> Backup | None:
        """The newest whole backup; None where there is none."""
        return next((one for one in self.backups if not one.faults), None)


def read(now: datetime, *, with_totals: bool = True) -> Readings:
    """How the engine fares; OperationalError when the database is away, or takes longer than `PATIENCE` for a statement.

    Without `with_totals` those are left empty: they say something only beside what they were before.
    """
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        patience = f"{PATIENCE.total_seconds() * 1000:.0f}"
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [patience])
        accounts, standings = _accounts(cursor, now)
        # So many at least that a backlog can be told from none, however many accounts there are.
        counted_to = max(MOST_PARCELS // (len(accounts) + 1), LEAST_PARCELS)
        parcels = _parcels(cursor, now, counted_to)
        totals: dict[Account | None, dict[str, int]] = {}
        # Accounts made since the first statement have nothing yet that anybody would miss.
        by_key: dict[int | None, Account | None] = {None: None}
        by_key.update((pk, account) for pk, account in accounts.items())
        known = EngineTotal.objects.values_list("account", "name", "total")
        for pk, name, total in known if with_totals else ():
            if pk in by_key:
                totals.setdefault(by_key[pk], {})[name] = total
        return Readings(
            at=now,
            parcels={by_key[pk]: found for pk, found in parcels.items() if pk in by_key},
            counted_to=counted_to,
            standings=standings,
            totals=totals,
            queue=queueing.figures(now),
            pending=_pending(cursor, now),
            beats=dict(Heartbeat.objects.filter(at__gt=now - HOST_FORGOTTEN).values_list("name", "at")),
            backups=list(Backup.objects.order_by("-made_at")[:MOST_BACKUPS]),
        )


def _accounts(cursor: CursorWrapper, now: datetime) -> tuple[dict[int, Account], dict[Account, Standing]]:
    """All accounts by their keys, and how the active ones stand with their carriers."""
    cursor.execute(
        """
        SELECT account.id, account.gateway, account.is_active, account.calls_per_hour, account.calls_per_second,
            account.cadence_seconds IS NOT NULL, spent.calls, spent.by_hand, budget.lowered_to, budget.lowered_until,
            budget.paused_until, budget.breaker
        FROM shipments_carrieraccount AS account
        LEFT JOIN shipments_budget AS budget ON budget.account_id = account.id
        CROSS JOIN LATERAL (
            SELECT COALESCE(sum(calls), 0) AS calls, COALESCE(sum(by_hand), 0) AS by_hand FROM shipments_callcount
            WHERE account_id = account.id AND minute >= %s
        ) AS spent
        ORDER BY account.id
        """,
        [quotas.counted_from(now)],
    )
    accounts: dict[int, Account] = {}
    standings: dict[Account, Standing] = {}
    for pk, gateway, is_active, per_hour, per_second, is_simulated, *budget in cursor.fetchall():
        account = accounts[pk] = Account(pk, gateway)
        if is_active:
            quota = quotas.quota_of(
                Gateway(gateway), per_hour=per_hour, per_second=per_second, is_simulated=is_simulated
            )
            standings[account] = _standing(quota, *budget, now=now)
    return accounts, standings


def _standing(
    quota: quotas.Quota,
    calls: int,
    by_hand: int,
    lowered_to: int | None,
    lowered_until: datetime | None,
    paused_until: datetime | None,
    breaker: str | None,
    *,
    now: datetime,
) -> Standing:
    spent, per_hour = quotas.Spent(int(calls), int(by_hand)), quota.per_hour
    if per_hour is not None:
        per_hour = quotas.in_force(per_hour, lowered_to=lowered_to, lowered_until=lowered_until, now=now)
    return Standing(
        per_hour=per_hour,
        per_second=quota.per_second,
        spent=spent.calls,
        left=None if per_hour is None else quotas.left(per_hour, spent, by_hand=True),
        left_planned=None if per_hour is None else quotas.left(per_hour, spent, by_hand=False),
        is_paused=paused_until is not None and now < paused_until,
        # Its row is made when it is first asked with.
        breaker=BreakerState(breaker or BreakerState.CLOSED),
    )


# The parcels of one account that are due, those due longest first, up to a bound.
_DUE = """
    SELECT count(*) AS due, min(due_at) AS due_since, count(*) FILTER (WHERE wanted_by <= %(now)s) AS late,
        min(wanted_by) AS late_since
    FROM (
        SELECT due_at, wanted_by FROM shipments_watch
        WHERE account_id {is_it} AND lease IS NULL AND due_at <= %(now)s ORDER BY due_at LIMIT %(counted_to)s
    ) AS counted
"""
# What is due longest need not be what is latest. The latest is the first of one of the groups in which a planner looks for it
# (`refresh.waiting`), found by the same steps in the same index.
_PARCELS = f"""
    WITH RECURSIVE groups AS (
        SELECT account.id AS account_id, first.merchant_id, first.haste, first.wanted_by, first.shipment_id
        FROM shipments_carrieraccount AS account, LATERAL (
            SELECT merchant_id, haste, wanted_by, shipment_id FROM shipments_watch
            WHERE account_id = account.id AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
            ORDER BY merchant_id, haste, wanted_by LIMIT 1
        ) AS first
        UNION ALL
        SELECT groups.account_id, next.merchant_id, next.haste, next.wanted_by, next.shipment_id FROM groups, LATERAL (
            SELECT merchant_id, haste, wanted_by, shipment_id FROM shipments_watch
            WHERE account_id = groups.account_id AND (merchant_id, haste) > (groups.merchant_id, groups.haste)
                AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
            ORDER BY merchant_id, haste, wanted_by LIMIT 1
        ) AS next
    )
    SELECT account_id, sum(due), min(due_since), sum(late), min(late_since),
        (array_agg(latest ORDER BY late_since) FILTER (WHERE latest IS NOT NULL))[1], sum(being_asked), sum(abandoned),
        sum(accountless)
    FROM (
        SELECT account.id AS account_id, due, due_since, late, late_since, NULL::bigint AS latest, 0 AS being_asked,
            0 AS abandoned, 0 AS accountless
        FROM shipments_carrieraccount AS account CROSS JOIN LATERAL ({_DUE.format(is_it="= account.id")}) AS counted
        UNION ALL
        -- An index knows `= 7` and `IS NULL`, but not "the same as".
        SELECT NULL, due, due_since, late, late_since, NULL, 0, 0, 0 FROM ({_DUE.format(is_it="IS NULL")}) AS counted
        UNION ALL
        -- They are tried again every hour, and due for a moment only.
        SELECT NULL, 0, NULL, 0, NULL, NULL, 0, 0, count(*) FILTER (WHERE error_kind = 'no-account') FROM (
            SELECT error_kind FROM shipments_watch WHERE account_id IS NULL AND due_at IS NOT NULL AND lease IS NULL
            ORDER BY due_at LIMIT %(counted_to)s
        ) AS counted
        UNION ALL
        SELECT account_id, 0, NULL, 0, wanted_by, shipment_id, 0, 0, 0 FROM (SELECT * FROM groups LIMIT %(most_groups)s) AS first
        UNION ALL
        SELECT account_id, 0, NULL, 0, NULL, NULL,
            count(*) FILTER (WHERE due_at > %(now)s), count(*) FILTER (WHERE due_at <= %(now)s), 0
        FROM shipments_watch WHERE lease IS NOT NULL GROUP BY account_id
    ) AS found
    GROUP BY account_id
"""  # noqa: S608  (the inserted text is above)


def _parcels(cursor: CursorWrapper, now: datetime, counted_to: int) -> dict[int | None, Parcels]:
    """The parcels of each account by its key, as far as it has any that are due or being asked about."""
    cursor.execute(_PARCELS, {"now": now, "counted_to": counted_to, "most_groups": MOST_GROUPS})
    return {
        pk: Parcels(
            due=int(due),
            due_since=due_since,
            late=int(late),
            late_since=late_since if late_since is not None and late_since <= now else None,
            latest=latest if late_since is not None and late_since <= now else None,
            being_asked=int(being_asked),
            abandoned=int(abandoned),
            accountless=int(accountless),
        )
        for pk, due, due_since, late, late_since, latest, being_asked, abandoned, accountless in cursor.fetchall()
    }


# What waits besides parcels: kind of work → from where, which rows, and since when each of them waits.
_PENDING = {
    "mails": ("shipments_mail", "due_at <= %(now)s", "due_at"),
    "buyers": ("shipments_subscription", "due_at <= %(now)s", "due_at"),
    "proofs": ("shipments_proof", "due_at <= %(now)s", "due_at"),
    "imports": ("shipments_import", "state IN ('waiting', 'running')", "made_at"),
    "bulk_actions": ("shipments_bulkaction", "state IN ('waiting', 'running')", "made_at"),
}


def _pending(cursor: CursorWrapper, now: datetime) -> dict[str, Pending]:
    """What waits of each other kind of work."""
    cursor.execute(
        " UNION ALL ".join(
            f"""
            SELECT '{kind}', count(*), min(since) FROM (
                SELECT {since} AS since FROM {table} WHERE {which} ORDER BY {since} LIMIT %(most)s
            ) AS counted
            """  # noqa: S608  (the inserted text is above)
            for kind, (table, which, since) in _PENDING.items()
        ),
        {"now": now, "most": MOST_ROWS},
    )
    return {kind: Pending(rows, since) for kind, rows, since in cursor.fetchall()}
