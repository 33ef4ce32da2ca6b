"""How the installation fares, for a person: what `readings` tells Prometheus, and what only people can make something of.

By a constant number of statements, none of which looks through a large table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from django.db import connection, transaction
from django.utils.translation import gettext as _

from shipments import queueing
from shipments.enums import BreakerState, Environment
from shipments.facts.connection_words import connection_words
from shipments.facts.error_words import last_words, place_of
from shipments.keeping.ages import Due
from shipments.models import CarrierAccount, MaintenanceWindow, Watch, notices
from shipments.monitoring import readings
from shipments.monitoring.ages import Overdue, overdue_and_due
from shipments.monitoring.readings import Account, Parcels, Readings, Standing
from shipments.refresh.figures import HourOfCalls, hours_of, standing_of
from shipments.refresh.windows import reopens_at

# Accounts on the page, those in trouble first: the rest of many are a click away.
MOST_ACCOUNTS = 5
# Codes of a carrier on the page, those of the most scans first.
MOST_CODES = 5
# Codes are read no further than this; a carrier that changes its words all at once may bring many.
MOST_CODES_READ = 1_000
# Tables on the page, the largest first.
MOST_TABLES = 12
# Over so long the growth of a table is told.
GROWTH = timedelta(days=7)
# Mails are counted no further than this.
MOST_MAILS = 10_000
# Mails that were given up longer ago are no news any more.
GIVEN_UP_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """How one account fares. `calls` and `failed` are those of the last 24 hours, `hours` has each of them. `words` say whether it
    is asked with; `latest` is the parcel that waits longest past its time; `closed` are the carriers whose maintenance goes on,
    with its end."""

    account: CarrierAccount
    standing: Standing
    parcels: Parcels
    words: str
    hours: tuple[HourOfCalls, ...]
    latest: Watch | None
    closed: tuple[tuple[str, datetime], ...]

    @property
    def name(self) -> str:
        """Which account it is: the gateway, whose, and that it is for tests where it is."""
        owner = self.account.merchant.name if self.account.merchant else _("platform")
        test = "" if self.account.environment == Environment.PRODUCTION else f" {self.account.environment}"
        return f"{self.account.get_gateway_display()}{test} · {owner}"

    @property
    def failed_test(self) -> str:
        """What the last test of the connection found, where that was trouble and nothing has worked since."""
        account = self.account
        if account.tested_at is None:
            return ""
        told = connection_words(account.test_result, account.get_gateway_display())
        has_worked = account.last_success_at is not None and account.last_success_at > account.tested_at
        return "" if told.works or has_worked else told.happened

    @property
    def calls(self) -> int:
        return sum(hour.calls for hour in self.hours)

    @property
    def failed(self) -> int:
        return sum(hour.failed for hour in self.hours)

    @property
    def error_rate(self) -> float | None:
        """The share of the calls that brought no answer; None without calls."""
        return self.failed / self.calls if self.calls else None


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A code, or words, of a carrier that no table knows, with a parcel that has such a scan where one is left; or a status
    word that is none we know."""

    code: str
    text: str
    word: str
    scans: int
    last_seen_at: datetime
    example: int | None


@dataclass(frozen=True, slots=True)
class CarrierHealth:
    """What of one carrier's words nobody knows: `codes` are those of the most scans, `more` are left out."""

    code: str
    name: str
    scans: int
    codes: tuple[UnknownCode, ...]
    more: int


@dataclass(frozen=True, slots=True)
class FailedAlike:
    """Tasks of one name that failed for one reason, the newest of them `at`; `keys` are all of them."""

    name: str
    words: str
    place: str
    at: datetime
    keys: tuple[str, ...]
    is_known: bool


@dataclass(frozen=True, slots=True)
class MailsOfAKind:
    """Mails of one kind: those that wait after an error, since when the first of them does, those given up lately, and those that
    a restored backup brought back. `error` is the newest one's."""

    kind: str
    in_arrears: int
    since: datetime | None
    given_up: int
    held: int
    error: str


