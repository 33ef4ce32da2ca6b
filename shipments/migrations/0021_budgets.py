"""What an account may ask: quotas, the calls of each minute, the breaker, and by when a parcel is wanted."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
import shipments.enums
import shipments.models.budgets
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0020_proof'),
    ]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='budget', serialize=False, to='shipments.carrieraccount')),
                ('next_call_at', models.DateTimeField(null=True)),
                ('next_slot_at', models.DateTimeField(null=True)),
                ('paused_until', models.DateTimeField(null=True, verbose_name='paused until')),
                ('lowered_to', models.PositiveIntegerField(null=True, verbose_name='lowered to calls an hour')),
                ('lowered_until', models.DateTimeField(null=True, verbose_name='lowered until')),
                ('breaker', models.CharField(choices=shipments.models.budgets.breaker_choices, default=shipments.enums.BreakerState['CLOSED'], max_length=10, verbose_name='breaker')),
                ('failures', models.PositiveIntegerField(default=0, verbose_name='failures in a row')),
                ('opened_at', models.DateTimeField(null=True, verbose_name='breaker open since')),
                ('opened_for', models.CharField(blank=True, max_length=20, verbose_name='kind of error that opened the breaker')),
                ('opened_because', models.CharField(blank=True, max_length=500, verbose_name='why the breaker is open')),
                ('probes_at', models.DateTimeField(null=True, verbose_name='next probe')),
                ('probe', models.UUIDField(null=True)),
                ('probe_until', models.DateTimeField(null=True)),
                ('told_at', models.DateTimeField(null=True, verbose_name='owner told')),
            ],
            options={
                'verbose_name': 'budget',
                'verbose_name_plural': 'budgets',
            },
        ),
        migrations.CreateModel(
            name='CallCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('minute', models.DateTimeField()),
                ('calls', models.PositiveIntegerField(default=0)),
                ('by_hand', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'calls of a minute',
                'verbose_name_plural': 'calls by the minute',
            },
        ),
        migrations.CreateModel(
            name='EngineTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('total', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'engine total',
                'verbose_name_plural': 'engine totals',
            },
        ),
        migrations.AddField(
            model_name='carrieraccount',
            name='calls_per_hour',
            field=models.PositiveIntegerField(blank=True, help_text='What the carrier allows this account. Empty: what the gateway publishes.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='calls an hour'),
        ),
        migrations.AddField(
            model_name='carrieraccount',
            name='calls_per_second',
            field=models.PositiveIntegerField(blank=True, help_text='The same by the second.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='calls a second'),
        ),
        migrations.RemoveField(model_name='carrieraccount', name='paused_until'),
        migrations.AddField(
            model_name='watch',
            name='wanted_by',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now, verbose_name='wanted by'),
        ),
        migrations.AddField(
            model_name='watch',
            name='haste',
            field=models.PositiveSmallIntegerField(db_default=1, default=1),
        ),
        migrations.RemoveIndex(model_name='watch', name='watch_due_idx'),
        migrations.AddIndex(
            model_name='watch',
            index=models.Index(condition=models.Q(('by_hand', False), ('due_at__isnull', False), ('lease', None)), fields=['account', 'merchant', 'haste', 'wanted_by'], include=['due_at', 'shipment'], name='watch_rank_idx'),
        ),
        migrations.AddIndex(
            model_name='watch',
            index=models.Index(condition=models.Q(('due_at__isnull', False), ('lease', None)), fields=['account', 'due_at'], name='watch_due_idx'),
        ),
        migrations.AddIndex(
            model_name='watch',
            index=models.Index(condition=models.Q(('by_hand', True), ('due_at__isnull', False), ('lease', None)), fields=['account', 'due_at'], name='watch_by_hand_idx'),
        ),
        migrations.AddIndex(
            model_name='watch',
            index=models.Index(condition=models.Q(('lease__isnull', False)), fields=['due_at', 'account'], name='watch_leased_idx'),
        ),
        migrations.AddConstraint(
            model_name='carrieraccount',
            constraint=models.CheckConstraint(condition=models.Q(('calls_per_hour__isnull', True), ('calls_per_hour__gte', 1), _connector='OR'), name='account_calls_per_hour_are_positive'),
        ),
        migrations.AddConstraint(
            model_name='carrieraccount',
            constraint=models.CheckConstraint(condition=models.Q(('calls_per_second__isnull', True), ('calls_per_second__gte', 1), _connector='OR'), name='account_calls_per_second_are_positive'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('breaker__in', ['closed', 'open', 'half-open'])), name='budget_breaker_is_known'),
        ),
        migrations.AddField(
            model_name='callcount',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.carrieraccount'),
        ),
        migrations.AddField(
            model_name='enginetotal',
            name='account',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.carrieraccount'),
        ),
        migrations.AddConstraint(
            model_name='callcount',
            constraint=models.UniqueConstraint(fields=('account', 'minute'), name='one_call_count_a_minute'),
        ),
        migrations.AddConstraint(
            model_name='enginetotal',
            constraint=models.UniqueConstraint(fields=('name', 'account'), name='one_engine_total_each', nulls_distinct=False),
        ),
    ]
