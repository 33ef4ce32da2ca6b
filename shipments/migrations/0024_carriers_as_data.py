"""Carriers as data: who is asked about each and under which name, the formats of their numbers, their usual days."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import shipments.models.accounts
import shipments.models.carrier_rules
import shipments.models.carriers
from django.db import migrations, models

# code, format: those whose rule is in code, in the order in which equally sure readings are told.
BUILT_IN = [
    ("PBCS", "PB Delivery"),
    ("FDR", "PB Standard"),
    ("USPS", "USPS IMpb"),
    ("IMB", "IMb"),
    ("USPS", "IMb"),
    ("USPS", "USPS 20"),
    ("USPS", "USPS Legacy"),
    ("USPS", "UPU S10"),
    ("UPS", "UPS 1Z"),
    ("UPS", "UPS Waybill"),
    ("PBI", "PB cross-border"),
    ("FedEx", "FedEx Express 12"),
    ("FedEx", "FedEx Ground 15"),
    ("FedEx", "FedEx Ground SSCC-18"),
    ("FedEx", "FedEx Ground 96"),
    ("FedEx", "FedEx Ground GSN"),
    ("FedEx", "FedEx Express 34"),
    ("FedEx", "FedEx ASTRA"),
    ("NEWGISTICS", "Newgistics"),
]


def seed(apps, schema_editor):
    Carrier = apps.get_model("shipments", "Carrier")
    Route = apps.get_model("shipments", "CarrierRoute")
    Pattern = apps.get_model("shipments", "NumberPattern")
    # As it has been until now: Pitney Bowes is asked about every carrier under its code, USPS about its own parcels first.
    codes = list(Carrier.objects.values_list("pk", flat=True))
    Route.objects.bulk_create(
        Route(carrier_id=code, gateway="pitney_bowes", wire_value=code, position=20) for code in codes
    )
    if "USPS" in codes:
        Route.objects.create(carrier_id="USPS", gateway="usps", wire_value="", position=10)
    Pattern.objects.bulk_create(
        Pattern(carrier_id=code, name=name, is_built_in=True, sure="", position=10 * place)
        for place, (code, name) in enumerate(BUILT_IN, start=1)
        if code in codes
    )


class Migration(migrations.Migration):

    dependencies = [
        ('shipments', '0023_learned_chances'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='maintenancewindow',
            options={'ordering': ['gateway', 'starts', 'pk'], 'verbose_name': 'maintenance window', 'verbose_name_plural': 'maintenance windows'},
        ),
        migrations.AddField(
            model_name='carrier',
            name='scans_in_part',
            field=models.BooleanField(db_default=False, default=False, help_text='Pieces are scanned in a part of their way only, and late: silence raises no alarm, and they are asked about once a day.', verbose_name='scans in part'),
        ),
        migrations.AddField(
            model_name='reckoning',
            name='expected',
            field=models.CharField(blank=True, db_default='', default='', max_length=32),
        ),
        migrations.AlterField(
            model_name='carrier',
            name='code',
            field=models.CharField(help_text='In files, in the command line and in addresses. It stays for good.', max_length=20, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('\\A[A-Za-z0-9][A-Za-z0-9_-]*\\Z', 'A code is made of letters, digits, dashes and underscores.')], verbose_name='code'),
        ),
        migrations.AlterField(
            model_name='carrier',
            name='is_active',
            field=models.BooleanField(default=True, help_text='Unset to take no new parcels of this carrier. Those that are there are followed on.', verbose_name='active'),
        ),
        migrations.AlterField(
            model_name='carrier',
            name='name',
            field=models.CharField(help_text='Shown to merchants and buyers.', max_length=100, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='carrier',
            name='tracking_url',
            field=models.CharField(blank=True, help_text='https, with {number} where the number goes. Buyers find the link on their page.', max_length=200, validators=[shipments.models.carriers.check_page_address], verbose_name="carrier's own page"),
        ),
        migrations.AlterField(
            model_name='carrier',
            name='position',
            field=models.PositiveSmallIntegerField(default=100, help_text='The lower, the sooner it stands in a list.', verbose_name='position'),
        ),
        migrations.CreateModel(
            name='CarrierRoute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('gateway', models.CharField(choices=shipments.models.accounts.gateway_choices, max_length=20, verbose_name='gateway')),
                ('wire_value', models.CharField(blank=True, help_text='What the gateway calls this carrier, in its own capitals and small letters. Empty for USPS, which is asked about numbers alone.', max_length=40, verbose_name='wire value')),
                ('position', models.PositiveSmallIntegerField(default=0, help_text='The lower, the sooner this gateway is taken.', verbose_name='position')),
                ('carrier', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='routes', to='shipments.carrier', verbose_name='carrier')),
            ],
            options={
                'verbose_name': 'gateway of a carrier',
                'verbose_name_plural': 'gateways: who is asked, and under which name',
                'ordering': ['position', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('carrier', 'gateway'), name='route_once_per_gateway', violation_error_message='This gateway is there already.'), models.UniqueConstraint(condition=models.Q(('wire_value', ''), _negated=True), fields=('gateway', 'wire_value'), name='route_wire_value_is_one_carriers', violation_error_message='Another carrier is asked about under this value already.')],
            },
        ),
        migrations.CreateModel(
            name='NumberPattern',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, verbose_name='name of the format')),
                ('pattern', models.CharField(blank=True, help_text='Of a whole number, in capital letters: C\\d{14}, [A-F]{2}\\d{8,9}, D1\\d{10}(\\d{3})?. Empty for formats whose rule is in code.', max_length=120, verbose_name='pattern')),
                ('is_built_in', models.BooleanField(default=False, editable=False, verbose_name='rule in code')),
                ('sure', models.CharField(blank=True, choices=shipments.models.carrier_rules.sureness_choices, default='likely', help_text='Before less sure carriers; among equally sure ones the position decides.', max_length=10, verbose_name='a number of this shape is')),
                ('position', models.PositiveSmallIntegerField(default=500, verbose_name='position')),
                ('is_active', models.BooleanField(default=True, verbose_name='on')),
                ('note', models.CharField(blank=True, help_text='Told to whoever adds such a number.', max_length=200, verbose_name='note')),
                ('carrier', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='patterns', to='shipments.carrier', verbose_name='carrier')),
            ],
            options={
                'verbose_name': 'number format',
                'verbose_name_plural': 'number formats',
                'ordering': ['position', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('carrier', 'name'), name='number_format_once_per_carrier', violation_error_message='There is a format of this name already.'), models.CheckConstraint(condition=models.Q(models.Q(('is_built_in', True), ('pattern', ''), ('sure', '')), models.Q(('is_built_in', False), ('sure__in', ['certain', 'likely', 'possible']), models.Q(('pattern', ''), _negated=True)), _connector='OR'), name='number_format_has_one_rule', violation_error_message='A format has a pattern, and how sure a number of that shape is.')],
            },
        ),
        migrations.CreateModel(
            name='ServicePromise',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('service', models.CharField(blank=True, help_text='Its code or its name, as the carrier writes it; capitals do not matter. Empty: every other service.', max_length=100, verbose_name='service')),
                ('days', models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='days')),
                ('counted', models.CharField(choices=shipments.models.carrier_rules.counted_choices, default='business', max_length=10, verbose_name='counted in')),
                ('note', models.CharField(blank=True, help_text='Where the figure is from, for your colleagues.', max_length=200, verbose_name='note')),
                ('carrier', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='promises', to='shipments.carrier', verbose_name='carrier')),
            ],
            options={
                'verbose_name': 'expected days of a service',
                'verbose_name_plural': 'expected days of services',
                'ordering': ['service', 'pk'],
                'constraints': [models.UniqueConstraint(models.F('carrier'), django.db.models.functions.text.Lower('service'), name='promise_once_per_service', violation_error_message='There is a row for this service already.'), models.CheckConstraint(condition=models.Q(('days__gte', 1), ('days__lte', 60)), name='promise_is_some_days', violation_error_message='A service takes 1 to 60 days.')],
            },
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
