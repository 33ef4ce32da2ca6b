"""What follows when an account's credentials or address were changed by a person."""

from datetime import datetime

from django.db.models import Q

from shipments import queueing
from shipments.enums import Lifecycle
from shipments.models import AccountToken, Budget, CarrierAccount, Watch


def take_effect(account: CarrierAccount, now: datetime) -> int:
    """Ask with the account as it is now: count the parcels that had waited for it, or for any, and are due at once.

    The token of the old credentials is forgotten; a pause and the breaker were about them, too, so the account is tried at once.
    Which account asks about a parcel is chosen anew by the planner and after each answer.
    """
    AccountToken.objects.filter(account=account).update(value=None, expires_at=None)
    Budget.objects.begin_anew(account.pk, now)
    if not account.is_active:
        return 0
    nobody = Q(error_kind="no-account")
    if account.merchant_id is not None:
        nobody &= Q(merchant=account.merchant_id)
    refused = Q(account=account, error_kind__in=["bad-credentials", "not-entitled"])
    waiting = Watch.objects.filter(
        nobody | refused, due_at__isnull=False, lease=None, shipment__lifecycle=Lifecycle.ACTIVE
    )
    woken = waiting.update(due_at=now, wanted_by=now)
    queueing.enqueue(queueing.SWEEP)
    return woken
