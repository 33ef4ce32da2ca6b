"""Which account asks about each parcel: written on its watch before it is planned, and chosen anew where that account cannot.

Choosing needs a parcel's merchant, carrier and pinned gateway and no more, so that thousands of parcels are a few choices.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from shipments.enums import BreakerState, Gateway, Lifecycle
from shipments.models import Carrier, CarrierAccount, Shipment, Watch
from shipments.tracking.catalogue import Routes
from shipments.tracking.gateway import Kind, choose_for

# Parcels of one turn: some tens of milliseconds.
AT_ONCE = 5_000
TURNS_A_SWEEP = 4
NO_ACCOUNT_RETRY = timedelta(hours=1)


def route(now: datetime) -> None:
    """Choose who asks about what is due and has nobody; say on the parcel where nobody can."""
    for _turn in range(TURNS_A_SWEEP):
        if _route_some(now) < AT_ONCE:
            break
    _choose_anew()


def _route_some(now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT watch.shipment_id, watch.merchant_id, parcel.carrier_id, parcel.gateway, parcel.lifecycle
            FROM (
                (
                    SELECT shipment_id, merchant_id FROM shipments_watch
                    WHERE account_id IS NULL AND due_at <= %(now)s AND lease IS NULL AND by_hand LIMIT %(limit)s
                ) UNION (
                    SELECT shipment_id, merchant_id FROM shipments_watch
                    WHERE account_id IS NULL AND due_at <= %(now)s AND lease IS NULL ORDER BY due_at LIMIT %(limit)s
                )
            ) AS watch JOIN shipments_shipment AS parcel ON parcel.id = watch.shipment_id
            """,
            {"now": now, "limit": AT_ONCE},
        )
        rows = cursor.fetchall()
    if not rows:
        return 0
    kinds: dict[Kind, list[int]] = defaultdict(list)
    ended: list[int] = []
    for shipment_id, merchant_id, carrier, gateway, lifecycle in rows:
        if lifecycle == Lifecycle.ACTIVE:
            kinds[Kind(merchant_id, carrier, gateway)].append(shipment_id)
        else:
            ended.append(shipment_id)
    accounts = _accounts_by_merchant({kind.merchant_id for kind in kinds})
    routes = Routes.read()
    chosen: dict[int, int] = {}
    for kind, shipment_ids in kinds.items():
        account = choose_for(kind, accounts[kind.merchant_id], routes)
        if account is None:
            _tell_accountless(kind, shipment_ids, routes, now)
        else:
            chosen.update(dict.fromkeys(shipment_ids, account.pk))
    Watch.objects.route(chosen)
    # Ended since they became due: nobody asks any more.
    Watch.objects.stop_ended(ended)
    return len(rows)


def _accounts_by_merchant(merchant_ids: set[int]) -> Mapping[int, list[CarrierAccount]]:
    """The accounts that may ask for each merchant, without their secrets: one that no key of the ring reads concerns those who
    ask with it, not the planning."""
    accounts = CarrierAccount.objects.usable_by(merchant_ids).defer("key", "secret").order_by("pk")
    platform: list[CarrierAccount] = []
    own: dict[int, list[CarrierAccount]] = defaultdict(list)
    for account in accounts:
        (platform if account.merchant_id is None else own[account.merchant_id]).append(account)
    return {pk: [*own[pk], *platform] for pk in merchant_ids}


def no_account_sentence(kind: Kind, routes: Routes) -> str:
    """Why nobody can ask about such parcels, and what to do."""
    able = routes.gateways(kind.carrier)
    if not able:
        return _(
            "Carrier %(carrier)s cannot be asked: no gateway is set up for it. An operator adds one in the back-office."
        ) % {"carrier": kind.carrier}
    if kind.gateway and kind.gateway not in able:
        return _(
            "Carrier %(carrier)s is not asked about through %(gateway)s. Unset the parcel's gateway."
        ) % {"carrier": kind.carrier, "gateway": kind.gateway}
    if kind.gateway:
        return _(
            "No active %(gateway)s account can ask about this parcel. Add one, or unset the parcel's gateway."
        ) % {"gateway": kind.gateway}
    return _("No active account can ask about carrier %(carrier)s. Add one for this merchant.") % {
        "carrier": kind.carrier
    }


