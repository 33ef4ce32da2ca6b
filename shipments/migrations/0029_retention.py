"""Ages of data, what was erased of which parcel, and receipts of erasures that buyers asked for."""

import secrets

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.utils.timezone
import shipments.fields
import shipments.models.retention
import uuid
from django.conf import settings
from django.db import migrations, models


def make_key(apps, _schema_editor):
    """The key of the digests, now: a backup from before the first erasure must have it, too."""
    apps.get_model("shipments", "ErasureKey").objects.get_or_create(
        pk=1, defaults={"value": secrets.token_hex(32)}
    )


def make_rules(apps, _schema_editor):
    """A rule of the platform for each kind, to be set by an operator: nothing is erased that nobody has decided on."""
    rules = apps.get_model("shipments", "RetentionRule").objects
    for kind in ("personal", "answers", "proofs", "scans", "audit"):
        rules.get_or_create(merchant=None, kind=kind)


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0028_merchants_rest_and_leave'),
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('by', models.CharField(choices=shipments.models.retention.erased_by_choices, max_length=10, verbose_name='found by')),
                ('term', shipments.fields.EncryptedTextField(editable=False, null=True)),
                ('term_digest', models.CharField(max_length=64, verbose_name='keyed digest of what was looked for')),
                ('with_parcels', models.BooleanField(default=True, verbose_name='with the parcels themselves')),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='asked')),
                ('done_at', models.DateTimeField(null=True, verbose_name='done')),
                ('counts', models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict, verbose_name='erased')),
                ('after_parcel', models.BigIntegerField(default=0)),
                ('after_subscription', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
            },
        ),
        migrations.CreateModel(
            name='ErasureKey',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('value', shipments.fields.EncryptedTextField()),
            ],
            options={
                'verbose_name': 'erasure key',
                'verbose_name_plural': 'erasure keys',
            },
        ),
        migrations.CreateModel(
            name='RetentionRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=shipments.models.retention.kept_choices, max_length=10, verbose_name='kind of data')),
                ('days', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(30), django.core.validators.MaxValueValidator(3650)], verbose_name='days kept')),
            ],
            options={
                'verbose_name': 'retention rule',
                'verbose_name_plural': 'retention rules',
                'ordering': ['merchant__name', 'kind'],
            },
        ),
        migrations.AddField(
            model_name='shipment',
            name='erased_parts',
            field=models.SmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='shipment',
            name='erasures',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict, editable=False),
        ),
        migrations.AlterField(
            model_name='answer',
            name='body',
            field=models.BinaryField(null=True, verbose_name='compressed part'),
        ),
        migrations.AlterField(
            model_name='proofpicture',
            name='data',
            field=models.BinaryField(null=True, verbose_name='picture'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), models.F('erased_parts'), models.F('lifecycle'), django.db.models.functions.comparison.Coalesce('changed_at', 'created_at'), models.F('id'), name='shipment_kept_idx'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(django.db.models.functions.text.Lower('email'), condition=models.Q(('email__isnull', False)), name='subscription_email_idx'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='asked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='asked by'),
        ),
        migrations.AddField(
            model_name='erasure',
            name='merchant',
            field=models.ForeignKey(help_text='Empty: all of them.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant'),
        ),
        migrations.AddConstraint(
            model_name='erasurekey',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='erasure_key_is_one_row'),
        ),
        migrations.AddField(
            model_name='retentionrule',
            name='merchant',
            field=models.ForeignKey(blank=True, db_index=False, help_text='Empty: all merchants without a rule of their own for this kind.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='retention_rules', to='shipments.merchant', verbose_name='merchant'),
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(condition=models.Q(('done_at', None)), fields=['asked_at'], name='erasure_open_idx'),
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(fields=['term_digest'], name='erasure_digest_idx'),
        ),
        migrations.AddConstraint(
            model_name='erasure',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at', None), ('term__isnull', False)), models.Q(('done_at__isnull', False), ('term', None)), _connector='OR'), name='erasure_forgets_whom'),
        ),
        migrations.AddConstraint(
            model_name='retentionrule',
            constraint=models.UniqueConstraint(fields=('merchant', 'kind'), name='one_age_per_kind', nulls_distinct=False, violation_error_message='There is a rule for this kind of data already: change that one.'),
        ),
        migrations.AddConstraint(
            model_name='retentionrule',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['personal', 'answers', 'proofs', 'scans', 'audit'])), name='rule_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='retentionrule',
            constraint=models.CheckConstraint(condition=models.Q(('days', None), ('days__range', (30, 3650)), _connector='OR'), name='rule_days_within_bounds'),
        ),
        migrations.AddConstraint(
            model_name='retentionrule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'audit'), _negated=True), ('merchant', None), _connector='OR'), name='audit_age_is_the_platforms', violation_error_message='The audit is dropped by whole months, which hold the entries of all merchants: leave the merchant empty.'),
        ),
        migrations.RunPython(make_key, migrations.RunPython.noop),
        migrations.RunPython(make_rules, migrations.RunPython.noop),
    ]