@dataclass(frozen=True, slots=True)
class TableHealth:
    """One table with its indexes. `growth` is in bytes since `growth_since`, None before a day was noted; `dead` rows wait for
    the vacuum."""

    name: str
    bytes: int
    rows: int
    growth: int | None
    dead: int
    vacuumed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """The database: the bytes of all its tables, the largest of those, and how far its oldest transaction number is from the end of all numbers, as a
    share. `growth` is that of all tables since `growth_since`, the day with which sizes are compared."""

    bytes: int
    growth: int | None
    growth_since: date | None
    tables: tuple[TableHealth, ...]
    more: int
    wraparound: float


@dataclass(frozen=True, slots=True)
class Health:
    """How everything fares at one moment."""

    readings: Readings
    accounts: tuple[AccountHealth, ...]
    accounts_more: int
    carriers: tuple[CarrierHealth, ...]
    failures: tuple[FailedAlike, ...]
    mails: tuple[MailsOfAKind, ...]
    database: DatabaseHealth
    overdue: tuple[Overdue, ...]
    due: tuple[Due, ...]

    @property
    def at(self) -> datetime:
        return self.readings.at

    @property
    def accountless(self) -> int:
        """Parcels nobody can ask about, as far as they were counted."""
        return self.readings.parcels.get(None, Parcels()).accountless

    @property
    def failures_count(self) -> int:
        """All failed tasks that are kept, also those left out of `failures`."""
        return self.readings.queue.failures


def read(now: datetime) -> Health:
    """How everything fares; OperationalError where the database is away, or a statement takes longer than `readings.PATIENCE`."""
    with transaction.atomic(savepoint=False):
        engine = readings.read(now, with_totals=False)
        shown = _worst_first(engine)
        past, due = overdue_and_due(now)
        return Health(
            readings=engine,
            accounts=_accounts(engine, shown[:MOST_ACCOUNTS]),
            accounts_more=max(0, len(shown) - MOST_ACCOUNTS),
            carriers=_carriers(),
            failures=_alike(queueing.failures()),
            mails=_mails(now),
            database=_database(now),
            overdue=past,
            due=due,
        )


# ---- Accounts ----------------------------------------------------------------------------------------------------


def _worst_first(engine: Readings) -> list[Account]:
    """The active accounts: those not asked with first, then by how long parcels of theirs wait past their time."""

    def weight(account: Account) -> tuple[bool, bool, float, int]:
        standing, parcels = engine.standings[account], engine.parcels.get(account, Parcels())
        late = 0.0 if parcels.late_since is None else (engine.at - parcels.late_since).total_seconds()
        return (standing.breaker == BreakerState.CLOSED, not standing.is_paused, -late, account.pk)

    return sorted(engine.standings, key=weight)


# Not its credentials: one that no key of the ring reads must not cost this page.
_OF_AN_ACCOUNT = (
    "gateway", "environment", "cadence_seconds", "is_active", "last_success_at", "last_error", "last_error_at", "merchant__name",
    "budget__breaker", "budget__opened_because", "budget__opened_for", "budget__opened_at", "budget__probes_at",
    "budget__paused_until", "tested_at", "test_result",
)  # fmt: skip


def _accounts(engine: Readings, shown: Sequence[Account]) -> tuple[AccountHealth, ...]:
    keys = [account.pk for account in shown]
    rows = CarrierAccount.objects.select_related("merchant", "budget").only(*_OF_AN_ACCOUNT).in_bulk(keys)
    hours = hours_of(keys, engine.at)
    latest = {found.latest for account in shown if (found := engine.parcels.get(account, Parcels())).latest}
    watches = Watch.objects.filter(pk__in=latest).select_related("shipment").in_bulk()
    closed = _closed_now(engine.at)
    return tuple(
        AccountHealth(
            account=row,
            standing=engine.standings[account],
            parcels=(parcels := engine.parcels.get(account, Parcels())),
            words=standing_of(row, engine.at),
            hours=hours.get(account.pk, ()),
            latest=watches.get(parcels.latest) if parcels.latest else None,
            # A simulator's account keeps no hours.
            closed=closed.get(row.gateway, ()) if row.cadence_seconds is None else (),
        )
        for account in shown
        if (row := rows.get(account.pk)) is not None
    )