def _tell_accountless(kind: Kind, shipment_ids: Iterable[int], routes: Routes, now: datetime) -> None:
    again_at = now + NO_ACCOUNT_RETRY
    waiting = Watch.objects.filter(pk__in=list(shipment_ids), account=None, lease=None)
    with transaction.atomic():
        free = [watch.pk for watch in waiting.order_by("pk").select_for_update(skip_locked=True).only("pk")]
        Watch.objects.filter(pk__in=free).update(
            error_kind="no-account",
            error_text=no_account_sentence(kind, routes)[:500],
            error_at=now,
            due_at=again_at,
            wanted_by=again_at,
            by_hand=False,
        )


def _choose_anew() -> None:
    """Let go of parcels whose account is switched off, or fails while another one would be chosen now; they are routed when
    they are due."""
    its_own = Watch.objects.filter(account=OuterRef("pk"), due_at__isnull=False, lease=None)
    unable = CarrierAccount.objects.filter(
        Q(is_active=False) | Q(budget__breaker__in=[BreakerState.OPEN, BreakerState.HALF_OPEN]),
        Exists(its_own),
    )
    carriers: list[str] = []
    routes = Routes(())
    for account in unable.defer("key", "secret").order_by("pk"):
        if not account.is_active:
            _let_go(account.pk)
            continue
        if not carriers:
            carriers, routes = list(Carrier.objects.values_list("code", flat=True)), Routes.read()
        merchants = _merchants_of(account.pk)
        usable = _accounts_by_merchant(merchants)
        for merchant_id in merchants:
            better = [
                kind
                for carrier in carriers
                for kind in (Kind(merchant_id, carrier, gateway) for gateway in ("", *Gateway))
                if (chosen := choose_for(kind, usable[merchant_id], routes)) is not None
                and chosen.pk != account.pk
            ]
            if better:
                _let_go(account.pk, merchant_id, better)


def _merchants_of(account_id: int) -> set[int]:
    """The merchants for whose waiting parcels the account asks, each found by one step in the index."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE merchants AS (
                (
                    SELECT merchant_id FROM shipments_watch
                    WHERE account_id = %(account)s AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
                    ORDER BY merchant_id LIMIT 1
                )
                UNION ALL
                SELECT next.merchant_id FROM merchants, LATERAL (
                    SELECT merchant_id FROM shipments_watch
                    WHERE account_id = %(account)s AND merchant_id > merchants.merchant_id
                        AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
                    ORDER BY merchant_id LIMIT 1
                ) AS next
            )
            SELECT merchant_id FROM merchants
            """,
            {"account": account_id},
        )
        return {row[0] for row in cursor.fetchall()}


def _let_go(account_id: int, merchant_id: int | None = None, kinds: Iterable[Kind] = ()) -> None:
    """Take the account from a few thousand parcels that nobody is asking about; with a merchant, from those of these kinds."""
    waiting = Watch.objects.filter(account=account_id, due_at__isnull=False, lease=None)
    if merchant_id is not None:
        wanted = [(kind.carrier, kind.gateway) for kind in kinds]
        of_kind = Shipment.objects.none()
        for carrier in {carrier for carrier, _gateway in wanted}:
            gateways = [gateway for code, gateway in wanted if code == carrier]
            of_kind = of_kind | Shipment.objects.filter(carrier=carrier, gateway__in=gateways)
        waiting = waiting.filter(merchant=merchant_id, shipment__in=of_kind)
    free = waiting.select_for_update(skip_locked=True, of=("self",)).order_by("due_at").only("pk")[:AT_ONCE]
    with transaction.atomic():
        Watch.objects.filter(pk__in=[watch.pk for watch in free]).update(account=None)
