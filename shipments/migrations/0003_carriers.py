"""The carriers known from the start, and the hours in which USPS is closed to Pitney Bowes' callers."""

from datetime import time

from django.db import migrations

USPS_PAGE = "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}"
PB_PAGE = "https://pitneybowes.shipment.co/track/{number}"

# code, name, scans once, the carrier's own page (the two sites of Pitney Bowes: Track a Package, consideration 6)
CARRIERS = [
    ("USPS", "USPS", False, USPS_PAGE),
    ("IMB", "USPS letter or flat (IMb)", True, PB_PAGE),
    ("FDR", "Pitney Bowes Standard (FDR)", False, PB_PAGE),
    ("NEWGISTICS", "Pitney Bowes Standard", False, PB_PAGE),
    ("PBCS", "Pitney Bowes Delivery", False, PB_PAGE),
    ("PBI", "Pitney Bowes Cross-Border", False, "https://tracking.pb.com/{number}"),
    ("FedEx", "FedEx", False, "https://www.fedex.com/fedextrack/?trknbr={number}"),
    ("UPS", "UPS", False, "https://www.ups.com/track?tracknum={number}"),
]


def seed(apps, schema_editor):
    Carrier = apps.get_model("shipments", "Carrier")
    Window = apps.get_model("shipments", "MaintenanceWindow")
    for position, (code, name, scans_once, page) in enumerate(CARRIERS):
        Carrier.objects.create(code=code, name=name, scans_once=scans_once, tracking_url=page, position=position)
    # Pitney Bowes, Track a Package, consideration 4: no scheduled USPS calls from midnight to 3 a.m. Eastern.
    for code in ("USPS", "IMB"):
        Window.objects.create(
            carrier_id=code,
            gateway="pitney_bowes",
            zone="America/New_York",
            starts=time(0, 0),
            ends=time(3, 0),
            reason="USPS maintains its tracking about this time; Pitney Bowes advises against scheduled calls.",
        )


class Migration(migrations.Migration):
    dependencies = [("shipments", "0002_audit_by_month")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
