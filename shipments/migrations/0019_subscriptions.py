"""Buyers who wish for mails about a parcel, and imports that note their consent."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
import shipments.fields
import shipments.models.merchants
import shipments.models.subscriptions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0018_who_knew_what'),
    ]

    operations = [
        migrations.AddField(
            model_name='import',
            name='subscribed',
            field=models.PositiveIntegerField(default=0, verbose_name='buyers subscribed'),
        ),
        migrations.AddField(
            model_name='import',
            name='unconsented',
            field=models.PositiveIntegerField(default=0, verbose_name='addresses without consent'),
        ),
        migrations.AddField(
            model_name='mail',
            name='sender_name',
            field=models.CharField(blank=True, db_default='', max_length=200, verbose_name='sender'),
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, null=True, verbose_name='e-mail address')),
                ('wants', models.CharField(choices=shipments.models.subscriptions.wants_choices, max_length=8, verbose_name='wants')),
                ('language', models.CharField(choices=shipments.models.merchants.language_choices, max_length=10, verbose_name='language')),
                ('sight', models.PositiveSmallIntegerField(choices=shipments.models.subscriptions.sight_choices, verbose_name='sight')),
                ('consent', models.CharField(blank=True, db_default='', max_length=200, verbose_name='consent')),
                ('consent_source', models.CharField(blank=True, db_default='', max_length=250, verbose_name='source of the consent')),
                ('confirmed_at', models.DateTimeField(verbose_name='since')),
                ('news_after', models.DateTimeField()),
                ('told', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None, verbose_name='told')),
                ('due_at', models.DateTimeField(null=True, verbose_name='due')),
                ('stop_token', shipments.fields.EncryptedTextField(null=True)),
                ('stop_sha256', models.CharField(max_length=64, null=True)),
                ('unsubscribed_at', models.DateTimeField(null=True, verbose_name='ended')),
                ('consent_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='noted by')),
                ('link', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='shipments.privatelink', verbose_name='private link')),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant')),
                ('shipment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='shipments.shipment', verbose_name='shipment')),
            ],
            options={
                'verbose_name': 'subscription',
                'verbose_name_plural': 'subscriptions',
            },
        ),
        migrations.AddField(
            model_name='mail',
            name='subscription',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='mails', to='shipments.subscription', verbose_name='subscription'),
        ),
        migrations.CreateModel(
            name='SubscriptionRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail address')),
                ('wants', models.CharField(choices=shipments.models.subscriptions.wants_choices, max_length=8, verbose_name='wants')),
                ('language', models.CharField(choices=shipments.models.merchants.language_choices, max_length=10, verbose_name='language')),
                ('sight', models.PositiveSmallIntegerField(choices=shipments.models.subscriptions.sight_choices, verbose_name='sight')),
                ('token_sha256', models.CharField(max_length=64, unique=True)),
                ('asked_at', models.DateTimeField(verbose_name='asked')),
                ('expires_at', models.DateTimeField(db_index=True, verbose_name='open until')),
                ('confirmed_at', models.DateTimeField(null=True, verbose_name='confirmed')),
                ('link', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.privatelink', verbose_name='private link')),
                ('merchant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant')),
                ('shipment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.shipment', verbose_name='shipment')),
            ],
            options={
                'verbose_name': 'subscription request',
                'verbose_name_plural': 'subscription requests',
            },
        ),
        migrations.AddField(
            model_name='mail',
            name='request',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='mails', to='shipments.subscriptionrequest', verbose_name='subscription request'),
        ),
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(condition=models.Q(('subscription__isnull', False)), fields=['subscription'], name='mail_of_subscription_idx'),
        ),
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(condition=models.Q(('request__isnull', False)), fields=['request'], name='mail_of_request_idx'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='subscription_due_idx'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('email__isnull', False)), fields=['confirmed_at'], name='subscription_address_idx'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('link__isnull', False)), fields=['link'], name='subscription_link_idx'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(models.F('shipment'), django.db.models.functions.text.Lower('email'), name='address_once_per_parcel'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(condition=models.Q(('stop_sha256__isnull', False)), fields=('stop_sha256',), name='stop_token_once'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('due_at', None), ('unsubscribed_at', None), _connector='OR'), name='subscription_ended_is_not_due'),
        ),
    ]
