"""Where a person has drawn a line: between parcels that share a number, and between carriers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shipments", "0009_invitations")]
    operations = [
        migrations.AddField(
            "shipment",
            "number_from",
            models.DateField(editable=False, null=True, verbose_name="the number is this parcel's from"),
        ),
        migrations.AddField(
            "shipment",
            "number_until",
            models.DateField(editable=False, null=True, verbose_name="the number is another parcel's from"),
        ),
        migrations.AddField(
            "shipment",
            "carrier_corrected_at",
            models.DateTimeField(editable=False, null=True, verbose_name="carrier corrected"),
        ),
    ]
