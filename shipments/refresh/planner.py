"""Take what is due, give each parcel the account that asks, fill batches."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from shipments.carriers.registry import in_one_go
from shipments.enums import Gateway, Lifecycle
from shipments.models import CarrierAccount, MaintenanceWindow, Shipment, Watch
from shipments.refresh.windows import reopens_at
from shipments.tracking.gateway import choose_account

# How long a batch may wait in the queue and be worked on; what a killed worker held comes back after it.
LEASE = timedelta(minutes=4)
# One sweep takes no more than the workers get through in about a lease.
MOST_PER_SWEEP = 1_000
# After a closed window the parcels that waited come back spread over this long.
SPREAD_AFTER_WINDOW = timedelta(minutes=30)
NO_ACCOUNT_RETRY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Parcels to ask about in one go with one account, leased under `lease`."""

    account_id: int
    lease: UUID
    shipment_ids: tuple[int, ...]


def plan_due(now: datetime, *, limit: int = MOST_PER_SWEEP) -> list[Batch]:
    """Lease what is due and sort it into full batches; what cannot be asked now is put off, with the reason."""
    watches = Watch.objects.lease(now, length=LEASE, limit=limit)
    if not watches:
        return []
    lease = watches[0].lease
    assert lease is not None
    by_hand = {watch.pk for watch in watches if watch.by_hand}
    leased = list(
        Shipment.objects.filter(pk__in=[watch.pk for watch in watches])
        .only("merchant_id", "carrier_id", "gateway", "lifecycle")
        .order_by("pk")
    )
    shipments = [shipment for shipment in leased if shipment.lifecycle == Lifecycle.ACTIVE]
    # Ended since it became due: nobody asks any more.
    Watch.objects.reschedule(
        {shipment.pk: None for shipment in leased if shipment.lifecycle != Lifecycle.ACTIVE}, lease=lease
    )
    groups, accountless = by_account(shipments)
    put_off: dict[int, datetime] = {}
    asked: list[tuple[CarrierAccount, list[int]]] = []
    windows = list(MaintenanceWindow.objects.all())
    for account, members in groups:
        ready: list[int] = []
        for shipment in members:
            until = _not_before(account, shipment.carrier_id, windows, now, by_hand=shipment.pk in by_hand)
            if until is None:
                ready.append(shipment.pk)
            else:
                put_off[shipment.pk] = until
        asked.append((account, ready))
    _put_off(put_off, lease)
    _tell_accountless(accountless, lease, now)
    return [
        Batch(account.pk, lease, tuple(ready[start : start + size]))
        for account, ready in asked
        for size in (in_one_go(Gateway(account.gateway)),)
        for start in range(0, len(ready), size)
    ]


def by_account(
    shipments: Sequence[Shipment],
) -> tuple[list[tuple[CarrierAccount, list[Shipment]]], list[Shipment]]:
    """The parcels by the account that asks about them, and those nobody can ask about."""
    merchants = {shipment.merchant_id for shipment in shipments}
    # Without the secrets: one that no key of the ring reads concerns those who ask with it, not the planning.
    accounts = list(CarrierAccount.objects.usable_by(merchants).defer("key", "secret").order_by("pk"))
    groups: dict[int, tuple[CarrierAccount, list[Shipment]]] = {}
    accountless: list[Shipment] = []
    for shipment in shipments:
        account = choose_account(shipment, accounts)
        if account is None:
            accountless.append(shipment)
        else:
            groups.setdefault(account.pk, (account, []))[1].append(shipment)
    return list(groups.values()), accountless


def no_account_sentence(shipment: Shipment) -> str:
    """Why nobody can ask about this parcel, and what to do."""
    if shipment.gateway:
        return _(
            "No active %(gateway)s account can ask about this parcel. Add one, or unset the parcel's gateway."
        ) % {"gateway": shipment.gateway}
    return _("No active account can ask about carrier %(carrier)s. Add one for this merchant.") % {
        "carrier": shipment.carrier_id
    }


def _not_before(
    account: CarrierAccount,
    carrier: str,
    windows: Iterable[MaintenanceWindow],
    now: datetime,
    *,
    by_hand: bool,
) -> datetime | None:
    if account.paused_until is not None and now < account.paused_until:
        return account.paused_until + random.random() * timedelta(minutes=1)  # noqa: S311  (spreads load, guards nothing)
    if by_hand or account.cadence_seconds is not None:
        return None
    for window in windows:
        if window.carrier_id == carrier and window.gateway == account.gateway:
            end = reopens_at(starts=window.starts, ends=window.ends, zone=window.zone, now=now)
            if end is not None:
                return end + random.random() * SPREAD_AFTER_WINDOW  # noqa: S311  (the same)
    return None


def _put_off(dues: dict[int, datetime], lease: UUID) -> None:
    Watch.objects.reschedule(dues, lease=lease, keep_by_hand=True)


def _tell_accountless(shipments: Sequence[Shipment], lease: UUID, now: datetime) -> None:
    by_sentence: dict[str, list[int]] = {}
    for shipment in shipments:
        by_sentence.setdefault(no_account_sentence(shipment), []).append(shipment.pk)
    for sentence, pks in by_sentence.items():
        Watch.objects.filter(pk__in=pks).update(
            error_kind="no-account", error_text=sentence[:500], error_at=now
        )
    Watch.objects.reschedule({shipment.pk: now + NO_ACCOUNT_RETRY for shipment in shipments}, lease=lease)
