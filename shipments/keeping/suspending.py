"""A merchant is suspended and put back to work: nothing is asked for its parcels, nobody is written to, its pages stop, and
everything is kept.

That a merchant is suspended stands on its row, and whoever would ask, write or show looks there. Its watches are put away
besides, so that no planner ever comes across them: a million are some hundred short steps of the queue (`WatchMove`). What is
written down about a parcel by somebody who was asking at that moment is put away by the planner that finds it due.
"""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from shipments import queueing
from shipments.enums import Lifecycle
from shipments.models import Mail, Merchant, MerchantDeletion, Shipment, Watch, WatchMove
from shipments.tracking.limits import followed

# Parcels of one step: some tenths of a second.
STEP = 5_000
# Seconds after which a worker lets others have a turn.
TURN = 60.0
# How fast a merchant's parcels come back, and over how long at least and at most: all due at once would keep all others
# waiting, and whoever follows a million is not to wait for days.
BACK_A_SECOND = 50
SHORTEST_SPREAD, LONGEST_SPREAD = timedelta(minutes=1), timedelta(hours=24)
# What people are told by mail about the merchant itself.
STILL_SENT = frozenset({"invitation", "deletion", "export-ready"})


class IsToBeDeleted(Exception):
    """The merchant is not put back to work while its deletion is open: that is called off first."""


def suspend(merchant: Merchant, because: str, now: datetime) -> bool:
    """Stop everything but keep it; False where the merchant is suspended already. `because` is what its people read."""
    with transaction.atomic():
        row = Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
        if row.is_suspended:
            return False
        row.suspended_at, row.suspended_because = now, because
        row.save(update_fields=["suspended_at", "suspended_because"])
        _move(row, is_back=False, spread=timedelta())
        # What waits for the mail server is no news any more when the merchant is back at work.
        Mail.objects.filter(~Q(kind__in=STILL_SENT), merchant=row, due_at__isnull=False).update(
            due_at=None, error="The merchant was suspended."
        )
    merchant.suspended_at, merchant.suspended_because = now, because
    return True


def lift(merchant: Merchant) -> bool:
    """Put the merchant back to work; False where it is. Its parcels are asked about again one after the other.

    IsToBeDeleted.
    """
    with transaction.atomic():
        row = Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
        if not row.is_suspended:
            return False
        if MerchantDeletion.objects.of(row) is not None:
            raise IsToBeDeleted
        row.suspended_at, row.suspended_because = None, ""
        row.save(update_fields=["suspended_at", "suspended_because"])
        _move(row, is_back=True, spread=spread_of(row))
    merchant.suspended_at, merchant.suspended_because = None, ""
    return True


def spread_of(merchant: Merchant) -> timedelta:
    """Over how long the merchant's parcels come back."""
    return min(max(timedelta(seconds=followed(merchant.pk) / BACK_A_SECOND), SHORTEST_SPREAD), LONGEST_SPREAD)


def _move(merchant: Merchant, *, is_back: bool, spread: timedelta) -> None:
    """Have the watches moved; a move that is on its way is begun anew in this direction."""
    WatchMove.objects.update_or_create(
        merchant=merchant,
        defaults={"is_back": is_back, "spread": spread, "after_at": None, "after_id": None},
    )
    queueing.enqueue(queueing.MOVE_WATCHES)


def move_watches() -> bool:
    """Go on with what is to be moved; False where there was no time for all of it. Safe beside itself."""
    ends = time.monotonic() + TURN
    for pk in list(WatchMove.objects.order_by("pk").values_list("pk", flat=True)):
        while _step(pk, timezone.now()):
            if time.monotonic() > ends:
                return False
    return True


@transaction.atomic
def _step(merchant_id: int, now: datetime) -> bool:
    """Move the watches of the next parcels; whether there are more."""
    # Two workers at one merchant: the second leaves it to the first.
    move = WatchMove.objects.select_for_update(skip_locked=True).filter(pk=merchant_id).first()
    if move is None:
        return False
    parcels = Shipment.objects.filter(merchant=merchant_id, lifecycle=Lifecycle.ACTIVE)
    if move.after_at is not None and move.after_id is not None:
        parcels = parcels.coming_after(move.after_at, move.after_id)
    marks = list(parcels.newest_first().values_list("created_at", "pk")[:STEP])
    ids = [pk for _created_at, pk in marks]
    if move.is_back:
        Watch.objects.bring_back(ids, now, spread=move.spread)
    else:
        Watch.objects.put_away(ids)
    if len(marks) == STEP:
        move.after_at, move.after_id = marks[-1]
        move.save(update_fields=["after_at", "after_id"])
        return True
    move.delete()
    if move.is_back:
        queueing.enqueue(queueing.REVIEW_ATTENTION)
    return False
