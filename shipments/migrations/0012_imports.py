"""Imports of files: the file in pieces, refused rows, remembered matches of columns."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import shipments.enums
import shipments.models.work
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0011_bulk'),
    ]

    operations = [
        migrations.CreateModel(
            name='Import',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=shipments.models.work.work_state_choices, db_index=True, default=shipments.enums.WorkState['WAITING'], max_length=10, verbose_name='state')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='started')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('leased_until', models.DateTimeField(null=True)),
                ('cancel_asked', models.BooleanField(default=False)),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='error')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('size', models.PositiveBigIntegerField(verbose_name='bytes')),
                ('sha256', models.CharField(max_length=64)),
                ('encoding', models.CharField(max_length=10, verbose_name='encoding')),
                ('separator', models.CharField(max_length=1, verbose_name='separator')),
                ('header', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('has_header', models.BooleanField(default=True, verbose_name='the first row is a heading')),
                ('language', models.CharField(max_length=10, verbose_name='language of the reasons')),
                ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), default=list, size=None)),
                ('default_carrier', models.CharField(blank=True, max_length=20, verbose_name='carrier where none is named')),
                ('default_mailing_date', models.DateField(blank=True, null=True, verbose_name='mailing date where none is named')),
                ('date_order', models.CharField(blank=True, max_length=3, verbose_name='how dates are written')),
                ('tag', models.CharField(blank=True, max_length=40, verbose_name='tag for new parcels')),
                ('begins_at', models.PositiveIntegerField(default=0)),
                ('position', models.PositiveIntegerField(default=0)),
                ('last_row', models.PositiveIntegerField(default=0)),
                ('rows_total', models.PositiveIntegerField(default=0, verbose_name='rows')),
                ('started_at', models.DateTimeField(null=True, verbose_name='begun')),
                ('good', models.PositiveIntegerField(default=0, verbose_name='new')),
                ('double', models.PositiveIntegerField(default=0, verbose_name='there already')),
                ('bad', models.PositiveIntegerField(default=0, verbose_name='refused')),
                ('learnt', models.PositiveIntegerField(default=0, verbose_name='completed')),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='started by')),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant')),
            ],
            options={
                'verbose_name': 'import',
                'verbose_name_plural': 'imports',
            },
        ),
        migrations.CreateModel(
            name='BadRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('row', models.PositiveIntegerField(verbose_name='row')),
                ('cells', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('field', models.CharField(blank=True, max_length=30, verbose_name='column')),
                ('reason', models.CharField(max_length=500, verbose_name='reason')),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant')),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='bad_rows', to='shipments.import')),
            ],
        ),
        migrations.CreateModel(
            name='ImportChunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ordinal', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='shipments.import')),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant')),
            ],
        ),
        migrations.CreateModel(
            name='ColumnMatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), size=None)),
                ('default_carrier', models.CharField(blank=True, max_length=20)),
                ('date_order', models.CharField(blank=True, max_length=3)),
                ('used_at', models.DateTimeField()),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('merchant', 'digest'), name='match_once_per_header')],
            },
        ),
        migrations.AddIndex(
            model_name='import',
            index=models.Index(fields=['merchant', '-made_at', '-id'], name='import_newest_idx'),
        ),
        migrations.AddIndex(
            model_name='import',
            index=models.Index(fields=['merchant', 'sha256'], name='import_same_file_idx'),
        ),
        migrations.AddConstraint(
            model_name='import',
            constraint=models.CheckConstraint(condition=models.Q(('state', shipments.enums.WorkState['DRAFT']), ('started_at__isnull', False), _connector='OR'), name='import_begun_unless_draft'),
        ),
        migrations.AddConstraint(
            model_name='badrow',
            constraint=models.UniqueConstraint(fields=('job', 'row'), name='bad_row_once_per_import'),
        ),
        migrations.AddConstraint(
            model_name='importchunk',
            constraint=models.UniqueConstraint(fields=('job', 'ordinal'), name='chunk_once_per_import'),
        ),
    ]
