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
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import OperationalError, connection, transaction

from shipments.keeping import audit_months
from shipments.keeping.ages import DUE, Age, ages_of, audit_days, due, with_any_of
from shipments.keeping.emptying import empty
from shipments.models import AuditEntry, Merchant, RetentionRule, Shipment

__all__ = ["due", "is_night", "keep_ages"]

logger = logging.getLogger(__name__)

# Parcels of one step: some thousand rows, and a tenth of a second.
STEP = 100
# Seconds of one run, well within the queue's patience with a task; another run goes on.
PATIENCE = 60.0
# Hours of the night, on the merchant's clock: from the first up to, and not including, the second.
NIGHT = (1, 5)
# Who waits for a row that somebody holds keeps others waiting: the step is given up, and what it held let go.
_LOCK_TIMEOUT = "200ms"


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
    waiting = deque(ages_of(merchants))
    erased: Counter[str] = Counter()
    passed_by: set[int] = set()
    while waiting:
        age = waiting.popleft()
        counts = step(age, now, passed_by)
        if counts:
            erased += counts
            waiting.append(age)
        if time.monotonic() >= enough:
            break
        beat()
    if erased:
        logger.info(
            "Data past its age was erased: %s",
            ", ".join(f"{many} {what}" for what, many in sorted(erased.items())),
        )
    return not waiting


def step(age: Age, now: datetime, passed_by: set[int]) -> Counter[str]:
    """Erase what is due by this age from the next few parcels that nobody holds; nothing where there are none.

    A parcel with a row that somebody holds is added to those `passed_by`, which are left alone.
    """
    for lifecycles, before in age.lines(now):
        picked: list[int] = []
        try:
            with _short_transaction():
                picked = _pick(age, lifecycles, before, passed_by)
                counts = _empty(picked, age, now)
        except OperationalError as exc:
            # The class alone: a statement's words may carry data.
            logger.info("A step of retention was given up: %s", type(exc).__name__)
            counts = _one_by_one(picked, age, now, passed_by)
        if picked:
            return counts
    return Counter()


def _one_by_one(picked: list[int], age: Age, now: datetime, passed_by: set[int]) -> Counter[str]:
    """The same for each of these parcels alone: one that is held costs the others nothing."""
    counts: Counter[str] = Counter()
    for pk in picked:
        try:
            with _short_transaction():
                counts += _empty(_still_free(pk, age), age, now)
        except OperationalError:
            passed_by.add(pk)
    return counts


@contextmanager
def _short_transaction() -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        yield


def _pick(age: Age, lifecycles: list[str], before: datetime, passed_by: set[int]) -> list[int]:
    found = DUE.format(merchant="%s", parts="%s", lifecycles="%s", before="%s")
    with connection.cursor() as cursor:
        cursor.execute(
            f"{found} AND parcel.id <> ALL(%s) LIMIT %s FOR UPDATE SKIP LOCKED",
            [age.merchant_id, with_any_of(age.kind), lifecycles, before, list(passed_by), STEP],
        )
        return sorted(row[0] for row in cursor.fetchall())


def _still_free(pk: int, age: Age) -> list[int]:
    free = Shipment.objects.filter(pk=pk, erased_parts__in=with_any_of(age.kind))
    return list(free.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True))


def _empty(ids: list[int], age: Age, now: datetime) -> Counter[str]:
    return empty(ids, age.kind, now, days=age.days) if ids else Counter()


def _drop_months(now: datetime) -> None:
    days = audit_days()
    if days is None:
        return
    dropped = audit_months.drop(audit_months.older_than(now - timedelta(days=days)))
    if dropped:
        rule = RetentionRule.objects.get(merchant=None, kind="audit")
        AuditEntry.objects.record(
            "dropped", rule, source="command", before={"months": ", ".join(f"{one:%Y-%m}" for one in dropped)}
        )
