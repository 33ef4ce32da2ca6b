"""What the merchant's people make of parcels: attention, notes, tags, resolutions; what figures count from; mails."""


import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import shipments.fields
import shipments.models.merchants
import shipments.models.shipments
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0003_carriers'),
    ]

    operations = [
        migrations.CreateModel(
            name='AttentionItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=shipments.models.merchants.reason_choices, max_length=20), size=None, verbose_name='reasons')),
                ('reason', models.CharField(choices=shipments.models.merchants.reason_choices, max_length=20, verbose_name='worst reason')),
                ('rank', models.PositiveSmallIntegerField()),
                ('since', models.DateTimeField(verbose_name='since')),
                ('found_at', models.DateTimeField(verbose_name='found')),
                ('snoozed_until', models.DateTimeField(null=True, verbose_name='put off until')),
                ('done_at', models.DateTimeField(null=True, verbose_name='done')),
                ('done_reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
            ],
            options={
                'verbose_name': 'attention item',
                'verbose_name_plural': 'attention items',
            },
        ),
        migrations.CreateModel(
            name='Mail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20, verbose_name='kind')),
                ('key', models.CharField(max_length=100, null=True, unique=True)),
                ('to', models.EmailField(max_length=254, verbose_name='to')),
                ('subject', models.CharField(max_length=200, verbose_name='subject')),
                ('text', shipments.fields.EncryptedTextField(verbose_name='text')),
                ('html', shipments.fields.EncryptedTextField(blank=True, default='', verbose_name='HTML')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='made')),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now, null=True, verbose_name='due')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('sent_at', models.DateTimeField(null=True, verbose_name='sent')),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='error')),
            ],
            options={
                'verbose_name': 'mail',
                'verbose_name_plural': 'mails',
            },
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=2000, verbose_name='note')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='written')),
            ],
            options={
                'verbose_name': 'note',
                'verbose_name_plural': 'notes',
            },
        ),
        migrations.CreateModel(
            name='PromisedDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('on', models.DateField(null=True, verbose_name='promised day')),
                ('starts', models.TimeField(null=True, verbose_name='from')),
                ('ends', models.TimeField(null=True, verbose_name='to')),
                ('told_at', models.DateTimeField(verbose_name='told')),
            ],
            options={
                'verbose_name': 'promised day',
                'verbose_name_plural': 'promised days',
            },
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lifecycle', models.CharField(choices=shipments.models.shipments.lifecycle_choices, max_length=10)),
                ('status_group', models.CharField(max_length=10)),
                ('parcels', models.IntegerField()),
            ],
            options={
                'verbose_name': 'tally',
                'verbose_name_plural': 'tallies',
            },
        ),
        migrations.RemoveIndex(
            model_name='shipment',
            name='shipment_status_idx',
        ),
        migrations.AddField(
            model_name='membership',
            name='alert_reasons',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=shipments.models.merchants.reason_choices, max_length=20), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='membership',
            name='columns',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, editable=False, size=None),
        ),
        migrations.AddField(
            model_name='membership',
            name='digest_at',
            field=models.TimeField(blank=True, null=True, verbose_name='daily digest at'),
        ),
        migrations.AddField(
            model_name='membership',
            name='digest_sent_on',
            field=models.DateField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='joined_at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='since'),
        ),
        migrations.AddField(
            model_name='membership',
            name='seen_until',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='news seen until'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='first_scan_days',
            field=models.PositiveSmallIntegerField(default=4, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='business days from label to first scan'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='language',
            field=models.CharField(choices=shipments.models.merchants.language_choices, default='en', max_length=10, verbose_name='language'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='late_days',
            field=models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='days past the promised date'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='pickup_days',
            field=models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='days held for pickup'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='proof_always_due',
            field=models.BooleanField(default=False, help_text='Unset: only for parcels that were added with it.', verbose_name='proof is due for every delivery'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='silent_days',
            field=models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='business days without a scan, domestic'),
        ),
        migrations.AddField(
            model_name='merchant',
            name='silent_days_abroad',
            field=models.PositiveSmallIntegerField(default=5, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='business days without a scan, cross-border'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='attempts',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='attempts'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='destination_country',
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name='shipment',
            name='destination_region',
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name='shipment',
            name='first_attempt_on',
            field=models.DateField(null=True, verbose_name='first attempt'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='first_promised_on',
            field=models.DateField(null=True, verbose_name='first promised day'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='first_scan_at',
            field=models.DateTimeField(null=True, verbose_name='first scan'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='first_scan_on',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='shipment',
            name='had_exception',
            field=models.BooleanField(default=False, verbose_name='had an exception'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='labelled_at',
            field=models.DateTimeField(null=True, verbose_name='label'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='origin_country',
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name='shipment',
            name='origin_region',
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name='shipment',
            name='proof_due',
            field=models.BooleanField(default=False, help_text='A delivery without signature or picture needs a person.', verbose_name='proof is due'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='resolution',
            field=models.CharField(blank=True, choices=shipments.models.shipments.resolution_choices, max_length=10, verbose_name='resolution'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='resolved_at',
            field=models.DateTimeField(null=True, verbose_name='resolved'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='resolved_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='resolved by'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='status_since',
            field=models.DateTimeField(null=True, verbose_name='in this status since'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None, verbose_name='tags'),
        ),
        migrations.AddField(
            model_name='shipment',
            name='status_group',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(status__in=['Manifest'], then=models.Value('waiting')), models.When(status__in=['Acceptance', 'PickedUp', 'InTransit'], then=models.Value('moving')), models.When(status__in=['OutForDelivery'], then=models.Value('today')), models.When(status__in=['DeliveryAttempt', 'ReadyForPickup', 'PickupMissed'], then=models.Value('needs-you')), models.When(status__in=['Exception', 'ReturnToSender'], then=models.Value('trouble')), models.When(status__in=['Delivered'], then=models.Value('done')), default=models.Value('unknown')), output_field=models.CharField(max_length=10)),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(fields=['merchant', 'status_group', '-created_at', '-id'], name='shipment_group_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), models.OrderBy(models.F('changed_at'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), name='shipment_news_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('tags', []), _negated=True), fields=['tags'], name='shipment_tags_idx'),
        ),
        migrations.AddField(
            model_name='attentionitem',
            name='done_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='done by'),
        ),
        migrations.AddField(
            model_name='attentionitem',
            name='merchant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant'),
        ),
        migrations.AddField(
            model_name='attentionitem',
            name='owner',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='owner'),
        ),
        migrations.AddField(
            model_name='attentionitem',
            name='shipment',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='attention', to='shipments.shipment', verbose_name='shipment'),
        ),
        migrations.AddField(
            model_name='mail',
            name='merchant',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant'),
        ),
        migrations.AddField(
            model_name='note',
            name='author',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='author'),
        ),
        migrations.AddField(
            model_name='note',
            name='merchant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant'),
        ),
        migrations.AddField(
            model_name='note',
            name='shipment',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='shipments.shipment', verbose_name='shipment'),
        ),
        migrations.AddField(
            model_name='promisedday',
            name='merchant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant'),
        ),
        migrations.AddField(
            model_name='promisedday',
            name='shipment',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='promises', to='shipments.shipment', verbose_name='shipment'),
        ),
        migrations.AddField(
            model_name='tally',
            name='merchant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant'),
        ),
        migrations.AddIndex(
            model_name='attentionitem',
            index=models.Index(condition=models.Q(('done_at', None)), fields=['merchant', 'rank', 'since', 'id'], name='attention_worst_idx'),
        ),
        migrations.AddConstraint(
            model_name='attentionitem',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['exception', 'returning', 'attempted', 'ageing-pickup', 'late', 'silent', 'no-first-scan', 'no-proof', 'not-known'])), name='attention_reason_is_known'),
        ),
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='mail_due_idx'),
        ),
        migrations.AddIndex(
            model_name='note',
            index=models.Index(fields=['shipment', '-made_at'], name='note_of_shipment_idx'),
        ),
        migrations.AddConstraint(
            model_name='promisedday',
            constraint=models.UniqueConstraint(fields=('shipment', 'told_at'), name='one_promise_at_a_time'),
        ),
    ]
