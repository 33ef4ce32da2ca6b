"""What follows when an account's credentials or address were changed by a person."""

from datetime import datetime

from shipments import queueing
from shipments.enums import Lifecycle
from shipments.models import AccountToken, CarrierAccount, Watch


def take_effect(account: CarrierAccount, now: datetime) -> int:
    """Ask with the account as it is now: count the parcels that had waited for an account and are due at once.

    The token of the old credentials is forgotten, and a pause for their refusal is over.
    """
    AccountToken.objects.filter(account=account).update(value=None, expires_at=None)
    account.paused_until = None
    account.save(update_fields=["paused_until"])
    if not account.is_active:
        return 0
    waiting = Watch.objects.filter(
        error_kind="no-account", due_at__isnull=False, lease=None, shipment__lifecycle=Lifecycle.ACTIVE
    )
    if account.merchant_id is not None:
        waiting = waiting.filter(merchant=account.merchant_id)
    woken = waiting.update(due_at=now)
    if woken:
        queueing.enqueue(queueing.SWEEP)
    return woken
