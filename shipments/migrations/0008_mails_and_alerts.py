"""Mails that say where they are ended, and the news that staff were told of."""

import django.db.models.deletion
import shipments.models.merchants
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0007_attention'),
    ]

    operations = [
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(choices=shipments.models.merchants.reason_choices, max_length=20, verbose_name='reason')),
                ('news_at', models.DateTimeField(verbose_name='news of')),
                ('found_at', models.DateTimeField(db_index=True, verbose_name='found')),
                ('told_at', models.DateTimeField(null=True, verbose_name='told')),
            ],
            options={
                'verbose_name': 'alert',
                'verbose_name_plural': 'alerts',
            },
        ),
        migrations.AddField(
            model_name='mail',
            name='unsubscribe_url',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(condition=models.Q(('due_at', None)), fields=['made_at'], name='mail_over_idx'),
        ),
        migrations.AddField(
            model_name='alert',
            name='merchant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant'),
        ),
        migrations.AddField(
            model_name='alert',
            name='shipment',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.shipment', verbose_name='shipment'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('told_at', None)), fields=['merchant'], name='alert_untold_idx'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['merchant', '-told_at'], name='alert_told_idx'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(fields=('shipment', 'reason', 'news_at'), name='news_told_once'),
        ),
    ]
