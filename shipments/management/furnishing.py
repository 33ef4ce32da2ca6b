"""What the demo's people have made of their parcels, so that every page has something to show from the first visit."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime, time, timedelta

from shipments.bulk import importing
from shipments.bulk.receiving import receive
from shipments.enums import CarrierCode, Reason, Resolution
from shipments.models import AttentionItem, Look, Membership, Merchant, Note, SavedView, Shipment, User
from shipments.simulator.demo import DemoParcel
from shipments.simulator.journeys import Scenario, make_number

# What people wrote, by what happened to the parcel. Invented, like everything here.
_NOTES = {
    Scenario.CUSTOMS_HELD: "Buyer has sent the invoice to customs. Ask again on Friday.",
    Scenario.ATTEMPT: "Called the buyer: the gate code has changed, the carrier knows.",
    Scenario.LOST: "Search opened with the carrier. A second one goes out if nothing turns up this week.",
}
_VIEWS = (
    ("VIP, not delivered", "lifecycle=active&tag=vip", True),
    ("Late with UPS", "carrier=UPS&late=1", True),
    ("Needs me", "attention=mine", False),
)
_IMPORT_DAYS = range(2, 14)
# One that is readable as it is on light pages, and has a shade of its own on dark ones.
_COLOUR = "#9a3412"


def furnish(merchant: Merchant, parcels: Mapping[DemoParcel, Shipment], now: datetime) -> None:
    """Tags, notes, views, a finished import, who is told what, and how the public pages look. Call it once, with the parcels of the past weeks."""
    members = {
        member.role: member for member in Membership.objects.filter(merchant=merchant).select_related("user")
    }
    manager = members["manager"].user
    for place, (parcel, shipment) in enumerate(parcels.items()):
        this = Shipment.objects.filter(pk=shipment.pk)
        for tag, every in (("vip", 6), ("gift", 9), ("spring sale", 13)):
            if place % every == 1:
                this.tag(tag)
        if parcel.scenario in {Scenario.SIGNATURE, Scenario.PHOTO}:
            this.set_proof_due(True)
        if text := _NOTES.get(parcel.scenario):
            Note.objects.create(
                shipment=shipment,
                merchant=merchant,
                author=manager,
                text=text,
                made_at=now - timedelta(hours=3 + place),
            )
    for name, query, is_shared in _VIEWS:
        SavedView.objects.create(
            merchant=merchant, owner=members["owner"].user, name=name, query=query, is_shared=is_shared
        )
    Membership.objects.filter(pk=members["owner"].pk).update(
        digest_at=time(8), alert_reasons=[Reason.EXCEPTION, Reason.RETURNING], digest_sent_on=now.date()
    )
    Look.objects.create(merchant=merchant, colour=_COLOUR, support_url="mailto:help@demo.example")
    _import(merchant, manager, now)


def settle_history(parcels: Mapping[DemoParcel, Shipment], now: datetime) -> None:
    """What came back in the months before was dealt with long ago."""
    back = [shipment.pk for parcel, shipment in parcels.items() if parcel.scenario == Scenario.REFUSED]
    Shipment.objects.filter(pk__in=back).resolve(Resolution.RETURNED, by_id=None, now=now)


def hand_out(merchant: Merchant) -> None:
    """Give some of what needs somebody to the manager, unless people have begun to share it out."""
    items = AttentionItem.objects.for_merchant(merchant)
    if not items.exclude(owner=None).exists():
        manager = User.objects.get(memberships__merchant=merchant, memberships__role="manager")
        items.filter(pk__in=list(items.worst_first().values_list("pk", flat=True)[1:8:3])).give_to(manager.pk)


def _import(merchant: Merchant, by: User, now: datetime) -> None:
    """A file of a dozen parcels, and three rows that a spreadsheet or a person has spoilt."""
    file = io.StringIO()
    rows = csv.writer(file)
    rows.writerow(["Order", "Tracking number", "Ship to name", "ZIP", "Tags"])
    for day in _IMPORT_DAYS:
        start = (now - timedelta(days=day)).replace(hour=17, minute=day, second=0, microsecond=0)
        number = make_number(CarrierCode.USPS, Scenario.ON_TIME, start, variant=day % 10)
        rows.writerow([f"DEMO-{40_000 + day}", number, "", "", "imported"])
    rows.writerow(["DEMO-40100", "9.40551E+21", "", "", ""])
    rows.writerow(["DEMO-40101", "see the label", "", "", ""])
    rows.writerow(["DEMO-40102", "", "", "20832", ""])
    job = receive(
        io.BytesIO(file.getvalue().encode()),
        "orders of this week.csv",
        merchant=merchant,
        by=by,
        language=merchant.language,
        now=now,
    )
    job.start(now)
    importing.work_on(job.pk)