def _closed_now(now: datetime) -> dict[str, tuple[tuple[str, datetime], ...]]:
    """The maintenance that goes on now: by gateway, the carriers' names and when it ends."""
    closed: dict[str, list[tuple[str, datetime]]] = {}
    for window in MaintenanceWindow.objects.select_related("carrier").order_by("gateway", "carrier", "pk"):
        end = reopens_at(starts=window.starts, ends=window.ends, zone=window.zone, now=now)
        if end is not None:
            closed.setdefault(window.gateway, []).append((window.carrier.name, end))
    return {gateway: tuple(windows) for gateway, windows in closed.items()}


# ---- Carriers ----------------------------------------------------------------------------------------------------

_UNKNOWN = """
    WITH unknown AS (
        SELECT known.*,
            row_number() OVER (
                PARTITION BY known.carrier_id ORDER BY known.scans DESC, known.last_seen_at DESC, known.code, known.text, known.word
            ) AS place
        FROM (
            (
                SELECT carrier_id, code, text, '' AS word, scans, last_seen_at FROM shipments_unrecognisedcode
                ORDER BY last_seen_at DESC LIMIT %(most_read)s
            ) UNION ALL (
                SELECT carrier_id, '', '', word, scans, last_seen_at FROM shipments_unrecognisedword
                ORDER BY last_seen_at DESC LIMIT %(most_read)s
            )
        ) AS known
        WHERE NOT EXISTS (
            SELECT FROM shipments_statusmapping AS mapping
            WHERE mapping.carrier_id = known.carrier_id AND mapping.code IN ('', known.code) AND mapping.word = known.word
                AND (mapping.text = '' OR lower(mapping.text COLLATE "C") = lower(known.text COLLATE "C"))
        )
    )
    SELECT carrier.code, carrier.name, unknown.code, unknown.text, unknown.word, unknown.scans, unknown.last_seen_at,
        example.shipment_id
    FROM unknown JOIN shipments_carrier AS carrier ON carrier.code = unknown.carrier_id
    LEFT JOIN LATERAL (
        SELECT scan.shipment_id FROM shipments_scanevent AS scan JOIN shipments_shipment AS parcel ON parcel.id = scan.shipment_id
        WHERE unknown.place <= %(most)s AND unknown.word = '' AND scan.status = 'Unknown' AND scan.status_by = ''
            AND scan.code = unknown.code AND left(scan.text, 200) = unknown.text AND parcel.carrier_id = unknown.carrier_id
        LIMIT 1
    ) AS example ON true
    ORDER BY carrier.position, carrier.code, unknown.place
"""


def _carriers() -> tuple[CarrierHealth, ...]:
    """What no table and no mapping knows, by carrier."""
    with connection.cursor() as cursor:
        cursor.execute(_UNKNOWN, {"most": MOST_CODES, "most_read": MOST_CODES_READ})
        rows = cursor.fetchall()
    carriers = []
    for (code, name), of_carrier in groupby(rows, key=lambda row: (row[0], row[1])):
        codes = [UnknownCode(*row[2:]) for row in of_carrier]
        carriers.append(
            CarrierHealth(
                code=code,
                name=name,
                scans=sum(one.scans for one in codes),
                codes=tuple(codes[:MOST_CODES]),
                more=max(0, len(codes) - MOST_CODES),
            )
        )
    return tuple(carriers)


# ---- Queue and mails ---------------------------------------------------------------------------------------------


def _alike(failures: Iterable[queueing.Failed]) -> tuple[FailedAlike, ...]:
    """Failed tasks put together by what failed and why, the newest first."""
    alike: dict[tuple[str, str, str, bool], list[queueing.Failed]] = {}
    for failed in failures:
        reason = (failed.name, last_words(failed.told), place_of(failed.told), failed.is_known)
        alike.setdefault(reason, []).append(failed)
    return tuple(
        FailedAlike(name, words, place, ones[0].at, tuple(one.key for one in ones), is_known)
        for (name, words, place, is_known), ones in alike.items()
    )


