"""Who asks the carrier about a parcel, and what keeps them from it at the moment."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from shipments.enums import Environment
from shipments.facts import spelling
from shipments.models import CarrierAccount, MaintenanceWindow, Shipment
from shipments.refresh.windows import reopens_at
from shipments.tracking.gateway import choose_account


@dataclass(frozen=True, slots=True)
class Asker:
    """The account that asks about a parcel, as far as pages name it; `paused` and `closed` say why it waits, if it does."""

    gateway: str
    is_own: bool
    is_test: bool
    paused: str
    closed: str


def asker_of(shipment: Shipment, now: datetime) -> Asker | None:
    """Who asks about this parcel, in one statement; None where no account can."""
    windows = MaintenanceWindow.objects.filter(carrier=shipment.carrier_id, gateway=OuterRef("gateway"))
    # Credentials stay in the database: a page has no use for them.
    accounts = CarrierAccount.objects.usable_by({shipment.merchant_id}).defer("key", "secret")
    account = choose_account(
        shipment,
        accounts.annotate(
            windows=ArraySubquery(
                windows.values(row=JSONObject(starts=F("starts"), ends=F("ends"), zone=F("zone")))
            )
        ),
    )
    if account is None:
        return None
    reopens = max((end for end in _ends(account, now) if end), default=None)
    return Asker(
        gateway=account.get_gateway_display(),
        is_own=account.merchant_id is not None,
        is_test=account.environment == Environment.TEST,
        paused=_("The carrier wants fewer calls: this account asks again %(when)s.")
        % {"when": spelling.ahead(account.paused_until - now)}
        if account.paused_until is not None and account.is_paused(now)
        else "",
        closed=_(
            "Closed for scheduled checks at this hour; they go on %(when)s. You may ask all the same, but it may time out."
        )
        % {"when": spelling.ahead(reopens - now)}
        if reopens
        else "",
    )


def _ends(account: Any, now: datetime) -> list[datetime | None]:
    """When each closed window that holds now ends. A simulator's account asks at any hour."""
    if account.cadence_seconds:
        return []
    return [
        reopens_at(
            starts=time.fromisoformat(window["starts"]),
            ends=time.fromisoformat(window["ends"]),
            zone=window["zone"],
            now=now,
        )
        for window in account.windows
    ]
