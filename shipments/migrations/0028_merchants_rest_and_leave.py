"""Merchants: suspended and put back to work, limits, all their data as a file, and deleted for good."""

import datetime
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import shipments.enums
import shipments.models.work
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0027_health'),
    ]

    operations = [
        migrations.CreateModel(
            name='ExportChunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ordinal', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
            ],
            options={
                'verbose_name': 'piece of an export',
                'verbose_name_plural': 'pieces of exports',
            },
        ),
        migrations.CreateModel(
            name='ExportedFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ordinal', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('section', models.CharField(max_length=50)),
                ('rows', models.PositiveIntegerField()),
                ('offset', models.PositiveBigIntegerField()),
                ('size', models.PositiveBigIntegerField()),
                ('packed_size', models.PositiveBigIntegerField()),
                ('crc', models.PositiveBigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
            ],
            options={
                'verbose_name': 'file of an export',
                'verbose_name_plural': 'files of exports',
            },
        ),
        migrations.CreateModel(
            name='ExportPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ordinal', models.PositiveIntegerField()),
                ('parcels', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={
                'verbose_name': 'part of an export',
                'verbose_name_plural': 'parts of exports',
            },
        ),
        migrations.CreateModel(
            name='MerchantDeletion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('merchant', models.BigIntegerField(verbose_name='merchant')),
                ('slug', models.CharField(max_length=50, verbose_name='short name')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('asked_at', models.DateTimeField(verbose_name='asked for')),
                ('asked_by', models.BigIntegerField(null=True, verbose_name='asked for by')),
                ('due_at', models.DateTimeField(verbose_name='from when on')),
                ('suspends', models.BooleanField(default=False)),
                ('called_off_at', models.DateTimeField(null=True, verbose_name='called off')),
                ('begun_at', models.DateTimeField(null=True, verbose_name='begun')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('counts', models.JSONField(default=dict, verbose_name='rows deleted')),
            ],
            options={
                'verbose_name': 'deletion of a merchant',
                'verbose_name_plural': 'deletions of merchants',
            },
        ),
        migrations.CreateModel(
            name='MerchantExport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=shipments.models.work.work_state_choices, db_index=True, default=shipments.enums.WorkState['WAITING'], max_length=10, verbose_name='state')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='started')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('leased_until', models.DateTimeField(null=True)),
                ('cancel_asked', models.BooleanField(default=False)),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='error')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('as_of', models.DateTimeField(null=True, verbose_name='as of')),
                ('section', models.PositiveIntegerField(default=0)),
                ('part', models.PositiveIntegerField(default=0)),
                ('after_id', models.BigIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0, verbose_name='parcels')),
                ('done', models.PositiveIntegerField(default=0, verbose_name='parcels written')),
                ('size', models.PositiveBigIntegerField(default=0, verbose_name='bytes')),
                ('chunks', models.PositiveIntegerField(default=0)),
                ('files', models.PositiveIntegerField(default=0)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('expired', models.BooleanField(default=False, verbose_name='the file is dropped')),
            ],
            options={
                'verbose_name': 'export of a merchant',
                'verbose_name_plural': 'exports of merchants',
            },
        ),
        migrations.CreateModel(
            name='WatchMove',
            fields=[
                ('merchant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='watch_move', serialize=False, to='shipments.merchant')),
                ('is_back', models.BooleanField()),
                ('spread', models.DurationField(default=datetime.timedelta)),
                ('after_at', models.DateTimeField(null=True)),
                ('after_id', models.BigIntegerField(null=True)),
            ],
            options={
                'verbose_name': 'move of watches',
                'verbose_name_plural': 'moves of watches',
            },
        ),
        migrations.AddField(
            model_name='merchant',
            name='most_asked',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='parcels asked about by hand, an hour'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='most_import_rows',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='rows of an import'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='most_imports',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='imports at a time'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='most_new_parcels',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='new parcels a day'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='most_parcels',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='parcels followed at a time'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='most_people',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='people, invited ones included'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='suspended_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='suspended since'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='suspended_because',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=300, verbose_name='why it is suspended'),
        ),
        migrations.AddIndex(
            model_name='watch',
            index=models.Index(condition=models.Q(('error_answer__isnull', False)), fields=['error_answer'], name='watch_error_answer_idx'),
        ),
        migrations.AddField(
            model_name='exportchunk',
            name='merchant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant'),
        ),
        migrations.AddField(
            model_name='exportedfile',
            name='merchant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant'),
        ),
        migrations.AddField(
            model_name='exportpart',
            name='merchant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant'),
        ),
        migrations.AddIndex(
            model_name='merchantdeletion',
            index=models.Index(condition=models.Q(('called_off_at', None), ('finished_at', None)), fields=['due_at'], name='merchant_deletion_due_idx'),
        ),
        migrations.AddConstraint(
            model_name='merchantdeletion',
            constraint=models.UniqueConstraint(condition=models.Q(('called_off_at', None), ('finished_at', None)), fields=('merchant',), name='one_open_deletion_per_merchant'),
        ),
        migrations.AddConstraint(
            model_name='merchantdeletion',
            constraint=models.CheckConstraint(condition=models.Q(('called_off_at', None), ('begun_at', None), _connector='OR'), name='begun_deletion_is_not_called_off'),
        ),
        migrations.AddField(
            model_name='merchantexport',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='started by'),
        ),
        migrations.AddField(
            model_name='merchantexport',
            name='merchant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant'),
        ),
        migrations.AddField(
            model_name='exportpart',
            name='export',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchantexport'),
        ),
        migrations.AddField(
            model_name='exportedfile',
            name='export',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchantexport'),
        ),
        migrations.AddField(
            model_name='exportchunk',
            name='export',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchantexport'),
        ),
        migrations.AddConstraint(
            model_name='merchantexport',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', [shipments.enums.WorkState['WAITING'], shipments.enums.WorkState['RUNNING']])), fields=('merchant',), name='one_export_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='exportpart',
            constraint=models.UniqueConstraint(fields=('export', 'ordinal'), name='export_part_once'),
        ),
        migrations.AddConstraint(
            model_name='exportedfile',
            constraint=models.UniqueConstraint(fields=('export', 'ordinal'), name='exported_file_once'),
        ),
        migrations.AddConstraint(
            model_name='exportchunk',
            constraint=models.UniqueConstraint(fields=('export', 'ordinal'), name='export_chunk_once'),
        ),
        # For each answer that is deleted the database would look through all scans.
        migrations.AlterField(
            model_name='scanevent',
            name='answer',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='scans', to='shipments.answer', verbose_name='answer'),
        ),
    ]
