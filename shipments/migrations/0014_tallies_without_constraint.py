"""Tallies without a constraint to their merchant: the trigger writes while a merchant with parcels is deleted."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('shipments', '0013_figures'),
    ]

    operations = [
        migrations.AlterField(
            model_name='tally',
            name='merchant',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='shipments.merchant'),
        ),
    ]
