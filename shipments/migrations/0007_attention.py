"""Attention: the partial indexes its rules look parcels up by, a merchant's items by when they were done, and when all were looked through."""

import django.db.models.functions.comparison
import shipments.enums
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0006_list'),
    ]

    operations = [
        migrations.CreateModel(
            name='AttentionReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'attention review',
                'verbose_name_plural': 'attention reviews',
            },
        ),
        migrations.AddIndex(
            model_name='attentionitem',
            index=models.Index(fields=['merchant', '-done_at', '-id'], name='attention_done_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(condition=models.Q(('lifecycle', shipments.enums.Lifecycle['ACTIVE']), ('resolution', ''), models.Q(('status', shipments.enums.Status['DELIVERED']), _negated=True)), fields=['id'], name='shipment_under_way_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(condition=models.Q(('end_reason', shipments.enums.EndReason['TOO_OLD']), ('lifecycle', shipments.enums.Lifecycle['ENDED']), ('resolution', ''), ('status__in', ['Exception', 'ReturnToSender'])), fields=['id'], name='shipment_left_in_trouble_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(django.db.models.functions.comparison.Coalesce('delivered_at', 'status_since', 'changed_at', 'created_at'), condition=models.Q(('proof_url', ''), ('resolution', ''), ('signed_by', ''), ('status', shipments.enums.Status['DELIVERED']), ('proof_due', True)), name='shipment_proof_due_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), django.db.models.functions.comparison.Coalesce('delivered_at', 'status_since', 'changed_at', 'created_at'), condition=models.Q(('proof_url', ''), ('resolution', ''), ('signed_by', ''), ('status', shipments.enums.Status['DELIVERED']), ('proof_due', False)), name='shipment_unproved_idx'),
        ),
        migrations.AddConstraint(
            model_name='attentionreview',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='attention_review_is_one_row'),
        ),
    ]
