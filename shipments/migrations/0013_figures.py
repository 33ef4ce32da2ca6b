"""Figures counted ahead: cohorts by day and week, and triggers that mark the days whose parcels have changed."""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models

# What a cohort is counted from; a change of anything else leaves its day alone.
COUNTED = """
    merchant_id, carrier_id, service_name, service_code, origin_country, origin_region, destination_country, destination_region,
    mailing_date, shipped_on, first_scan_on, labelled_at, first_promised_on, first_attempt_on, attempts, had_exception,
    status, delivered_on, lifecycle, end_reason, resolution
"""
MAKE = """
CREATE FUNCTION shipments_day_is_stale_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shipments_staleday (merchant_id, day)
    SELECT DISTINCT merchant_id, coalesce(mailing_date, shipped_on, first_scan_on) FROM added
    WHERE coalesce(mailing_date, shipped_on, first_scan_on) IS NOT NULL;
    RETURN NULL;
END
$$;
CREATE FUNCTION shipments_day_is_stale_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shipments_staleday (merchant_id, day)
    SELECT DISTINCT merchant_id, coalesce(mailing_date, shipped_on, first_scan_on) FROM removed
    WHERE coalesce(mailing_date, shipped_on, first_scan_on) IS NOT NULL;
    RETURN NULL;
END
$$;
-- A parcel may move from one day to another: both are stale. What stands once on each side has not changed.
CREATE FUNCTION shipments_day_is_stale_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shipments_staleday (merchant_id, day)
    SELECT DISTINCT merchant_id, coalesce(mailing_date, shipped_on, first_scan_on) FROM (
        (SELECT id, %(counted)s FROM removed EXCEPT SELECT id, %(counted)s FROM added)
        UNION ALL (SELECT id, %(counted)s FROM added EXCEPT SELECT id, %(counted)s FROM removed)
    ) AS changes
    WHERE coalesce(mailing_date, shipped_on, first_scan_on) IS NOT NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER day_is_stale_added AFTER INSERT ON shipments_shipment
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shipments_day_is_stale_added();
CREATE TRIGGER day_is_stale_removed AFTER DELETE ON shipments_shipment
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION shipments_day_is_stale_removed();
CREATE TRIGGER day_is_stale_changed AFTER UPDATE ON shipments_shipment
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shipments_day_is_stale_changed();

INSERT INTO shipments_staleday (merchant_id, day)
SELECT DISTINCT merchant_id, coalesce(mailing_date, shipped_on, first_scan_on) FROM shipments_shipment
WHERE coalesce(mailing_date, shipped_on, first_scan_on) IS NOT NULL;
""" % {"counted": COUNTED}
DROP = """
DROP TRIGGER day_is_stale_added ON shipments_shipment;
DROP TRIGGER day_is_stale_removed ON shipments_shipment;
DROP TRIGGER day_is_stale_changed ON shipments_shipment;
DROP FUNCTION shipments_day_is_stale_added();
DROP FUNCTION shipments_day_is_stale_removed();
DROP FUNCTION shipments_day_is_stale_changed();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0012_imports'),
    ]

    operations = [
        migrations.CreateModel(
            name='Cohort',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('cut', models.CharField(max_length=12)),
                ('span', models.CharField(max_length=4)),
                ('starts_on', models.DateField()),
                ('lane', models.CharField(max_length=11)),
                ('carrier', models.CharField(max_length=20)),
                ('service', models.CharField(max_length=100)),
                ('parcels', models.IntegerField(default=0)),
                ('scanned', models.IntegerField(default=0)),
                ('under_way', models.IntegerField(default=0)),
                ('judged', models.IntegerField(default=0)),
                ('on_time', models.IntegerField(default=0)),
                ('not_due', models.IntegerField(default=0)),
                ('delivered', models.IntegerField(default=0)),
                ('first_try', models.IntegerField(default=0)),
                ('attempted', models.IntegerField(default=0)),
                ('failed_attempts', models.IntegerField(default=0)),
                ('exceptions', models.IntegerField(default=0)),
                ('returns', models.IntegerField(default=0)),
                ('transit_days', models.DecimalField(decimal_places=0, default=0, max_digits=488)),
                ('transit_business_days', models.DecimalField(decimal_places=0, default=0, max_digits=488)),
                ('first_scan_days', models.DecimalField(decimal_places=0, default=0, max_digits=488)),
                ('first_scan_business_days', models.DecimalField(decimal_places=0, default=0, max_digits=488)),
                ('open_until', models.DateField(null=True)),
            ],
            options={
                'verbose_name': 'cohort',
                'verbose_name_plural': 'cohorts',
            },
        ),
        migrations.CreateModel(
            name='Reckoning',
            fields=[
                ('merchant', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='reckoning', serialize=False, to='shipments.merchant')),
                ('as_of', models.DateTimeField(null=True)),
                ('today', models.DateField(null=True)),
                ('time_zone', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'verbose_name': 'reckoning',
                'verbose_name_plural': 'reckonings',
            },
        ),
        migrations.CreateModel(
            name='StaleDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
            ],
            options={
                'verbose_name': 'stale day',
                'verbose_name_plural': 'stale days',
            },
        ),
        migrations.AddIndex(
            model_name='shipment',
            index=models.Index(models.F('merchant'), django.db.models.functions.comparison.Coalesce('mailing_date', 'shipped_on', 'first_scan_on'), name='shipment_cohort_idx'),
        ),
        migrations.AddField(
            model_name='cohort',
            name='merchant',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='shipments.merchant'),
        ),
        migrations.AddField(
            model_name='staleday',
            name='merchant',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='shipments.merchant'),
        ),
        migrations.AddConstraint(
            model_name='cohort',
            constraint=models.UniqueConstraint(fields=('merchant', 'cut', 'span', 'starts_on', 'lane', 'carrier', 'service'), name='cohort_is_counted_once'),
        ),
        migrations.AddConstraint(
            model_name='cohort',
            constraint=models.CheckConstraint(condition=models.Q(('cut__in', ['all', 'carrier', 'service', 'lane', 'carrier lane', 'service lane']), ('span__in', ['day', 'week'])), name='cohort_cut_and_span_are_known'),
        ),
        migrations.AddIndex(
            model_name='staleday',
            index=models.Index(fields=['merchant', 'day'], name='stale_day_idx'),
        ),
        migrations.RunSQL(MAKE, DROP),
    ]
