"""Which accounts ask about a batch of parcels, read once for all of them."""

from collections.abc import Iterable, Sequence

from shipments.models import Budget, CarrierAccount, Shipment
from shipments.tracking.catalogue import Routes
from shipments.tracking.gateway import Kind, choose_for


class Askers:
    """The active accounts of the parcels' merchants and of the platform, with their budgets, and the carriers' routes, in two
    statements.

    Without their secrets: one that no key of the ring reads concerns those who ask with it.
    """

    def __init__(self, shipments: Iterable[Shipment]) -> None:
        merchants = {shipment.merchant_id for shipment in shipments}
        self._accounts = list(
            CarrierAccount.objects.usable_by(merchants)
            .select_related("budget", "merchant")
            .defer("key", "secret")
            .order_by("pk")
        )
        if any(not hasattr(account, "budget") for account in self._accounts):
            Budget.objects.complete()
            for account in self._accounts:
                if not hasattr(account, "budget"):
                    account.refresh_from_db(fields=["budget"])
        self.routes = Routes.read()
        self._chosen: dict[Kind, int | None] = {}

    def account(self, pk: int) -> CarrierAccount | None:
        """The account, if it may be asked with."""
        return next((account for account in self._accounts if account.pk == pk), None)

    def choice(self, shipment: Shipment) -> int | None:
        """Which account asks about the parcel; None where nobody can."""
        kind = Kind.of(shipment)
        if kind not in self._chosen:
            account = choose_for(kind, self._accounts, self.routes)
            self._chosen[kind] = None if account is None else account.pk
        return self._chosen[kind]

    def groups(
        self, shipments: Sequence[Shipment]
    ) -> tuple[list[tuple[CarrierAccount, list[Shipment]]], list[Shipment]]:
        """The parcels by the account that asks about them, and those nobody can ask about."""
        groups: dict[int, list[Shipment]] = {}
        accountless: list[Shipment] = []
        for shipment in shipments:
            pk = self.choice(shipment)
            if pk is None:
                accountless.append(shipment)
            else:
                groups.setdefault(pk, []).append(shipment)
        return [
            (account, groups[account.pk]) for account in self._accounts if account.pk in groups
        ], accountless
