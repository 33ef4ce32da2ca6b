"""What the list is found and sorted by: an index for each way; saved views; which parcels' news people have seen."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.utils.timezone
import shipments.models.shipments
import uuid
from django.conf import settings
from django.db import migrations, models


# Immutable, so that an index can be made of it: the cast of an array to text, which would do the same, is not.
# Not for parallel workers: what a page asks is answered before these have started.
FOLD = """
CREATE FUNCTION shipments_folded(text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
    SELECT coalesce(array_agg(lower(tag)), '{}') FROM unnest($1) AS tag
$$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0005_tallies'),
    ]

    operations = [
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('query', models.TextField(blank=True)),
                ('is_shared', models.BooleanField(default=False, verbose_name='for everybody')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'verbose_name': 'saved view',
                'verbose_name_plural': 'saved views',
            },
        ),
        migrations.CreateModel(
            name='SeenParcel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seen_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'seen parcel',
                'verbose_name_plural': 'seen parcels',
            },
        ),
        migrations.RemoveIndex(
            model_name='shipment',
            name='shipment_newest_idx',
        ),
        migrations.RemoveIndex(
            model_name='shipment',
            name='shipment_group_idx',
        ),
        migrations.RemoveIndex(
            model_name='shipment',
            name='shipment_news_idx',
        ),
        migrations.RemoveIndex(
            model_name='shipment',
            name='shipment_tags_idx',
        ),
        migrations.RunSQL(FOLD, 'DROP FUNCTION shipments_folded(text[])'),
        migrations.AddField(
            model_name='shipment',
            name='is_archived',
            field=models.GeneratedField(db_persist=True, expression=models.ExpressionWrapper(models.Q(('lifecycle', 'archived')), output_field=models.BooleanField()), output_field=models.BooleanField()),
        ),
        migrations.AddField(
            model_name='shipment',
            name='recipient_words',
            field=models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.SearchVector('recipient_name', config='simple'), output_field=django.contrib.postgres.search.SearchVectorField()),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(fields=['merchant', 'is_archived', '-created_at', '-id'], name='shipment_newest_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(fields=['merchant', 'is_archived', 'status_group', '-created_at', '-id'], name='shipment_group_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(fields=['merchant', 'is_archived', 'carrier', '-created_at', '-id'], name='shipment_carrier_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), models.F('is_archived'), django.db.models.functions.text.Left('service_name', 100), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='shipment_service_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(condition=models.Q(('lifecycle', 'active')), fields=['merchant', '-created_at', '-id'], name='shipment_active_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), models.F('is_archived'), models.OrderBy(models.F('changed_at'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), name='shipment_news_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), models.F('is_archived'), models.OrderBy(models.F('last_scan_at'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), name='shipment_scan_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), models.F('is_archived'), models.OrderBy(models.F('delivered_on'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), name='shipment_delivered_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(fields=['merchant', 'is_archived', 'estimated_on', 'id'], name='shipment_promised_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), models.F('is_archived'), django.db.models.functions.comparison.Collate(django.db.models.functions.text.Upper('order_number'), 'C'), models.F('id'), name='shipment_order_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(condition=models.Q(('delivered_on', None), models.Q(('status__in', ('Delivered', 'ReturnToSender')), _negated=True)), fields=['merchant', 'is_archived', 'estimated_on', 'id'], name='shipment_late_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(condition=models.Q(('proof_url', ''), _negated=True), fields=['merchant', 'is_archived', '-created_at', '-id'], name='shipment_proof_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(condition=models.Q(('proof_url', ''), ('status', 'Delivered')), fields=['merchant', 'is_archived', '-created_at', '-id'], name='shipment_no_proof_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(condition=models.Q(('resolution', ''), _negated=True), fields=['merchant', 'is_archived', 'resolution', '-created_at', '-id'], name='shipment_resolution_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(condition=models.Q(('tags', []), _negated=True), fields=['merchant', 'is_archived', '-created_at', '-id'], name='shipment_tagged_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), django.contrib.postgres.indexes.OpClass('number', 'text_pattern_ops'), name='shipment_number_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Reverse('number'), 'text_pattern_ops'), name='shipment_number_end_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper(django.db.models.functions.text.Left('last_location', 100)), 'text_pattern_ops'), name='shipment_place_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=django.contrib.postgres.indexes.GinIndex(fields=['recipient_words'], name='shipment_recipient_idx'),
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=django.contrib.postgres.indexes.GinIndex(shipments.models.shipments.Folded('tags'), condition=models.Q(('tags', []), _negated=True), name='shipment_tags_idx'),
        ),
        migrations.AddField(
            model_name='savedview',
            name='merchant',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant', verbose_name='merchant'),
        ),
        migrations.AddField(
            model_name='savedview',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='owner'),
        ),
        migrations.AddField(
            model_name='seenparcel',
            name='membership',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.membership'),
        ),
        migrations.AddField(
            model_name='seenparcel',
            name='shipment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.shipment'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(fields=('merchant', 'owner', 'name'), name='one_view_of_a_name'),
        ),
        migrations.AddConstraint(
            model_name='seenparcel',
            constraint=models.UniqueConstraint(fields=('membership', 'shipment'), name='seen_once_per_person'),
        ),
    ]
