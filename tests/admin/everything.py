"""A row of everything the back-office shows, several where a page's cost could hang on how many there are."""

from datetime import time, timedelta

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Model
from django.utils import timezone

from shipments.enums import ErasedBy
from shipments.keeping import erasing
from shipments.models import (
    AuditEntry,
    Heartbeat,
    MaintenanceWindow,
    Membership,
    Merchant,
    MerchantDeletion,
    PrivateLink,
    Replay,
    StatusMapping,
    UnrecognisedWord,
    User,
    Watch,
)
from shipments.outbound.mail import post
from shipments.tracking.statements import state
from tests.buyers.parcels import subscribed
from tests.factories import (
    a_budget,
    a_host,
    a_kept_picture,
    a_look,
    a_merchant,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
)


def furnish(times: int, operator: User) -> None:
    """So many merchants with everything that belongs to one, and as much of what belongs to none."""
    for n in range(times):
        merchant = a_merchant()
        owner = a_person(f"owner-{merchant.pk}@example.com", merchant, "owner")
        # All of them work for the first merchant, too.
        Membership.objects.get_or_create(
            user=owner, merchant=Merchant.objects.earliest("pk"), defaults={"role": "viewer"}
        )
        a_look(merchant, shown_name=f"Shop {n}")
        a_host(merchant, f"track-{merchant.pk}.example")
        account = an_account(merchant)
        a_budget(account)
        parcel = a_shipment(merchant)
        Watch.objects.filter(shipment=parcel).update(account=account)
        ingested(
            parcel,
            a_snapshot(a_scan(code=f"Z{parcel.pk}", status=None), a_scan("2026-03-02 11:00")),
            account=account,
        )
        a_kept_picture(parcel)
        PrivateLink.objects.make(parcel, by=owner)
        subscribed(parcel, email=f"buyer-{parcel.pk}@example.com")
        state(parcel, is_for_buyer=False, by=owner, now=timezone.now())
        post(to=f"somebody-{n}@example.com", kind="alert", subject="News", text="News", merchant=merchant)
        Heartbeat.objects.create(name=f"host-{merchant.pk}/aaaa", at=timezone.now() - timedelta(minutes=n))
        StatusMapping.objects.create(carrier_id="USPS", code=f"Y{merchant.pk}", status="InTransit")
        UnrecognisedWord.objects.create(
            carrier_id="USPS",
            word=f"W{merchant.pk}",
            scans=3,
            first_seen_at=timezone.now(),
            last_seen_at=timezone.now(),
        )
        Replay(carrier_id="USPS", code=f"Y{merchant.pk}").begin()
        erasing.begin(
            ErasedBy.EMAIL, f"buyer-{parcel.pk}@example.com", merchant, asked_by=owner, now=timezone.now()
        )
        MerchantDeletion.objects.create(
            merchant=merchant.pk,
            slug=merchant.slug,
            name=merchant.name,
            asked_at=timezone.now(),
            due_at=timezone.now(),
        )
        MaintenanceWindow.objects.create(
            carrier_id="USPS", gateway="usps", zone="UTC", starts=time(1), ends=time(2), reason=f"Night {n}"
        )
        for row in (merchant, parcel, account, owner):
            AuditEntry.objects.record("added", row, by=owner, source="page", merchant=merchant)
            LogEntry.objects.log_actions(operator.pk, [row], CHANGE, "changed", single_object=True)


def missing() -> list[type[Model]]:
    """The models of the back-office that have no row: a page without one shows nothing that could be wrong."""
    return [model for model in admin.site._registry if not model._default_manager.exists()]
