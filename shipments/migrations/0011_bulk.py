"""Deeds on many parcels that people start, done by the queue in steps."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import shipments.enums
import shipments.models.bulk_actions
import shipments.models.work
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0010_corrections'),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=shipments.models.work.work_state_choices, db_index=True, default=shipments.enums.WorkState['WAITING'], max_length=10, verbose_name='state')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='started')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('leased_until', models.DateTimeField(null=True)),
                ('cancel_asked', models.BooleanField(default=False)),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='error')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('deed', models.CharField(choices=shipments.models.bulk_actions.deed_choices, max_length=20, verbose_name='deed')),
                ('argument', models.JSONField(blank=True, default=dict, verbose_name='argument')),
                ('picked', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None)),
                ('query', models.TextField(blank=True, verbose_name='query')),
                ('as_of', models.DateTimeField(verbose_name='as of')),
                ('seen_until', models.DateTimeField(null=True)),
                ('total', models.PositiveIntegerField(null=True, verbose_name='parcels')),
                ('done', models.PositiveIntegerField(default=0, verbose_name='done')),
                ('changed', models.PositiveIntegerField(default=0, verbose_name='changed')),
                ('after_at', models.DateTimeField(null=True)),
                ('after_id', models.BigIntegerField(null=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='started by')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant')),
            ],
            options={
                'verbose_name': 'bulk action',
                'verbose_name_plural': 'bulk actions',
                'indexes': [models.Index(fields=['merchant', '-made_at', '-id'], name='bulk_newest_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('changed__lte', models.F('done'))), name='bulk_changes_what_it_has_seen')],
            },
        ),
    ]
