"""Who knew what: the news that were known to whoever was done with a parcel, and the people an alert was written to."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('shipments', '0017_links_that_end'),
    ]

    operations = [
        migrations.AddField(
            model_name='alert',
            name='told_to',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
        ),
        migrations.AddField(
            model_name='attentionitem',
            name='done_news_at',
            field=models.DateTimeField(null=True),
        ),
        # Until now, news up to the moment of the click counted as known. Where there have been some since, the item comes back.
        migrations.RunSQL(
            """
            UPDATE shipments_attentionitem AS item SET done_news_at = parcel.changed_at
            FROM shipments_shipment AS parcel
            WHERE parcel.id = item.shipment_id AND item.done_at IS NOT NULL AND parcel.changed_at <= item.done_at
            """,
            migrations.RunSQL.noop,
        ),
    ]
