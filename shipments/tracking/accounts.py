"""An account's keys as people change them, and what follows when who we ask as, or whom, was changed."""

from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q

from shipments import queueing
from shipments.enums import Lifecycle
from shipments.fields import Hidden, WrongKeyRing
from shipments.models import Budget, CarrierAccount, Credential, CredentialToken, User, Watch
from shipments.models.credentials import ending_of

# What an account asks with, beside its keys: a change is a change of whom we speak to, or as whom.
WHOM_WE_ASK = frozenset({"gateway", "environment", "base_url", "is_active", "merchant"})


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as a person gives it. Neither it nor its secret shows in a `repr`."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    expires_on: date | None = None


class KeyIsLocked(Exception):
    """The key that is to stay cannot be read with the key ring."""


@transaction.atomic
def give_key(
    account: CarrierAccount, new: NewKey, *, by: User | None, now: datetime
) -> tuple[Credential, Credential | None]:
    """Store a newer key for the account, to be asked with first; also the one it replaced, if any.

    The older one stays live until the newer has worked. Of two live ones the newer has not worked, or the older were retired:
    that one is replaced.
    """
    CarrierAccount.objects.select_for_update().get(pk=account.pk)
    live = list(account.credentials.live().newest_first())
    replaced = live.pop(0) if len(live) == 2 else None
    if replaced is not None:
        retire(replaced, now)
    made = Credential.objects.create(
        account=account,
        slot=next(slot for slot in (1, 2) if all(one.slot != slot for one in live)),
        key=Hidden(new.key),
        secret=Hidden(new.secret),
        ending=ending_of(new.key),
        added_at=now,
        added_by=by,
        expires_on=new.expires_on,
    )
    return made, replaced


def kept_key(account: CarrierAccount) -> str:
    """The key of the newest live one, for whoever gives only a new secret; `""` where there is none.

    KeyIsLocked where no key of the ring reads it.
    """
    try:
        newest = account.credentials.live().newest_first().with_secrets().first()
    except WrongKeyRing:
        raise KeyIsLocked from None
    return "" if newest is None or newest.key is None else newest.key


def retire(credential: Credential, now: datetime) -> bool:
    """Erase a key's secret; what it was and when is kept. Whether it was live."""
    return bool(Credential.objects.live().filter(pk=credential.pk).retire(now))


def take_effect(account: CarrierAccount, now: datetime) -> int:
    """Ask with the account as it is now: count the parcels that had waited for it, or for any, and are due at once.

    The tokens of before are forgotten; a pause, the breaker and refusals were about what was before, too, so the account is
    tried at once. Which account asks about a parcel is chosen anew by the planner and after each answer.
    """
    CredentialToken.objects.filter(credential__account=account).update(value=None, expires_at=None)
    account.credentials.live().update(refused_at=None, refusals=0, refusal="", refusal_told_at=None)
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
