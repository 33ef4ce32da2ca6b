"""Who asks the carrier about a parcel, and what keeps them from it at the moment."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.enums import Environment
from shipments.facts import spelling
from shipments.models import Budget, CallCount, CarrierAccount, CarrierRoute, MaintenanceWindow, Shipment
from shipments.refresh import quotas
from shipments.refresh.breaker import REFUSALS
from shipments.refresh.budget import quota_of
from shipments.refresh.quotas import Spent
from shipments.refresh.routing import no_account_sentence
from shipments.refresh.windows import reopens_at
from shipments.tracking.catalogue import Routes
from shipments.tracking.gateway import Kind, choose_account


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
    route = CarrierRoute.objects.filter(carrier=shipment.carrier_id, gateway=OuterRef("gateway")).order_by()
    accounts: list[Any] = list(
        CarrierAccount.objects.usable_by({shipment.merchant_id})
        .select_related("budget")
        .annotate(
            windows=ArraySubquery(
                windows.values(row=JSONObject(starts=F("starts"), ends=F("ends"), zone=F("zone")))
            ),
            spent=Subquery(_spent(now).values("all_calls")),
            spent_by_hand=Subquery(_spent(now).values("hand_calls")),
            route=ArraySubquery(route.values_list("position")),
        )
    )
    # As `Routes.read` would find them, of this carrier and as far as there is an account.
    able = sorted((one.route[0], one.gateway) for one in accounts if one.route)
    routes = Routes((shipment.carrier_id, gateway, "") for _position, gateway in able)
    account: Any = choose_account(shipment, accounts, routes)
    if account is None:
        return None
    reopens = max((end for end in _ends(account, now) if end), default=None)
    return Asker(
        gateway=account.get_gateway_display(),
        is_own=account.merchant_id is not None,
        is_test=account.environment == Environment.TEST,
        paused=_waits(account, now),
        closed=_(
            "Closed for scheduled checks at this hour; they go on %(when)s. You may ask all the same, but it may time out."
        )
        % {"when": spelling.ahead(reopens - now)}
        if reopens
        else "",
    )


def why_nobody(shipment: Shipment) -> str:
    """Why no account can ask about this parcel, and what to do, where `asker_of` has found none."""
    return no_account_sentence(Kind.of(shipment), Routes.read())


def _spent(now: datetime) -> QuerySet[Any, Any]:
    """The calls that count of the account in the outer query."""
    counted = CallCount.objects.filter(account=OuterRef("pk"), minute__gte=quotas.counted_from(now))
    return counted.order_by().values("account").annotate(all_calls=Sum("calls"), hand_calls=Sum("by_hand"))


def _waits(account: Any, now: datetime) -> str:
    """Why nobody is asked with this account at the moment; `""` where somebody may be, by hand at least."""
    budget = getattr(account, "budget", None) or Budget(account=account)
    if budget.is_open:
        because = (
            _("The carrier refuses this account, so nobody is asked with it; it is tried again %(when)s.")
            if budget.opened_for in REFUSALS
            else _("The carrier is in trouble, so nobody is asked; it is tried again %(when)s.")
        )
        return because % {"when": spelling.ahead(max((budget.probes_at or now) - now, timedelta(0)))}
    if budget.paused_until is not None and budget.is_paused(now):
        return _("The carrier wants fewer calls: this account asks again %(when)s.") % {
            "when": spelling.ahead(budget.paused_until - now)
        }
    per_hour = quota_of(account).per_hour
    if per_hour is None:
        return ""
    holds = quotas.in_force(
        per_hour, lowered_to=budget.lowered_to, lowered_until=budget.lowered_until, now=now
    )
    if quotas.left(holds, Spent(account.spent or 0, account.spent_by_hand or 0), by_hand=True):
        return ""
    return ngettext(
        "The %(calls)d call that the carrier allows this account in an hour is used up; it goes on as soon as there are calls again.",
        "The %(calls)d calls that the carrier allows this account in an hour are used up; it goes on as soon as there are calls again.",
        holds,
    ) % {"calls": holds}


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
