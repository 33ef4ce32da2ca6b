"""The nightly work: takes from parcels what has reached its age, in small steps that nobody waits for.

A step is one short transaction over a few parcels. Parcels somebody has locked are passed by and found again later: a
parcel is due for as long as it is not marked, so a killed worker loses nothing and nothing is done twice. Each merchant's
parcels have their turn at night, on the merchant's clock.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import OperationalError, connection, transaction

from shipments.enums import Kept
from shipments.keeping.ages import DUE, IN_ORDER, Age, ages_of, audit_days, with_any_of
from shipments.keeping.emptying import empty
from shipments.models import AuditEntry, Merchant, RetentionRule, Shipment, audit_months
from shipments.models.shipments import PART

logger = logging.getLogger(__name__)

# Parcels of one step: several hundred rows, and a tenth of a second.
STEP = 50
# Seconds of one run, well within the queue's patience with a task; another run goes on.
PATIENCE = 60.0
# Hours of the night, on the merchant's clock: from the first up to, and not including, the second.
NIGHT = (1, 5)
# Who waits for a row that somebody holds keeps others waiting: the step is given up, and what it held let go.
_LOCK_TIMEOUT = "200ms"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC), 0


def is_night(zone: str, now: datetime) -> bool:
    """Whether it is night on that clock."""
    first, last = NIGHT
    return first <= now.astimezone(ZoneInfo(zone)).hour < last


def keep_ages(
    now: datetime,
    *,
    patience: float = PATIENCE,
    at_any_hour: bool = False,
    beat: Callable[[], None] = lambda: None,
) -> bool:
    """Erase what is past its age with the merchants for whom it is night; False where `patience` ended before the work.

    One stretch of each merchant and kind in turn: who has years to forget does not keep the others waiting.
    """
    enough = time.monotonic() + patience
    _drop_months(now)
    merchants = [
        merchant
        for merchant in Merchant.objects.order_by("pk")
        if at_any_hour or is_night(merchant.time_zone, now)
    ]
    ages = ages_of(merchants)
    erased = +Counter(notes=_forget_later_notes(ages, now))
    waiting = deque(Walk(age, now) for age in ages)
    while waiting:
        walk = waiting.popleft()
        counts = walk.step()
        if counts is not None:
            erased += counts
            waiting.append(walk)
        if time.monotonic() >= enough:
            break
        beat()
    if erased:
        logger.info(
            "Data past its age was erased: %s",
            ", ".join(f"{many} {what}" for what, many in sorted(erased.items())),
        )
    return not waiting


class Walk:
    """Goes once through the parcels that are past one age, a few at a time, those silent for longest first.

    It never looks back: what it has erased lies behind it in the index as dead entries, which a search from the beginning
    would read again with every step. What it passes by is for the next walk.
    """

    def __init__(self, age: Age, now: datetime) -> None:
        self.age = age
        self.now = now
        self._stretches = [
            (parts, lifecycle, before)
            for lifecycle, before in age.lines(now)
            for parts in with_any_of(age.kind)
        ]
        self._after: tuple[datetime, int] = _BEGINNING

    def step(self) -> Counter[str] | None:
        """Erase what is due from the next few parcels that nobody holds; how much that was. None: there are no more."""
        while self._stretches:
            picked: list[int] = []
            try:
                with _short_transaction():
                    picked = self._pick()
                    counts = self._empty(picked)
            except OperationalError as exc:
                # The class alone: a statement's words may carry data.
                logger.info("A step of retention was given up: %s", type(exc).__name__)
                counts = self._one_by_one(picked)
            if picked:
                return counts
            self._stretches.pop(0)
            self._after = _BEGINNING
        return None

    def _pick(self) -> list[int]:
        """The next few, locked."""
        parts, lifecycle, before = self._stretches[0]
        found = DUE.format(merchant="%s", parts="%s", lifecycle="%s", before="%s")
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                {found} AND (COALESCE(parcel.changed_at, parcel.created_at), parcel.id) > (%s, %s)
                {IN_ORDER} LIMIT %s FOR UPDATE SKIP LOCKED
                """,
                [self.age.merchant_id, parts, lifecycle, before, *self._after, STEP],
            )
            rows = cursor.fetchall()
        if rows:
            pk, news_at = rows[-1]
            self._after = news_at, pk
        return sorted(pk for pk, _news_at in rows)

    def _one_by_one(self, picked: list[int]) -> Counter[str]:
        """The same for each of these parcels alone: one that is held costs the others nothing."""
        counts: Counter[str] = Counter()
        for pk in picked:
            free = Shipment.objects.filter(pk=pk, erased_parts__in=with_any_of(self.age.kind))
            try:
                with _short_transaction():
                    locked = free.select_for_update(skip_locked=True, of=("self",)).values_list(
                        "pk", flat=True
                    )
                    counts += self._empty(list(locked))
            except OperationalError:
                logger.info("Parcel %s is passed by: somebody holds what is to be erased.", pk)
        return counts

    def _empty(self, ids: list[int]) -> Counter[str]:
        return empty(ids, self.age.kind, self.now, days=self.age.days) if ids else Counter()


def _forget_later_notes(ages: list[Age], now: datetime) -> int:
    """Delete what people wrote about parcels after their buyers' data was erased, when that has come to the age of personal
    data itself; how much it was. No walk comes to these parcels again."""
    personal = [age for age in ages if age.kind == Kept.PERSONAL]
    if not personal:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM shipments_note AS note
            USING unnest(%s::bigint[], %s::timestamptz[]) AS age (merchant, before), shipments_shipment AS parcel
            WHERE note.merchant_id = age.merchant AND note.made_at < age.before AND parcel.id = note.shipment_id
                AND parcel.erased_parts & %s <> 0
            """,
            [
                [age.merchant_id for age in personal],
                [now - timedelta(days=age.days) for age in personal],
                PART[Kept.PERSONAL],
            ],
        )
        return int(cursor.rowcount)


@contextmanager
def _short_transaction() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        yield


def _drop_months(now: datetime) -> None:
    days = audit_days()
    if days is None:
        return
    dropped = []
    table = AuditEntry._meta.db_table
    for month in audit_months.droppable(table, now - timedelta(days=days), now):
        try:
            with transaction.atomic():
                audit_months.drop(month, patience=_LOCK_TIMEOUT)
        except audit_months.InUse:
            # A month somebody reads, or the audit somebody writes to: in the next night.
            break
        dropped.append(month)
    if dropped:
        rule = RetentionRule.objects.get(merchant=None, kind="audit")
        AuditEntry.objects.record(
            "dropped", rule, source="command", before={"months": ", ".join(str(one) for one in dropped)}
        )