def _mails(now: datetime) -> tuple[MailsOfAKind, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT kind, count(*) FILTER (WHERE waits), min(made_at) FILTER (WHERE waits),
                count(*) FILTER (WHERE NOT waits AND error <> %(held)s), count(*) FILTER (WHERE NOT waits AND error = %(held)s),
                (array_agg(error ORDER BY made_at DESC) FILTER (WHERE error <> ''))[1]
            FROM (
                (
                    SELECT kind, made_at, error, true AS waits FROM shipments_mail
                    WHERE due_at IS NOT NULL AND error <> '' ORDER BY due_at LIMIT %(most)s
                ) UNION ALL (
                    SELECT kind, made_at, error, false FROM shipments_mail
                    WHERE due_at IS NULL AND sent_at IS NULL AND (made_at > %(since)s AND error <> %(dropped)s OR error = %(held)s)
                    ORDER BY made_at DESC LIMIT %(most)s
                )
            ) AS troubled
            GROUP BY kind ORDER BY count(*) DESC, kind
            """,
            {
                "most": MOST_MAILS,
                "since": now - GIVEN_UP_WITHIN,
                "held": notices.HELD,
                "dropped": notices.DROPPED,
            },
        )
        return tuple(
            MailsOfAKind(kind, in_arrears, since, given_up, held, error or "")
            for kind, in_arrears, since, given_up, held, error in cursor.fetchall()
        )


# ---- The database ------------------------------------------------------------------------------------------------

# Beside each table what it was on the newest day that is old enough, else on the oldest there is but today.
_TABLES = """
    WITH earlier AS MATERIALIZED (
        SELECT coalesce(
            (SELECT max("on") FROM shipments_tablesize WHERE "on" <= %(then)s),
            (SELECT min("on") FROM shipments_tablesize WHERE "on" < %(today)s)
        ) AS "on"
    ), tables AS (
        SELECT whole.relname AS name, sum(pg_total_relation_size(part.oid))::bigint AS bytes,
            sum(greatest(part.reltuples, 0))::bigint AS "rows", sum(coalesce(stat.n_dead_tup, 0))::bigint AS dead,
            max(greatest(stat.last_vacuum, stat.last_autovacuum)) AS vacuumed_at
        FROM pg_class AS part
        LEFT JOIN pg_inherits ON inhrelid = part.oid
        JOIN pg_class AS whole ON whole.oid = coalesce(inhparent, part.oid)
        LEFT JOIN pg_stat_user_tables AS stat ON stat.relid = part.oid
        WHERE part.relkind = 'r' AND part.relnamespace = current_schema()::regnamespace
        GROUP BY whole.relname
    )
    SELECT tables.name, tables.bytes, tables."rows", tables.dead, tables.vacuumed_at, earlier."on", was.bytes,
        age(whole.datfrozenxid)::float8 / 2147483648
    FROM tables CROSS JOIN earlier JOIN pg_database AS whole ON whole.datname = current_database()
    LEFT JOIN shipments_tablesize AS was ON was."on" = earlier."on" AND was.name = tables.name
    ORDER BY tables.bytes DESC, tables.name
"""


def _database(now: datetime) -> DatabaseHealth:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, {"then": (now - GROWTH).date(), "today": now.date()})
        found = cursor.fetchall()
    *_of_a_table, since, _was, wraparound = found[0]
    tables = [
        # A table that was not there has grown from nothing.
        TableHealth(name, bytes, rows, None if since is None else bytes - (was or 0), dead, vacuumed_at)
        for name, bytes, rows, dead, vacuumed_at, _since, was, _wraparound in found
    ]
    return DatabaseHealth(
        bytes=sum(table.bytes for table in tables),
        growth=None if since is None else sum(table.growth or 0 for table in tables),
        growth_since=since,
        tables=tuple(tables[:MOST_TABLES]),
        more=max(0, len(tables) - MOST_TABLES),
        wraparound=wraparound,
    )
