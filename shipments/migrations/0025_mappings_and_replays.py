"""Mappings of status words, the words nobody knows, replays; and scans found by what mappings speak of.

The indexes are made while scans are being stored, which takes a while at ten million and locks nobody out: each statement is a
transaction of its own.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.fields.json
import django.utils.timezone
import shipments.enums
import shipments.models.scans
import shipments.models.work
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


# Of the scans there are: by the index that was just made.
COUNT_WORDS = """
INSERT INTO shipments_unrecognisedword (carrier_id, word, scans, first_seen_at, last_seen_at)
SELECT shipment.carrier_id, scan.details ->> 'packageStatus', count(*), min(scan.ordered_at), max(scan.ordered_at)
FROM shipments_scanevent AS scan JOIN shipments_shipment AS shipment ON shipment.id = scan.shipment_id
WHERE scan.status_by <> 'carrier' AND scan.details ? 'packageStatus'
    AND lower(regexp_replace(scan.details ->> 'packageStatus', '\\s', '', 'g')) <> ALL (ARRAY['manifest', 'acceptance', 'pickedup',
        'intransit', 'outfordelivery', 'deliveryattempt', 'readyforpickup', 'pickupmissed', 'delivered', 'returntosender', 'exception'])
GROUP BY 1, 2
"""


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('shipments', '0024_carriers_as_data'),
    ]

    operations = [
        # What a run that was broken off has left would be in the way.
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS scan_code_idx', migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='scanevent',
            index=models.Index(condition=models.Q(models.Q(('status_by', 'carrier'), _negated=True), models.Q(('code', ''), _negated=True)), fields=['code', 'shipment'], name='scan_code_idx'),
        ),
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS scan_text_idx', migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='scanevent',
            index=models.Index(shipments.models.scans.TextHash('text'), models.F('shipment'), condition=models.Q(('status_by', 'carrier'), _negated=True), name='scan_text_idx'),
        ),
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS scan_word_idx', migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='scanevent',
            index=models.Index(django.db.models.fields.json.KeyTextTransform('packageStatus', 'details'), models.F('shipment'), condition=models.Q(models.Q(('status_by', 'carrier'), _negated=True), ('details__has_key', 'packageStatus')), name='scan_word_idx'),
        ),
        migrations.CreateModel(
            name='Replay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=shipments.models.work.work_state_choices, db_index=True, default=shipments.enums.WorkState['WAITING'], max_length=10, verbose_name='state')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='started')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('leased_until', models.DateTimeField(null=True)),
                ('cancel_asked', models.BooleanField(default=False)),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='error')),
                ('code', models.CharField(blank=True, max_length=100, verbose_name="carrier's code")),
                ('text', models.CharField(blank=True, max_length=200, verbose_name="carrier's text")),
                ('word', models.CharField(blank=True, max_length=100, verbose_name="carrier's status word")),
                ('fence', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), editable=False, null=True, size=None)),
                ('fence_at', models.DateTimeField(editable=False, null=True)),
                ('after_id', models.BigIntegerField(default=0, editable=False)),
                ('until_id', models.BigIntegerField(editable=False, null=True)),
                ('total', models.PositiveIntegerField(editable=False, null=True, verbose_name='parcels')),
                ('done', models.PositiveIntegerField(default=0, editable=False, verbose_name='parcels done')),
                ('answers', models.PositiveIntegerField(default=0, editable=False, verbose_name='answers read')),
                ('changed', models.PositiveIntegerField(default=0, editable=False, verbose_name='parcels with another status')),
                ('scans_changed', models.PositiveIntegerField(default=0, editable=False, verbose_name='scans with another status')),
                ('by_scans', models.PositiveIntegerField(default=0, editable=False, verbose_name='parcels read from their scans')),
                ('failed', models.PositiveIntegerField(default=0, editable=False, verbose_name='parcels left as they were')),
                ('tries', models.PositiveSmallIntegerField(default=0, editable=False)),
            ],
            options={
                'verbose_name': 'replay',
                'verbose_name_plural': 'replays',
            },
        ),
        migrations.CreateModel(
            name='UnrecognisedWord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scans', models.PositiveIntegerField(default=0, verbose_name='scans')),
                ('first_seen_at', models.DateTimeField(verbose_name='first seen')),
                ('last_seen_at', models.DateTimeField(verbose_name='last seen')),
                ('word', models.CharField(max_length=100, verbose_name="carrier's status word")),
            ],
            options={
                'verbose_name': 'unrecognised status word',
                'verbose_name_plural': 'unrecognised status words',
            },
        ),
        migrations.RemoveConstraint(
            model_name='statusmapping',
            name='mapping_once_per_code_and_text',
        ),
        migrations.RemoveConstraint(
            model_name='statusmapping',
            name='mapping_names_a_code_or_a_text',
        ),
        migrations.AddField(
            model_name='statusmapping',
            name='word',
            field=models.CharField(blank=True, db_default='', default='', help_text='What Pitney Bowes sends as packageStatus, where it is none of the words we know.', max_length=100, verbose_name="carrier's status word"),
        ),
        migrations.AlterField(
            model_name='statusmapping',
            name='code',
            field=models.CharField(blank=True, help_text='As the carrier writes it.', max_length=100, verbose_name="carrier's code"),
        ),
        migrations.AlterField(
            model_name='statusmapping',
            name='text',
            field=models.CharField(blank=True, help_text='Compared whole; capitals and small letters A–Z are alike.', max_length=200, verbose_name="carrier's text"),
        ),
        migrations.AddConstraint(
            model_name='statusmapping',
            constraint=models.UniqueConstraint(fields=('carrier', 'code', 'text', 'word'), name='mapping_once_per_words', violation_error_message='There is a mapping for exactly this already: change that one.'),
        ),
        migrations.AddConstraint(
            model_name='statusmapping',
            constraint=models.CheckConstraint(condition=models.Q(('code', ''), ('text', ''), ('word', ''), _negated=True), name='mapping_names_some_word', violation_error_message='Name a code, a text or a status word.'),
        ),
        migrations.AddField(
            model_name='replay',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='started by'),
        ),
        migrations.AddField(
            model_name='replay',
            name='carrier',
            field=models.ForeignKey(blank=True, help_text='Empty: all carriers.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.carrier', verbose_name='carrier'),
        ),
        migrations.AddField(
            model_name='unrecognisedword',
            name='carrier',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.carrier', verbose_name='carrier'),
        ),
        migrations.AddConstraint(
            model_name='replay',
            constraint=models.CheckConstraint(condition=models.Q(('carrier__isnull', False), models.Q(('code', ''), ('text', ''), ('word', '')), _connector='OR'), name='replay_of_words_names_the_carrier', violation_error_message="Codes and texts mean each carrier's own things: name the carrier."),
        ),
        migrations.AddConstraint(
            model_name='unrecognisedword',
            constraint=models.UniqueConstraint(fields=('carrier', 'word'), name='unrecognised_word_once'),
        ),
        migrations.RunSQL(COUNT_WORDS, migrations.RunSQL.noop),
    ]
